#include "backend/data_mover.hpp"

#include <algorithm>

namespace pvscsi::backend {

void DataMover::add(Slot& slot, std::span<const ring::Segment> segments, std::span<std::byte> local,
                    hv::GrantCopy::Direction direction) noexcept {
    for (const ring::Segment& segment : segments) {
        if (local.empty())
            break;
        if (used_ == batch)
            flush();
        const std::size_t length = std::min<std::size_t>(segment.length(), local.size());
        pieces_[used_] = {.ref = segment.ref(),
                          .offset = segment.offset(),
                          .length = static_cast<std::uint16_t>(length),
                          .direction = direction,
                          .status = hv::GrantStatus::ok,
                          .local = local.data()};
        owners_[used_++] = &slot;
        local = local.subspan(length);
    }
}

void DataMover::flush() noexcept {
    if (used_ == 0)
        return;
    const std::span<hv::GrantCopy> pieces(pieces_.data(), used_);
    if (grants_.copy(pieces) > 0)
        for (std::size_t i = 0; i < pieces.size(); ++i)
            if (pieces[i].status != hv::GrantStatus::ok)
                owners_[i]->copy_failed = true;
    used_ = 0;
}

} // namespace pvscsi::backend
