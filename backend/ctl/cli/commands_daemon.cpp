// Verbs that speak to the running daemon.
#include "backend/ctl/cli/command_line.hpp"
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
    const auto given = std::make_shared<StatsOptions>();
    CLI::App& command =
        line.add("stats", "Show what the daemon counts of each LUN",
                 [given](Session& session) { return stats(place_of(session), *given); });
    command.add_option("DOMAIN", given->domain, "name or number of the domain");
    command.add_flag("--json", given->json, "an object, as stats.schema.json describes it");
    line.add_timeout(command, waiting);
    command.footer(
        "NOW: commands at the unit. CHECK: answers with CHECK CONDITION. REFUSED: with "
        "BUSY, TASK SET FULL or\nRESERVATION CONFLICT, or by the LUN's policy. ERRORS: any "
        "other end. They begin at 0 with each\ndaemon and each attach.");
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

void add_accept(CommandLine& line) {
    const auto domain = std::make_shared<std::string>();
    const auto lun = std::make_shared<std::string>();
    CLI::App& command = line.add(
        "accept", "Have LUNs be what their names lead to now, though that was another unit",
        [domain, lun](Session& session) { return accept(place_of(session), *domain, *lun); });
    command.add_option("DOMAIN", *domain, "name of the domain, or its number if it runs")
        ->required();
    command.add_option("LUN", *lun, "only this one, h:c:t:l, or its name= while the domain runs");
    line.add_timeout(command, waiting);
    command.footer(
        "For LUNs that failed since a name such as /dev/sdb leads to another unit than when the "
        "domain was given\nit, or since the domain was suspended. They are tried again.");
}

void add_inject(CommandLine& line) {
    const auto given = std::make_shared<InjectOptions>();
    CLI::App& command =
        line.add("inject", "Have commands of a LUN fail on purpose, or tell which do",
                 [given](Session& session) { return inject(place_of(session), *given); });
    command.add_option("DOMAIN", given->domain, "name or number of the domain")->required();
    command.add_option("VDEV", given->vdev, "which LUN, h:c:t:l")->required();
    command.add_option("RULE", given->rules,
                       "which commands, and what happens to them, such as "
                       "opcode=read,lba=8-15,count=2,sense=3/11/00");
    command.add_flag_callback(
        "--list", [] {}, "tell the rules and how often they happened, as without any RULE");
    command.add_flag("--clear", given->clear, "end all rules; with RULE: before it is set");
    command.add_flag("--json", given->json, "an object, as inject.schema.json describes it");
    line.add_timeout(command, waiting);
    command.footer(
        "RULE is KEY=VALUE,... of opcode=, service-action=, lba=FIRST[-LAST], skip=N, count=N, "
        "probability=P for which,\nand delay=MS, drop, sense=KEY/ASC/ASCQ, status=, host=, "
        "short=BYTES, lost-abort for what: pvscsictl(8).\nRefused without allow = true below "
        "[inject] of pvscsid.toml. Rules end with the daemon and with the LUN.");
}

void add_vport(CommandLine& line) {
    const auto given = std::make_shared<VportOptions>();
    CLI::App& command =
        line.add("vport", "Show or change the Fibre Channel ports that guests have (NPIV)",
                 [given](Session& session) { return vport(place_of(session), *given); });
    command.add_option("ACTION", given->action, "what to do")
        ->required()
        ->check(CLI::IsMember({"list", "show", "create", "delete", "pool"}));
    command.add_option("NAME", given->name,
                       "the port's WWPN; of create its names, WWPN:WWNN[@PORT]");
    command.add_option("--release", given->release,
                       "of pool: the domain whose names are to be nobody's any more");
    CLI::Option* const json =
        command.add_flag("--json", given->json,
                         "as vport.schema.json describes it; of pool, vport-pool.schema.json");
    command
        .add_flag("--plain", given->plain,
                  "of list: a line for each, with tabs between the values of --json")
        ->excludes(json);
    line.add_timeout(command, waiting);
    command.footer(
        "Guests' ports come and go with them: vport= of vscsi-config(5). create makes one "
        "by hand, for a SAN to be\nset up before the guest has it.");
}

} // namespace

void add_daemon_commands(CommandLine& line) {
    add_stats(line);
    add_reload(line);
    add_log_level(line);
    add_accept(line);
    add_inject(line);
    add_vport(line);
}

} // namespace pvscsi::ctl
