// The one place that decides between the real Xen and the embedded host.
#include "common/hypervisor/domains.hpp"
#include "common/hypervisor/host/open_host.hpp"
#include "common/hypervisor/hypervisor.hpp"
#include "common/hypervisor/xen/open_xen.hpp"

#include <cstdlib>
#include <stdexcept>
#include <unistd.h>

namespace pvscsi::hv {

namespace {

void require_xen() {
    if (::access("/dev/xen", F_OK) != 0)
        throw std::runtime_error(
            "no hypervisor: /dev/xen is not there, so this is not a Xen domain. To use the "
            "embedded host, start pvscsi-hostd --dir DIR and give --host DIR (or set "
            "PVSCSI_HOST=DIR)");
}

} // namespace

HypervisorChoice HypervisorChoice::from(const std::string& host_option) {
    HypervisorChoice choice;
    choice.host_dir = host_option;
    if (choice.host_dir.empty())
        if (const char* variable = std::getenv("PVSCSI_HOST"); variable != nullptr)
            choice.host_dir = variable;
    return choice;
}

std::unique_ptr<Hypervisor> open_hypervisor(const HypervisorChoice& choice) {
    if (!choice.host_dir.empty())
        return open_host(choice.host_dir, choice.domain);
    require_xen();
    return open_xen();
}

std::unique_ptr<Domains> open_domains(const HypervisorChoice& choice) {
    if (!choice.host_dir.empty())
        return open_host_domains(choice.host_dir);
    require_xen();
    return open_xen_domains();
}

} // namespace pvscsi::hv
