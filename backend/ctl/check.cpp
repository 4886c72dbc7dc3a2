#include "backend/ctl/common.hpp"
#include "backend/toolstack/changes.hpp"
#include "backend/toolstack/served.hpp"
#include "backend/toolstack/text.hpp"
#include "backend/toolstack/unit_check.hpp"
#include "backend/toolstack/xl_file.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <unistd.h>

namespace pvscsi::ctl {

namespace {

struct Findings {
    std::string where; ///< what a remark's line begins with
    ParsedList list;
    std::vector<std::string> lines; ///< of mistakes that are no entry's
    std::vector<std::string> notes; ///< of what does not count
};

/// A line has a comma; a file's name may have one, too, but then it is there.
bool is_entry(const std::string& what) {
    return what.find(',') != std::string::npos && ::access(what.c_str(), F_OK) != 0;
}

/// `definitions`: where changes of the entries are; empty: of the file alone.
Findings read(const std::string& what, const std::string& definitions) {
    if (is_entry(what))
        return {"", parse_vscsi({what}), {}, {}};
    XlFile file = read_xl_file(what);
    auto entries = entries_of(file, definitions);
    file.mistakes.insert(file.mistakes.end(), entries.mistakes.begin(), entries.mistakes.end());
    return {what + ": vscsi: ", std::move(entries.list), std::move(file.mistakes),
            std::move(entries.notes)};
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

CheckResult result_of(const Findings& findings) {
    CheckResult result{findings.lines, findings.notes, findings.list.luns.size()};
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
        result.warnings.push_back(findings.where + to_string(remark));
    if (result.problems.empty() && findings.list.luns.empty())
        result.warnings.push_back(printable(what) + ": there is no vscsi= entry");
    return result;
}

CheckResult check(Context& context, const std::string& what) {
    Findings findings = read(what, context.definitions);
    const auto& luns = findings.list.luns;
    auto looked = look_at(context, luns);
    auto users = find_users(context, luns);
    add(findings, std::move(looked.mistakes));
    add(findings, std::move(users.mistakes));
    // Only now: a unit that somebody uses is not asked.
    auto unused = sound_luns(looked.here, findings.list.mistakes);
    std::erase_if(unused, [&](const Lun& lun) { return users.entries.contains(lun.entry); });
    auto asked = check_units(unused);
    add(findings, std::move(asked.mistakes));
    auto& warnings = findings.list.warnings;
    for (auto* const more : {&looked.notes, &asked.warnings})
        std::move(more->begin(), more->end(), std::back_inserter(warnings));
    return result_of(findings);
}

} // namespace pvscsi::ctl
