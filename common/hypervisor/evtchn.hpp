// Event channels: a one-bit signal between two domains.
//
// Thread: an object belongs to one thread; it may be made on another one and handed over.
#pragma once

#include "common/base/expected.hpp"
#include "common/hypervisor/types.hpp"

#include <memory>

namespace pvscsi::hv {

/// One bound port. The destructor closes it; the peer's notifications are then dropped silently.
class EventChannel {
  public:
    EventChannel() = default;
    EventChannel(const EventChannel&) = delete;
    EventChannel& operator=(const EventChannel&) = delete;
    virtual ~EventChannel() = default;

    /// Our end's port; what a frontend writes to its `event-channel` node.
    [[nodiscard]] virtual EvtchnPort port() const noexcept = 0;
    /// Readable while an event is pending and the port is not masked. For polling only.
    [[nodiscard]] virtual int fd() const noexcept = 0;
    /// Takes a pending event, if there is one, and masks the port until unmask(). Never blocks.
    virtual bool take() noexcept = 0;
    /// Lets events in again; one that came meanwhile is pending at once.
    virtual void unmask() noexcept = 0;
    /// Signals the peer. Several signals that it has not taken are one.
    virtual void notify() noexcept = 0;
};

} // namespace pvscsi::hv
