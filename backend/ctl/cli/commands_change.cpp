// Verbs that bring LUNs to guests and take them away.
#include "backend/ctl/cli/command_line.hpp"
#include "common/config/entry_help.hpp"

namespace pvscsi::ctl {

namespace {

struct Given {
    std::string domain;
    std::string what; ///< file, entry or VDEV
    bool force = false;
    bool persist = false;
};

Keep keep_of(const Given& given) {
    return given.persist ? Keep::always : Keep::now;
}

void add_persist(CLI::App& command, Given& given) {
    command.add_flag(
        "--persist", given.persist,
        "for the domain's later lives as well: it is kept beside its file, which stays "
        "as it is");
}

void add_domain(CLI::App& command, Given& given) {
    command.add_option("DOMAIN", given.domain, "name or number of the domain")->required();
}

void add_create(CommandLine& line) {
    const auto given = std::make_shared<Given>();
    CLI::App& command =
        line.add("create", "Start the domain of an xl file, with the LUNs of its vscsi= entries",
                 [given](Session& session) {
                     return create(session.context(), given->what,
                                   given->force ? Start::anyway : Start::whole);
                 });
    command.add_option("FILE", given->what, "xl configuration file")->required();
    command.add_flag("--start-anyway", given->force,
                     "let it run without those LUNs that the daemon can't open");
    line.add_timeout(command, "how long to wait for the daemon to look at the LUNs");
    line.add_no_wait(command, "do not wait for the daemon");
    command.footer(std::string("In FILE: vscsi = [ 'ENTRY', ... ]. ") + config::entry_help() +
                   "\nIf anything is wrong with any entry, nothing is changed; if the daemon "
                   "can't open a LUN, the domain\nis ended again before it runs (status 1).");
}

void add_destroy(CommandLine& line) {
    const auto given = std::make_shared<Given>();
    CLI::App& command =
        line.add("destroy", "End a domain at once and clear its LUNs away",
                 [given](Session& session) { return destroy(session.context(), given->domain); });
    add_domain(command, *given);
    line.add_timeout(command, "how long to wait for the daemon to clear them away");
}

void add_attach(CommandLine& line) {
    const auto given = std::make_shared<Given>();
    const auto entries = std::make_shared<std::vector<std::string>>();
    CLI::App& command = line.add(
        "attach", "Add LUNs to a domain, running or not", [given, entries](Session& session) {
            return attach(session.context(), given->domain, *entries, keep_of(*given));
        });
    add_domain(command, *given);
    command.add_option("ENTRY", *entries, "PDEV,VDEV[,OPTION...]")->required();
    line.add_timeout(command, "how long to wait for the guest to take up one after the other");
    add_persist(command, *given);
    line.add_no_wait(command, "write the nodes and return; a failure is seen in the list only");
    command.footer(config::entry_help());
}

void add_detach(CommandLine& line) {
    const auto given = std::make_shared<Given>();
    CLI::App& command = line.add("detach", "Take a LUN away from a domain; its vhost stays",
                                 [given](Session& session) {
                                     return detach(session.context(), given->domain, given->what,
                                                   given->force, keep_of(*given));
                                 });
    add_domain(command, *given);
    command
        .add_option("LUN", given->what,
                    "h:c:t:l or its name=, or N:host for a whole adapter's vhost N")
        ->required();
    line.add_timeout(command, "how long to wait for the guest to let go of it");
    add_persist(command, *given);
    command.add_flag("--force", given->force,
                     "then take it away even if the guest does not let go: it gets no connection");
}

void add_set(CommandLine& line) {
    const auto given = std::make_shared<Given>();
    const auto options = std::make_shared<std::vector<std::string>>();
    CLI::App& command = line.add(
        "set", "Change options of a LUN while it is in use", [given, options](Session& session) {
            return set(session.context(), given->domain, given->what, *options);
        });
    add_domain(command, *given);
    command.add_option("LUN", given->what, "h:c:t:l or its name=")->required();
    command
        .add_option("OPTION", *options,
                    "name=, queue-depth= or timeout=; without a value: as if not given")
        ->required();
    command.footer("The domain's file stays as it is: what is to outlast a reboot belongs there.");
}

} // namespace

void add_change_commands(CommandLine& line) {
    add_create(line);
    add_destroy(line);
    add_attach(line);
    add_detach(line);
    add_set(line);
}

} // namespace pvscsi::ctl
