// Event channels through libxenevtchn. Each channel has a handle, and so a file of /dev/xen/evtchn,
// of its own: its fd is readable for its own event and nothing else.
//
// Thread: an object belongs to one thread; it is not fork-safe. Source: xenevtchn.h,
// drivers/xen/evtchn.c: an event masks its port until the port is written back (unmask).
#pragma once

#include "common/hypervisor/evtchn.hpp"

struct xenevtchn_handle;

namespace pvscsi::hv::xen {

struct EvtchnCloser {
    void operator()(xenevtchn_handle* handle) const noexcept;
};
using EvtchnHandle = std::unique_ptr<xenevtchn_handle, EvtchnCloser>;

class XenEventChannel final : public EventChannel {
  public:
    // Throw std::system_error when /dev/xen/evtchn cannot be opened; the rest is the Result.
    static Result<std::unique_ptr<EventChannel>> alloc_unbound(DomId peer);
    static Result<std::unique_ptr<EventChannel>> bind_interdomain(DomId peer, EvtchnPort remote);

    XenEventChannel(EvtchnHandle handle, EvtchnPort port) noexcept;

    [[nodiscard]] EvtchnPort port() const noexcept override { return port_; }
    [[nodiscard]] int fd() const noexcept override { return fd_; }
    bool take() noexcept override;
    void unmask() noexcept override;
    void notify() noexcept override;

  private:
    EvtchnHandle handle_;
    EvtchnPort port_;
    int fd_;
};

} // namespace pvscsi::hv::xen
