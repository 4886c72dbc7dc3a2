#include "common/hypervisor/host/copiers.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <thread>

namespace pvscsi::hv::host {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto longest_wait = std::chrono::milliseconds(20);
constexpr int spins_before_yield = 200;

std::uint32_t used_slots(const CopierPages& pages) noexcept {
    return std::min(pages.header.used.load(std::memory_order_relaxed), CopierPages::slot_count);
}

constexpr bool copying(std::uint32_t sequence) {
    return (sequence & 1) != 0;
}

inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

} // namespace

CopiesUnderWay::CopiesUnderWay(const CopierPages& pages) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const std::uint32_t used = used_slots(pages);
    for (std::uint32_t i = 0; i < used; ++i) {
        const std::uint32_t sequence = pages.slots[i].sequence.load(std::memory_order_acquire);
        if (copying(sequence))
            slots_.emplace_back(i, sequence);
    }
}

bool CopiesUnderWay::ended(const CopierPages& pages) {
    std::erase_if(slots_, [&](const auto& entry) {
        return pages.slots[entry.first].sequence.load(std::memory_order_acquire) != entry.second;
    });
    return slots_.empty();
}

bool wait_for_copies(const CopierPages& pages) noexcept {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const std::uint32_t used = used_slots(pages);
    Clock::time_point deadline{};
    for (std::uint32_t i = 0; i < used; ++i) {
        const std::atomic<std::uint32_t>& word = pages.slots[i].sequence;
        const std::uint32_t first = word.load(std::memory_order_acquire);
        if (!copying(first))
            continue;
        for (int spins = 0; word.load(std::memory_order_acquire) == first; ++spins) {
            if (spins < spins_before_yield) {
                relax();
                continue;
            }
            const auto now = Clock::now();
            if (deadline == Clock::time_point{})
                deadline = now + longest_wait;
            else if (now >= deadline)
                return false;
            std::this_thread::yield();
        }
    }
    return true;
}

std::optional<std::uint32_t> CopierSlots::take() {
    const auto free = std::ranges::find(taken_, false);
    if (free == taken_.end())
        return std::nullopt;
    *free = true;
    const auto slot = static_cast<std::uint32_t>(free - taken_.begin());
    if (slot >= pages_->header.used.load(std::memory_order_relaxed))
        pages_->header.used.store(slot + 1, std::memory_order_seq_cst);
    return slot;
}

void CopierSlots::give_back(std::uint32_t slot) {
    assert(taken_[slot]);
    std::atomic<std::uint32_t>& word = pages_->slots[slot].sequence;
    const std::uint32_t sequence = word.load(std::memory_order_acquire);
    if (copying(sequence))
        word.store(sequence + 1, std::memory_order_release);
    taken_[slot] = false;
}

} // namespace pvscsi::hv::host
