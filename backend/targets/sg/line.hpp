// The commands of a unit that wait for their turn, in the order in which they came.
//
// A tape's or changer's have their place from their beginning to their end, the one whose turn it
// is at the front: a WRITE waits for its data-out, which come later than the READ POSITION behind
// it could go. Those of other units are in line when they are complete and there is no room for
// them.
//
// Thread: the worker's. Allocates nothing.
#pragma once

#include "backend/targets/sg/operation.hpp"

namespace pvscsi::backend {

class SgLine {
  public:
    void join(SgOperation& operation) noexcept { line_[size_++] = &operation; }
    /// It has ended, or never will begin. Nothing if it is not in the line.
    void leave(const SgOperation& operation) noexcept {
        auto* const end = line_.data() + size_;
        size_ = static_cast<std::size_t>(std::remove(line_.data(), end, &operation) - line_.data());
    }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    /// The one to send to the device now; null if that has one, or has to wait for its data-out.
    [[nodiscard]] SgOperation* next() const noexcept {
        const bool waits = !held_ && size_ > 0 && line_.front()->waits();
        return waits ? line_.front() : nullptr;
    }
    /// Nobody's turn comes until release().
    void hold() noexcept { held_ = true; }
    void release() noexcept { held_ = false; }

  private:
    std::array<SgOperation*, SgOperations::count> line_{};
    std::size_t size_ = 0;
    bool held_ = false;
};

} // namespace pvscsi::backend
