#include "frontend/run/guest.hpp"

#include "common/hypervisor/domains.hpp"
#include "common/hypervisor/hypervisor.hpp"
#include "common/xenbus/nodes.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/core.h>
#include <limits>
#include <stdexcept>
#include <sys/stat.h>
#include <system_error>

namespace pvscsi::run {

namespace {

constexpr char run_directory[] = "/run/pvscsi";

DomId find_on_host(const hv::HypervisorChoice& choice, const std::string& domain) {
    const auto found = hv::open_domains(choice)->find(domain);
    if (!found)
        throw std::runtime_error(fmt::format("there is no domain '{}' on the embedded host in {}: "
                                             "'pvscsictl list' shows what there is",
                                             domain, choice.host_dir));
    return found->id;
}

/// On Xen a program is in its domain already; the name is there to be sure of it.
DomId check_on_xen(const hv::HypervisorChoice& choice, const std::string& domain) {
    const auto hypervisor = hv::open_hypervisor(choice);
    const DomId self = hypervisor->self();
    const auto name = hypervisor->open_store()->read(xenbus::domain_path(self) + "/name");
    if (domain != std::to_string(self.value()) && (!name || domain != *name))
        throw std::runtime_error(
            fmt::format("this is domain {} ({}), not '{}': on Xen pvscsi-run runs in the guest "
                        "itself",
                        self.value(), name ? *name : "its name cannot be read", domain));
    return self;
}

std::vector<std::uint32_t> list_devices(const Guest& guest) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
    std::vector<std::uint32_t> devices;
    const auto names = open_store(guest)->list(xenbus::frontend_root(guest.id));
    if (!names && names.error() != std::errc::no_such_file_or_directory)
        throw std::system_error(names.error(), xenbus::frontend_root(guest.id));
    if (names)
        for (const std::string& name : *names)
            if (const auto number = xenbus::parse_number(name, most))
                devices.push_back(static_cast<std::uint32_t>(*number));
    std::ranges::sort(devices);
    return devices;
}

} // namespace

Guest find_guest(const std::string& host_option, const std::string& domain) {
    const hv::HypervisorChoice choice = hv::HypervisorChoice::from(host_option);
    Guest guest;
    guest.host_dir = choice.host_dir;
    guest.name = domain;
    guest.id =
        choice.host_dir.empty() ? check_on_xen(choice, domain) : find_on_host(choice, domain);
    guest.devices = list_devices(guest);
    if (guest.devices.empty())
        throw std::runtime_error(fmt::format(
            "domain '{}' has no SCSI devices: give it a vscsi= entry in its configuration, or "
            "use 'pvscsictl attach'",
            domain));
    return guest;
}

std::unique_ptr<hv::Store> open_store(const Guest& guest) {
    hv::HypervisorChoice choice;
    choice.host_dir = guest.host_dir;
    choice.domain = guest.id;
    return hv::open_hypervisor(choice)->open_store();
}

std::string instance_base(const Guest& guest) {
    if (!guest.host_dir.empty())
        return fmt::format("{}/dom/{}/run", guest.host_dir, guest.id.value());
    if (mkdir(run_directory, 0755) != 0 && errno != EEXIST)
        throw std::system_error(errno, std::generic_category(), run_directory);
    return fmt::format("{}/run-{}", run_directory, guest.id.value());
}

} // namespace pvscsi::run
