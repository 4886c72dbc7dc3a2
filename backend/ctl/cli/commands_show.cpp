// Verbs that show what there is.
#include "backend/ctl/cli/command_line.hpp"
#include "backend/ctl/devices.hpp"

namespace pvscsi::ctl {

namespace {

void add_list(CommandLine& line) {
    const auto given = std::make_shared<ListOptions>();
    CLI::App& command =
        line.add("list", "Show the LUNs of one domain, or of all",
                 [given](Session& session) { return list(session.context(), *given); });
    command.add_option("DOMAIN", given->domain, "name or number of the domain");
    command.add_flag("--json", given->json,
                     "an array of objects, as list.schema.json describes them");
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
    add_devices(line);
}

} // namespace pvscsi::ctl
