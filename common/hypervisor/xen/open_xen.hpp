// The real Xen, for open_hypervisor() and open_domains(). No Xen header is needed here.
#pragma once

#include "common/hypervisor/domains.hpp"

namespace pvscsi::hv {

/// Throws std::system_error or std::runtime_error with what is missing.
std::unique_ptr<Hypervisor> open_xen();
std::unique_ptr<Domains> open_xen_domains();

} // namespace pvscsi::hv
