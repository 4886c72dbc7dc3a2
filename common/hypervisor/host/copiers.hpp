// The copier words of a domain, from both sides: a mapper brackets each batch of copies with a
// CopyScope, and whoever has revoked a grant waits for the copies that may have begun before.
//
// Why it is sound: the mapper makes its word odd, then fences, then reads the entry; the revoker
// clears the entry, then fences, then reads the word. At least one sees the other's store: either
// the copy is refused, or the revoker finds the word odd and waits until it changes.
//
// Thread: as the owner of the object; the words themselves are shared between processes.
#pragma once

#include "common/hypervisor/host/layout.hpp"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace pvscsi::hv::host {

/// Marks its slot as copying while it lives.
class CopyScope {
  public:
    explicit CopyScope(std::atomic<std::uint32_t>& word) noexcept
        : word_(word), odd_(word.load(std::memory_order_relaxed) | 1) {
        word_.store(odd_, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    CopyScope(const CopyScope&) = delete;
    CopyScope& operator=(const CopyScope&) = delete;
    ~CopyScope() { word_.store(odd_ + 1, std::memory_order_release); }

  private:
    std::atomic<std::uint32_t>& word_;
    std::uint32_t odd_;
};

/// The copies that were under way when it was made.
class CopiesUnderWay {
  public:
    /// To be called after the entries have been cleared. Allocates for those that copy.
    explicit CopiesUnderWay(const CopierPages& pages);
    /// Forgets those that have ended; true when none is left.
    [[nodiscard]] bool ended(const CopierPages& pages);

  private:
    std::vector<std::pair<std::uint32_t, std::uint32_t>> slots_; ///< slot, its odd sequence
};

/// Waits for the copies under way without allocating. False if one takes longer than a bound
/// that only a stopped process exceeds.
[[nodiscard]] bool wait_for_copies(const CopierPages& pages) noexcept;

/// The broker's handing out of slots.
class CopierSlots {
  public:
    explicit CopierSlots(CopierPages& pages) : pages_(&pages) {}

    [[nodiscard]] std::optional<std::uint32_t> take();
    /// Also ends a copy that the slot's owner was killed in.
    void give_back(std::uint32_t slot);

  private:
    CopierPages* pages_;
    std::vector<bool> taken_ = std::vector<bool>(CopierPages::slot_count);
};

} // namespace pvscsi::hv::host
