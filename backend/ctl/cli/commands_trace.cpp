// pvscsictl trace.
#include "backend/ctl/cli/command_line.hpp"
#include "backend/ctl/trace.hpp"
#include "common/config/settings.hpp"

#include <cstdio>

namespace pvscsi::ctl {

namespace {

/// Where pvscsid keeps its state if nothing on its command line says otherwise.
std::string usual_state_dir(const Session& session) {
    const std::string host_dir = session.choice().host_dir;
    const auto settings = config::read_settings(config::settings_file(host_dir), false);
    if (settings && settings->state_dir)
        return *settings->state_dir;
    return host_dir.empty() ? "/run/pvscsi" : host_dir + "/pvscsid";
}

bool print_lines(const std::string& text) {
    return std::fputs(text.c_str(), stdout) != EOF && std::fflush(stdout) == 0;
}

} // namespace

void add_trace_commands(CommandLine& line) {
    struct Given : TraceOptions {
        bool follow = false;
    };
    const auto given = std::make_shared<Given>();
    CLI::App& command =
        line.add("trace", "Show the last commands of a domain's LUNs", [given](Session& session) {
            if (given->state_dir.empty())
                given->state_dir = usual_state_dir(session);
            if (!given->follow)
                return trace(*given);
            follow_trace(*given, print_lines);
            return std::string();
        });
    command.add_option("DOMAIN", given->domain, "name or number of the domain")->required();
    command.add_option("VDEV", given->vdev, "only this one, h:c:t:l");
    command.add_option("--last", given->last, "only the newest N")
        ->check(CLI::Range(0u, 1'000'000u))
        ->option_text("N");
    auto* const follow = command.add_flag(
        "--follow", given->follow, "show ten, and then each command as it ends, until interrupted");
    command.add_flag("--json", given->json,
                     "an object, as trace.schema.json describes it; with --follow one a line");
    command
        .add_option("--save", given->save, "write that object to a file, for pvscsi-bench --replay")
        ->option_text("FILE")
        ->excludes(follow);
    command
        .add_option("--state-dir", given->state_dir,
                    "where the daemon keeps its state, if its own command line says so")
        ->option_text("DIR");
    command.footer("Needs no running daemon: what it had under way when it died is shown as well. "
                   "Times are UTC.");
}

} // namespace pvscsi::ctl
