// As which guest pvscsi-run runs, and what vhosts that has.
// Errors: std::runtime_error with what to do, std::system_error.
#pragma once

#include "common/hypervisor/store.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pvscsi::run {

struct Guest {
    std::string host_dir; ///< empty on Xen
    DomId id;
    std::string name;                   ///< as the user has called it
    std::vector<std::uint32_t> devices; ///< the N of `device/vscsi/N`, in order
};

/// Looks `domain` up, on the embedded host in `host_option` (or $PVSCSI_HOST), else on Xen, where
/// it can only be the domain we are in.
Guest find_guest(const std::string& host_option, const std::string& domain);

/// The store as that guest sees it.
std::unique_ptr<hv::Store> open_store(const Guest& guest);

/// Path of the server's socket and lock, less the ending.
std::string instance_base(const Guest& guest);

} // namespace pvscsi::run
