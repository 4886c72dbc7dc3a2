// What Xen's libraries say of a failure, in the project's terms.
//
// Grant operations report GNTST_ codes (xen/include/public/grant_table.h), the libraries errno.
// Xen answers a reference that grants nothing, one granted to another domain, and a write to a
// grant for reading all with GNTST_general_error: telling them apart is the caller's business.
#pragma once

#include "common/hypervisor/types.hpp"

#include <system_error>

struct xentoollog_logger;

namespace pvscsi::hv::xen {

/// For the libraries' open calls. Their own logger writes a line to standard error for every
/// refused grant, which a guest could cause without end; we report what they return instead.
[[nodiscard]] xentoollog_logger* silent_logger() noexcept;

[[nodiscard]] GrantStatus grant_status_from_gntst(std::int16_t gntst) noexcept;
[[nodiscard]] GrantStatus grant_status_from_errno(int error) noexcept;

/// Throws std::system_error for the calling thread's errno, with what was tried.
[[noreturn]] void throw_errno(const char* what);

/// The same for opening a device node that a kernel module makes; says so if it is not there.
[[noreturn]] void throw_no_device(const char* node, const char* module);

/// Makes `fd` close-on-exec and, if asked for, non-blocking. Throws std::system_error.
void set_fd_flags(int fd, bool nonblocking);

} // namespace pvscsi::hv::xen
