#include "common/hypervisor/xen/xen_evtchn.hpp"

#include "common/hypervisor/xen/xen_error.hpp"

#include <cerrno>

extern "C" {
#include <xenevtchn.h>
}

namespace pvscsi::hv::xen {

namespace {

EvtchnHandle open_handle() {
    EvtchnHandle handle{xenevtchn_open(silent_logger(), 0)};
    if (!handle)
        throw_no_device("/dev/xen/evtchn", "xen-evtchn");
    set_fd_flags(xenevtchn_fd(handle.get()), true);
    return handle;
}

Result<std::unique_ptr<EventChannel>> made(EvtchnHandle handle, xenevtchn_port_or_error_t port) {
    if (port < 0)
        return unexpected_errno(errno);
    return std::make_unique<XenEventChannel>(std::move(handle),
                                             EvtchnPort{static_cast<std::uint32_t>(port)});
}

} // namespace

void EvtchnCloser::operator()(xenevtchn_handle* handle) const noexcept {
    // Closes the port, too: the kernel unbinds what a file has bound.
    xenevtchn_close(handle);
}

Result<std::unique_ptr<EventChannel>> XenEventChannel::alloc_unbound(DomId peer) {
    EvtchnHandle handle = open_handle();
    const auto port = xenevtchn_bind_unbound_port(handle.get(), peer.value());
    return made(std::move(handle), port);
}

Result<std::unique_ptr<EventChannel>> XenEventChannel::bind_interdomain(DomId peer,
                                                                        EvtchnPort remote) {
    EvtchnHandle handle = open_handle();
    const auto port = xenevtchn_bind_interdomain(handle.get(), peer.value(), remote.value());
    return made(std::move(handle), port);
}

XenEventChannel::XenEventChannel(EvtchnHandle handle, EvtchnPort port) noexcept
    : handle_(std::move(handle)), port_(port), fd_(xenevtchn_fd(handle_.get())) {}

bool XenEventChannel::take() noexcept {
    // Any failure is "nothing pending": EAGAIN is, and the others leave nothing to act on.
    const auto port = xenevtchn_pending(handle_.get());
    return port >= 0 && EvtchnPort{static_cast<std::uint32_t>(port)} == port_;
}

void XenEventChannel::unmask() noexcept {
    xenevtchn_unmask(handle_.get(), port_.value());
}

// A peer that has closed its end is not told: as on the wire, so here.
void XenEventChannel::notify() noexcept {
    xenevtchn_notify(handle_.get(), port_.value());
}

} // namespace pvscsi::hv::xen
