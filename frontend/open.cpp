// Session::open(): which hypervisor, and as which of its domains.
#include "common/hypervisor/domains.hpp"
#include "common/xenbus/nodes.hpp"
#include "frontend/session.hpp"

#include <stdexcept>

namespace pvscsi {

namespace {

DomId find_domain(const hv::HypervisorChoice& choice, const std::string& name) {
    if (name.empty())
        throw std::runtime_error("name the domain to be: the embedded host in " + choice.host_dir +
                                 " has several (pvscsictl list shows them)");
    const auto domain = hv::open_domains(choice)->find(name);
    if (!domain)
        throw std::runtime_error("there is no domain '" + name + "' on the embedded host in " +
                                 choice.host_dir);
    return domain->id;
}

/// On Xen there is nothing to choose: the program is in the guest already.
void require_own_domain(hv::Hypervisor& hypervisor, const std::string& wanted) {
    const DomId self = hypervisor.self();
    const auto name = hypervisor.open_store()->read(xenbus::domain_path(self) + "/name");
    if (wanted == std::to_string(self.value()) || (name && wanted == *name))
        return;
    throw std::runtime_error("this is domain " + std::to_string(self.value()) + ", not '" + wanted +
                             "': on Xen the library runs in the guest itself");
}

/// The guest's own place: of the embedded host's domain, or of the system that we run in.
std::string lock_path(const hv::HypervisorChoice& choice, hv::Hypervisor& hypervisor,
                      std::uint32_t device) {
    if (choice.host_dir.empty())
        return "/run/pvscsi-frontend-" + std::to_string(device) + ".lock";
    return choice.host_dir + "/dom/" + std::to_string(hypervisor.self().value()) + "/vscsi-" +
           std::to_string(device) + ".lock";
}

} // namespace

std::unique_ptr<Session> Session::open(const SessionOptions& options) {
    hv::HypervisorChoice choice = hv::HypervisorChoice::from(options.host_dir);
    if (!choice.host_dir.empty())
        choice.domain = find_domain(choice, options.domain);
    auto hypervisor = hv::open_hypervisor(choice);
    if (choice.host_dir.empty() && !options.domain.empty())
        require_own_domain(*hypervisor, options.domain);
    frontend::DeviceLock lock(lock_path(choice, *hypervisor, options.device));
    return Impl::open(std::move(hypervisor), options, frontend::Timing{}, std::move(lock));
}

} // namespace pvscsi
