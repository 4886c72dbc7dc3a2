// Verbs that speak to the running daemon.
#include "backend/ctl/cli/command_line.hpp"
#include "backend/ctl/common.hpp"
#include "backend/ctl/daemon_verbs.hpp"

#include <cmath>

namespace pvscsi::ctl {

namespace {

DaemonPlace place_of(const Session& session) {
    const std::chrono::duration<double> patience{session.timeout};
    return daemon_place(session, std::chrono::ceil<std::chrono::milliseconds>(patience));
}

constexpr auto waiting = "how long to wait for the daemon's answer";

void add_stats(CommandLine& line) {
    struct Given {
        std::string domain;
        bool json = false;
    };
    const auto given = std::make_shared<Given>();
    CLI::App& command =
        line.add("stats", "Show what the daemon counts of each LUN", [given](Session& session) {
            StatsOptions options;
            options.json = given->json;
            Context& context = session.context();
            if (!given->domain.empty())
                options.domid = find_domain(context, given->domain).id.value();
            for (const hv::DomainInfo& domain : known_domains(context))
                options.names[domain.id.value()] = domain.name;
            return stats(place_of(session), options);
        });
    command.add_option("DOMAIN", given->domain, "name or number of the domain");
    command.add_flag("--json", given->json, "an object, as stats.schema.json describes it");
    line.add_timeout(command, waiting);
    command.footer("NOW: commands at the unit. CHECK: answers with CHECK CONDITION. REFUSED: with "
                   "BUSY, TASK SET FULL or\nRESERVATION CONFLICT. ERRORS: any other end. They "
                   "begin at 0 with each daemon and each attach.");
}

void add_reload(CommandLine& line) {
    CLI::App& command =
        line.add("reload", "Have the daemon read its settings and the domains' files again",
                 [](Session& session) { return reload(place_of(session)); });
    line.add_timeout(command, waiting);
    command.footer("With a mistake in the settings nothing changes; what is wrong is told.");
}

void add_log_level(CommandLine& line) {
    const auto level = std::make_shared<std::string>();
    CLI::App& command =
        line.add("log-level", "Tell how much the daemon logs, or change it until the daemon ends",
                 [level](Session& session) { return log_level(place_of(session), *level); });
    command.add_option("LEVEL", *level, "debug, info, warning or error")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
    line.add_timeout(command, waiting);
}

} // namespace

void add_daemon_commands(CommandLine& line) {
    add_stats(line);
    add_reload(line);
    add_log_level(line);
}

} // namespace pvscsi::ctl
