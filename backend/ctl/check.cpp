#include "backend/ctl/common.hpp"
#include "backend/ctl/outcome.hpp"
#include "backend/toolstack/changes.hpp"
#include "backend/toolstack/definitions.hpp"
#include "backend/toolstack/served.hpp"
#include "backend/toolstack/unit_check.hpp"
#include "backend/toolstack/xl_file.hpp"
#include "common/base/printable.hpp"

#include "common/config/policies.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

namespace pvscsi::ctl {

namespace {

struct Findings {
    std::string where; ///< what a remark's line begins with
    ParsedList list;
    std::vector<std::string> lines; ///< of mistakes that are no entry's
    std::vector<std::string> notes; ///< of what does not count
    std::string domain;             ///< of a file
    std::string uuid;               ///< its own
};

/// A line has a comma; a file's name may have one, too, but then it is there.
bool is_entry(const std::string& what) {
    return what.find(',') != std::string::npos && ::access(what.c_str(), F_OK) != 0;
}

/// `definitions`: where changes of the entries are; empty: of the file alone.
Findings read(const std::string& what, const std::string& definitions) {
    if (is_entry(what))
        return {"", parse_vscsi({what}), {}, {}, "", ""};
    XlFile file = read_xl_file(what);
    auto entries = entries_of(file, definitions);
    file.mistakes.insert(file.mistakes.end(), entries.mistakes.begin(), entries.mistakes.end());
    return {what + ": vscsi: ",
            std::move(entries.list),
            std::move(file.mistakes),
            std::move(entries.notes),
            file.name,
            file.uuid};
}

void add(Findings& findings, std::vector<Remark> remarks) {
    auto& mistakes = findings.list.mistakes;
    std::move(remarks.begin(), remarks.end(), std::back_inserter(mistakes));
    std::stable_sort(mistakes.begin(), mistakes.end(),
                     [](const Remark& a, const Remark& b) { return a.entry < b.entry; });
}

std::vector<Lun> sound_luns(const std::vector<Lun>& luns, const std::vector<Remark>& mistakes) {
    std::vector<Lun> sound;
    std::copy_if(luns.begin(), luns.end(), std::back_inserter(sound), [&](const Lun& lun) {
        return std::none_of(mistakes.begin(), mistakes.end(),
                            [&](const Remark& mistake) { return mistake.entry == lun.entry; });
    });
    return sound;
}

/// As the daemon will, which knows those of its settings.
std::vector<Remark> unknown_policies(const Context& context, const std::vector<Lun>& here) {
    std::vector<Remark> mistakes;
    for (const Lun& lun : here)
        if (!lun.policy.empty())
            if (auto policy = config::find_policy(lun.policy, context.settings.policies); !policy)
                mistakes.push_back({lun.entry, "policy=" + lun.policy,
                                    std::move(policy.error().reason),
                                    std::move(policy.error().remedy)});
    return mistakes;
}

/// Of a file that is one of several with the same domain.
std::vector<std::string> contested(const Definitions& definitions, const Findings& findings,
                                   const std::string& what) {
    auto files = definitions.rivals_of(findings.domain, findings.uuid);
    std::error_code error;
    if (std::none_of(files.begin(), files.end(), [&](const std::string& file) {
            return std::filesystem::equivalent(file, what, error);
        }))
        return {}; // the daemon does not go by it
    return files.size() > 1
               ? std::vector{contest_text(files, "'" + printable(findings.domain) + "'")}
               : std::vector<std::string>();
}

/// What other files that the daemon goes by have to do with the file's domain; what is wrong with
/// the file itself is told as such.
std::vector<std::string> troubles_of_domain(const Context& context, const Findings& findings,
                                            const std::string& what) {
    if (findings.domain.empty())
        return {};
    Definitions definitions(context.definition_files, context.definitions);
    definitions.refresh([](const std::string&) {});
    auto lines = contested(definitions, findings, what);
    for (const BrokenLink& link : definitions.broken_links())
        if (link.domain == findings.domain && !link.of_file)
            lines.push_back(link.text);
    return lines;
}

CheckResult result_of(const Findings& findings) {
    CheckResult result{findings.lines, findings.notes, {}, findings.list.luns.size(), {}};
    for (const Remark& mistake : findings.list.mistakes)
        result.problems.push_back(findings.where + to_string(mistake));
    for (const Remark& warning : findings.list.warnings)
        result.warnings.push_back(findings.where + to_string(warning));
    return result;
}

} // namespace

CheckResult check_syntax(const std::string& what) {
    const Findings findings = read(what, "");
    CheckResult result = result_of(findings);
    for (const Remark& remark : find_unserved(findings.list.luns))
        result.useless.push_back(findings.where + to_string(remark));
    if (result.problems.empty() && findings.list.luns.empty())
        result.useless.push_back(printable(what) + ": there is no vscsi= entry");
    return result;
}

CheckResult check(Context& context, const std::string& what) {
    Findings findings = read(what, context.definitions);
    const auto& luns = findings.list.luns;
    auto looked = look_at(context, luns);
    const auto running =
        findings.domain.empty() ? std::nullopt : domain_if_there(context, findings.domain);
    auto users = find_users(context, luns, running ? std::optional(running->id) : std::nullopt);
    add(findings, std::move(looked.mistakes));
    add(findings, std::move(users.mistakes));
    add(findings, unknown_policies(context, looked.here));
    auto& warnings = findings.list.warnings;
    auto outcomes =
        outcomes_of(context, sound_luns(looked.here, findings.list.mistakes), findings.domain);
    for (EntryOutcome& outcome : outcomes) {
        add(findings, outcome.mistakes);
        warnings.insert(warnings.end(), outcome.warnings.begin(), outcome.warnings.end());
    }
    // Only now: a unit that somebody uses is not asked.
    auto unused = sound_luns(looked.here, findings.list.mistakes);
    std::erase_if(unused, [&](const Lun& lun) { return users.entries.contains(lun.entry); });
    auto asked = check_units(unused);
    add(findings, std::move(asked.mistakes));
    for (auto* const more : {&looked.notes, &asked.warnings})
        std::move(more->begin(), more->end(), std::back_inserter(warnings));
    CheckResult result = result_of(findings);
    for (std::string& line : troubles_of_domain(context, findings, what))
        result.warnings.push_back(std::move(line));
    result.outcomes = std::move(outcomes);
    return result;
}

} // namespace pvscsi::ctl
