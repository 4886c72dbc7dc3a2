// Verbs about files: whether they are right, and whose domains get their LUNs by themselves.
#include "backend/ctl/cli/command_line.hpp"
#include "backend/ctl/common.hpp"
#include "backend/ctl/outcome.hpp"
#include "common/config/defined_domains.hpp"
#include "common/config/entry_help.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <unistd.h>

namespace pvscsi::ctl {

namespace {

std::string tell(const CheckResult& result, Session& session, bool json) {
    if (json) {
        if (!result.problems.empty())
            session.status = ExitCode::failed;
        return to_json(result);
    }
    for (const auto& lines : {result.warnings, result.useless})
        for (const std::string& line : lines)
            session.warn(line);
    if (!result.problems.empty()) {
        session.status = ExitCode::failed;
        return fmt::format("{}", fmt::join(result.problems, "\n"));
    }
    std::string text;
    for (const EntryOutcome& outcome : result.outcomes)
        text += text_of(outcome) + "\n";
    return text +
           fmt::format("{} entr{} right", result.entries, result.entries == 1 ? "y is" : "ies are");
}

DefinePlace definitions_of(Session& session) {
    DefinePlace place{config::defined_domains_dir(session.choice().host_dir)};
    place.warn = [&session](const std::string& text) { session.warn(text); };
    place.waiting = progress_of_terminal();
    return place;
}

/// The checker of xenstore-schemas/ takes this program's place: what it says is what there is to
/// say.
[[noreturn]] void check_store(Session& session, const std::string& domain) {
    const std::string number = std::to_string(find_domain(session.context(), domain).id.value());
    const hv::HypervisorChoice choice = session.choice();
    if (!choice.host_dir.empty())
        ::setenv("XENSTORED_PATH", (choice.host_dir + "/xenstored").c_str(), 1);
    const char* const folder = std::getenv("PVSCSI_SCHEMAS");
    const std::string checker =
        std::string(folder != nullptr ? folder : PVSCSI_SCHEMAS) + "/check_schemas.py";
    ::execl(checker.c_str(), checker.c_str(), "live", "--domain", number.c_str(), nullptr);
    throw std::system_error(errno, std::generic_category(), "cannot run " + checker);
}

void add_check(CommandLine& line) {
    struct Given {
        std::string what;
        bool syntax = false;
        bool store = false;
        bool json = false;
    };
    const auto given = std::make_shared<Given>();
    CLI::App& command = line.add(
        "check", "Look at an xl file or an entry, change nothing", [given](Session& session) {
            if (given->store)
                check_store(session, given->what);
            return tell(given->syntax ? check_syntax(given->what)
                                      : check(session.context(), given->what),
                        session, given->json);
        });
    command
        .add_option("FILE|ENTRY", given->what, "xl configuration file, or PDEV,VDEV[,OPTION...]")
        ->required();
    CLI::Option* const syntax = command.add_flag(
        "--syntax", given->syntax, "the text alone: needs neither a host nor the devices");
    CLI::Option* const json =
        command.add_flag("--json", given->json, "an object, as check.schema.json describes it");
    command
        .add_flag("--store", given->store,
                  "instead of a file a domain: whether the nodes of what it has or serves are as "
                  "they should be")
        ->excludes(syntax)
        ->excludes(json);
    command.footer("On standard output a line for each problem: file, entry, text, reason and "
                   "what was expected;\nor, if there is none, what the guest would get, a line "
                   "for each entry.\nExit status: 0 there is none, 1 there is, 2 and 6 as "
                   "always.\n" +
                   config::entry_help());
}

void add_define(CommandLine& line) {
    const auto file = std::make_shared<std::string>();
    CLI::App& command = line.add(
        "define", "Give the domain of an xl file its LUNs whenever it starts, whoever starts it",
        [file](Session& session) {
            DefinePlace place = definitions_of(session);
            place.files =
                config::domain_file_patterns(session.settings(), session.choice().host_dir);
            return define(place, *file);
        });
    command.add_option("FILE", *file, "xl configuration file")->required();
    command.footer("The file is not copied: later changes of it count. It is linked from "
                   "/etc/pvscsi/domains.d, or from domains.d in the embedded host's directory.");
}

void add_undefine(CommandLine& line) {
    const auto domain = std::make_shared<std::string>();
    CLI::App& command =
        line.add("undefine", "Take back a define; the domain keeps what it has until it ends",
                 [domain](Session& session) { return undefine(definitions_of(session), *domain); });
    command.add_option("DOMAIN", *domain, "name of the domain")->required();
}

} // namespace

void add_definition_commands(CommandLine& line) {
    add_check(line);
    add_define(line);
    add_undefine(line);
}

} // namespace pvscsi::ctl
