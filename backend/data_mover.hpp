// Collects the pieces to copy between the guest's granted pages and private memory over a turn of
// the queue, so that the hypervisor is asked once for all of them.
//
// Thread: the vhost's worker. Allocates nothing after construction.
#pragma once

#include "backend/slot.hpp"
#include "common/hypervisor/grant.hpp"

#include <array>

namespace pvscsi::backend {

class DataMover {
  public:
    explicit DataMover(hv::GrantMapper& grants) : grants_(grants) {}

    /// Adds the first `local.size()` bytes that `segments` hold. A piece that fails sets the
    /// slot's copy_failed at the next flush(), or now if the batch is full.
    void add(Slot& slot, std::span<const ring::Segment> segments, std::span<std::byte> local,
             hv::GrantCopy::Direction direction) noexcept;
    void flush() noexcept;

  private:
    static constexpr std::size_t batch = 256;
    hv::GrantMapper& grants_;
    std::size_t used_ = 0;
    std::array<hv::GrantCopy, batch> pieces_{};
    std::array<Slot*, batch> owners_{};
};

} // namespace pvscsi::backend
