#include "common/hypervisor/xen/xen_error.hpp"

#include <cerrno>
#include <fcntl.h>
#include <string>

#include <xen/xen.h>

#include <xen/grant_table.h>
extern "C" {
#include <xentoollog.h>
}

namespace pvscsi::hv::xen {

xentoollog_logger* silent_logger() noexcept {
    static xentoollog_logger logger{
        [](xentoollog_logger*, xentoollog_level, int, const char*, const char*, va_list) {},
        [](xentoollog_logger*, const char*, const char*, int, unsigned long, unsigned long) {},
        [](xentoollog_logger*) {}};
    return &logger;
}

GrantStatus grant_status_from_gntst(std::int16_t gntst) noexcept {
    switch (gntst) {
    case GNTST_okay:
        return GrantStatus::ok;
    case GNTST_bad_domain:
        return GrantStatus::bad_domain;
    case GNTST_general_error:
    case GNTST_bad_gntref:
        return GrantStatus::bad_ref;
    case GNTST_permission_denied:
        return GrantStatus::read_only;
    case GNTST_bad_copy_arg:
        return GrantStatus::bad_range;
    case GNTST_no_space:
    case GNTST_no_device_space:
        return GrantStatus::no_space;
    default:
        return GrantStatus::unavailable;
    }
}

GrantStatus grant_status_from_errno(int error) noexcept {
    switch (error) {
    case 0:
        return GrantStatus::ok;
    case ENOMEM:
    case ENOSPC:
        return GrantStatus::no_space;
    case EBUSY:
        return GrantStatus::busy;
    default:
        return GrantStatus::unavailable;
    }
}

void throw_errno(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

void throw_no_device(const char* node, const char* module) {
    const int error = errno;
    std::string what = std::string("opening ") + node;
    if (error == ENOENT || error == ENODEV || error == ENXIO)
        what += std::string(" (of the kernel's module ") + module + ": is it loaded? modprobe " +
                module + ")";
    throw std::system_error(error, std::generic_category(), what);
}

void set_fd_flags(int fd, bool nonblocking) {
    const int descriptor = ::fcntl(fd, F_GETFD);
    if (descriptor < 0 || ::fcntl(fd, F_SETFD, descriptor | FD_CLOEXEC) < 0)
        throw_errno("making a Xen device close-on-exec");
    if (!nonblocking)
        return;
    const int status = ::fcntl(fd, F_GETFL);
    if (status < 0 || ::fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0)
        throw_errno("making a Xen device non-blocking");
}

} // namespace pvscsi::hv::xen
