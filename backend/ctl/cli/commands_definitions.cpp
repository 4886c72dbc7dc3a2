// Verbs about files: whether they are right, and whose domains get their LUNs by themselves.
#include "backend/ctl/cli/command_line.hpp"
#include "common/config/defined_domains.hpp"
#include "common/config/entry_help.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pvscsi::ctl {

namespace {

std::string tell(const CheckResult& result, Session& session) {
    for (const std::string& warning : result.warnings)
        session.warn(warning);
    if (!result.problems.empty()) {
        session.status = ExitCode::failed;
        return fmt::format("{}", fmt::join(result.problems, "\n"));
    }
    return fmt::format("{} entr{} right", result.entries, result.entries == 1 ? "y is" : "ies are");
}

std::string definitions_of(const Session& session) {
    return config::defined_domains_dir(session.choice().host_dir);
}

void add_check(CommandLine& line) {
    struct Given {
        std::string what;
        bool syntax = false;
    };
    const auto given = std::make_shared<Given>();
    CLI::App& command = line.add(
        "check", "Look at an xl file or an entry, change nothing", [given](Session& session) {
            return tell(given->syntax ? check_syntax(given->what)
                                      : check(session.context(), given->what),
                        session);
        });
    command
        .add_option("FILE|ENTRY", given->what, "xl configuration file, or PDEV,VDEV[,OPTION...]")
        ->required();
    command.add_flag("--syntax", given->syntax,
                     "the text alone: needs neither a host nor the devices");
    command.footer("A line for each problem on standard output: file, entry, text, reason and "
                   "what was expected.\nExit status: 0 there is none, 1 there is, 2 and 6 as "
                   "always.\n" +
                   config::entry_help());
}

void add_define(CommandLine& line) {
    const auto file = std::make_shared<std::string>();
    CLI::App& command = line.add(
        "define", "Give the domain of an xl file its LUNs whenever it starts, whoever starts it",
        [file](Session& session) { return define(definitions_of(session), *file); });
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
