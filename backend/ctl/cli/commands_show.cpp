// Verbs that show what there is.
#include "backend/ctl/cli/command_line.hpp"
#include "backend/ctl/daemon_verbs.hpp"
#include "backend/ctl/devices.hpp"

namespace pvscsi::ctl {

namespace {

CLI::Option* add_domain(CLI::App& command, std::string& domain) {
    return command.add_option("DOMAIN", domain, "name or number of the domain");
}

void add_list(CommandLine& line) {
    const auto given = std::make_shared<ListOptions>();
    CLI::App& command =
        line.add("list", "Show the LUNs of one domain, or of all",
                 [given](Session& session) { return list(session.context(), *given); });
    command.add_option("DOMAIN", given->domain, "name or number of the domain");
    const auto form = [&](const char* name, ListForm value, const char* help) {
        return command.add_flag_callback(
            name, [given, value] { given->form = value; }, help);
    };
    form("--json", ListForm::json, "an array of objects, as list.schema.json describes them")
        ->excludes(form("--plain", ListForm::plain,
                        "a line for each LUN, with tabs between the values of --json"));
}

void add_show(CommandLine& line) {
    const auto given = std::make_shared<ShowOptions>();
    CLI::App& command = line.add(
        "show", "Show all that is known of a domain's LUNs, or of one", [given](Session& session) {
            // Without a daemon there are no counts.
            const auto counts = lun_counts(daemon_place(session, std::chrono::seconds{2}));
            return show(session.context(), *given, [&](unsigned domid, const std::string& vdev) {
                const auto found = counts.find({domid, vdev});
                return found == counts.end() ? std::vector<std::string>() : found->second;
            });
        });
    command.add_option("DOMAIN|NAME", given->what, "the domain, or a LUN by its name=")->required();
    command.add_option("LUN", given->lun, "one of its LUNs, h:c:t:l or its name=");
}

void add_wait(CommandLine& line) {
    const auto given = std::make_shared<WaitOptions>();
    CLI::App& command =
        line.add("wait", "Return when a domain's LUNs are connected",
                 [given](Session& session) { return wait(session.context(), *given); });
    add_domain(command, given->domain)->required();
    command.add_option("LUN", given->lun, "only this one, h:c:t:l or its name=");
    command.add_flag("--gone", given->gone, "until it has them no more");
    line.add_timeout(command, "how long at most");
    command.footer("Status 5: it took too long. Status 1: a LUN has failed, at once.");
}

/// Devices can be looked at where neither Xen nor an embedded host is.
Context* context_if_there(Session& session) {
    try {
        return &session.context();
    } catch (const Failure& failure) {
        session.warn(std::string(failure.what()) + "; guests' use is not known");
        return nullptr;
    }
}

void add_devices(CommandLine& line) {
    const auto given = std::make_shared<DevicesOptions>();
    CLI::App& command =
        line.add("devices", "Show the devices of this host that an entry could name",
                 [given](Session& session) { return devices(context_if_there(session), *given); });
    command.add_flag("--free", given->free_only, "only those that nobody uses");
    command.add_flag("--json", given->json,
                     "an array of objects, as devices.schema.json describes them");
    command.footer("No device is opened. CONTENT is what udev has found on it: it may be the "
                   "guest's own. USED BY: this host, or a guest.");
}

} // namespace

void add_show_commands(CommandLine& line) {
    add_list(line);
    add_show(line);
    add_wait(line);
    add_devices(line);
}

} // namespace pvscsi::ctl
