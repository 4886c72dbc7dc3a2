// Where things are in the embedded host's directory. Which of the sockets a process connects to
// says which domain it is.
#pragma once

#include "common/base/strong_id.hpp"

#include <string>

namespace pvscsi::hv::host {

[[nodiscard]] inline std::string domain_dir(const std::string& host_dir, DomId domain) {
    return domain == DomId{0} ? host_dir : host_dir + "/dom/" + std::to_string(domain.value());
}
[[nodiscard]] inline std::string broker_socket(const std::string& host_dir, DomId domain) {
    return domain_dir(host_dir, domain) + "/hypervisor";
}
[[nodiscard]] inline std::string store_socket(const std::string& host_dir, DomId domain) {
    return domain_dir(host_dir, domain) + "/xenstored";
}
[[nodiscard]] inline std::string lock_file(const std::string& host_dir) {
    return host_dir + "/lock";
}

} // namespace pvscsi::hv::host
