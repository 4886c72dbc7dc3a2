// Session::open(): which hypervisor, and as which of its domains.
#include "common/hypervisor/domains.hpp"
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

} // namespace

std::unique_ptr<Session> Session::open(const SessionOptions& options) {
    hv::HypervisorChoice choice = hv::HypervisorChoice::from(options.host_dir);
    if (!choice.host_dir.empty())
        choice.domain = find_domain(choice, options.domain);
    auto hypervisor = hv::open_hypervisor(choice);
    if (choice.host_dir.empty() && !options.domain.empty())
        throw std::runtime_error("a domain can be chosen on the embedded host only; on Xen it is "
                                 "the one that this program runs in");
    return Impl::open(std::move(hypervisor), options, frontend::Timing{});
}

} // namespace pvscsi
