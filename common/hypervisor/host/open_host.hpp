// The embedded host, for open_hypervisor() and open_domains().
// Errors: std::system_error, with the socket that was tried.
#pragma once

#include "common/hypervisor/domains.hpp"

#include <memory>
#include <string>

namespace pvscsi::hv {

std::unique_ptr<Hypervisor> open_host(const std::string& host_dir, DomId domain);
std::unique_ptr<Domains> open_host_domains(const std::string& host_dir);

} // namespace pvscsi::hv
