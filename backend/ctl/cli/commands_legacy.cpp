// The verbs that `xm` had, and the `xl` of SUSE's distributions.
#include "backend/ctl/cli/command_line.hpp"

namespace pvscsi::ctl {

namespace {

struct Given {
    std::string domain;
    std::string pdev;
    std::string vdev;
    std::string backend;
    std::vector<std::string> domains;
    bool all = false;
};

void add_scsi_attach(CommandLine& line) {
    const auto given = std::make_shared<Given>();
    CLI::App& command =
        line.add("scsi-attach", "As attach, with the arguments of xm", [given](Session& session) {
            return attach(session.context(), given->domain,
                          legacy_entry(given->pdev, given->vdev, given->backend));
        });
    command.add_option("DOMAIN", given->domain, "name or number of the domain")->required();
    command.add_option("PDEV", given->pdev, "what serves it")->required();
    command.add_option("VDEV", given->vdev, "h:c:t:l, and options behind a comma")->required();
    command.add_option("BACKEND", given->backend, "the domain that has the device");
    line.add_timeout(command, "how long to wait for the guest to take it up");
}

void add_scsi_detach(CommandLine& line) {
    const auto given = std::make_shared<Given>();
    CLI::App& command = line.add("scsi-detach", "As detach", [given](Session& session) {
        return detach(session.context(), given->domain, given->vdev, false);
    });
    command.add_option("DOMAIN", given->domain, "name or number of the domain")->required();
    command.add_option("VDEV", given->vdev, "h:c:t:l")->required();
    line.add_timeout(command, "how long to wait for the guest to let go of it");
}

void add_scsi_list(CommandLine& line) {
    const auto given = std::make_shared<Given>();
    CLI::App& command =
        line.add("scsi-list", "As list, with the columns of xm", [given](Session& session) {
            if (!given->all)
                return scsi_list(session.context(), given->domains);
            std::string text;
            for (const std::string& domain : given->domains)
                text += show(session.context(), {domain, ""}, [](unsigned, const std::string&) {
                    return std::vector<std::string>();
                });
            return text;
        });
    command.add_option("DOMAIN", given->domains, "names or numbers of domains")->required();
    command.add_flag("-l,--long", given->all, "all that is known of each unit, as show");
}

} // namespace

void add_legacy_commands(CommandLine& line) {
    add_scsi_attach(line);
    add_scsi_detach(line);
    add_scsi_list(line);
}

} // namespace pvscsi::ctl
