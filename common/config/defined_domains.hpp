// Where `pvscsictl define` puts its links to xl files, and the daemon looks for them.
#pragma once

#include <string>

namespace pvscsi::config {

/// `host_dir` is the embedded host's; empty: on Xen.
[[nodiscard]] inline std::string defined_domains_dir(const std::string& host_dir) {
    return host_dir.empty() ? "/etc/pvscsi/domains.d" : host_dir + "/domains.d";
}

} // namespace pvscsi::config
