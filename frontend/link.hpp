// One connection to a backend: a ring page and an event channel. A new one is made for every
// connection, so that nothing a former backend holds is trusted again.
//
// Thread: the session's. Errors: the constructor throws std::system_error or std::bad_alloc.
#pragma once

#include "frontend/granted_memory.hpp"
#include "ring/front_ring.hpp"

namespace pvscsi::frontend {

class Link {
  public:
    Link(hv::Hypervisor& hypervisor, GrantedMemory& memory, DomId backend);

    [[nodiscard]] GrantRef ring_ref() const noexcept { return page_->refs().front(); }
    [[nodiscard]] ring::FrontRing& ring() noexcept { return ring_; }
    [[nodiscard]] hv::EventChannel& channel() noexcept { return *channel_; }

    /// Takes a signal that has come; the port stays masked until unmask().
    void take_signal() noexcept { masked_ = channel_->take() || masked_; }
    void unmask() noexcept {
        if (masked_)
            channel_->unmask();
        masked_ = false;
    }

  private:
    std::unique_ptr<hv::SharedPages> page_;
    std::unique_ptr<hv::EventChannel> channel_;
    ring::FrontRing ring_;
    bool masked_ = false;
};

} // namespace pvscsi::frontend
