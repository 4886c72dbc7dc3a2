// The shared ring page, as the only thing the rest of the ring may do with it: load or store an
// index, copy parts of an entry in or out. No pointer into it leaves this class.
//
// The peer may change any byte at any moment, so a byte is read once, into private memory, and
// judged there. copy_out() is a memcpy with a compiler barrier behind it: without the barrier the
// compiler may read the source again instead of the copy (XSA-155). Measured, it is six times
// cheaper than volatile 32-bit words.
#pragma once

#include "ring/abi.hpp"

#include <atomic>
#include <cassert>
#include <cstring>
#include <span>

namespace pvscsi::ring {

class SharedPage {
  public:
    /// `page` is page aligned, ring_page_size long, and outlives every ring on it.
    explicit SharedPage(std::span<std::byte> page) : base_(page.data()) {
        assert(page.size() == ring_page_size);
    }

    /// A word of ours in the page's padding, which nothing else uses: a backend that finds it knows
    /// the page for the one that it or its predecessor served. A new ring's padding is zero. The
    /// peer can change it; then the page is not recognised.
    [[nodiscard]] std::uint64_t stamp() const noexcept { return stamp_word().load(); }
    void set_stamp(std::uint64_t stamp) noexcept { stamp_word().store(stamp); }

  private:
    friend class BackRing;
    friend class FrontRing;

    [[nodiscard]] std::uint32_t load(std::size_t offset, std::memory_order order) const noexcept {
        return word(offset).load(order);
    }
    void store(std::size_t offset, std::uint32_t value, std::memory_order order) noexcept {
        word(offset).store(value, order);
    }
    /// Parts of an entry: what is not in use need not travel between the two CPUs.
    void copy_out(std::uint32_t index, std::size_t offset, void* to,
                  std::size_t size) const noexcept {
        assert(offset + size <= PageLayout::entry_size);
        std::memcpy(to, slot(index) + offset, size);
        asm volatile("" ::: "memory");
    }
    void copy_in(std::uint32_t index, std::size_t offset, const void* from,
                 std::size_t size) noexcept {
        assert(offset + size <= PageLayout::entry_size);
        std::memcpy(slot(index) + offset, from, size);
    }
    void prefetch_for_writing(std::uint32_t index, std::size_t offset) const noexcept {
        __builtin_prefetch(slot(index) + offset, 1);
    }

    [[nodiscard]] std::atomic_ref<std::uint32_t> word(std::size_t offset) const noexcept {
        return std::atomic_ref<std::uint32_t>(*reinterpret_cast<std::uint32_t*>(base_ + offset));
    }
    [[nodiscard]] std::atomic_ref<std::uint64_t> stamp_word() const noexcept {
        return std::atomic_ref<std::uint64_t>(
            *reinterpret_cast<std::uint64_t*>(base_ + PageLayout::stamp));
    }
    [[nodiscard]] std::byte* slot(std::uint32_t index) const noexcept {
        return base_ + PageLayout::entries + (index % ring_size) * PageLayout::entry_size;
    }

    std::byte* base_;
};

/// The peer moved an index where it can't be. Nothing on this ring can be trusted or answered
/// any more: stop it and disconnect the peer.
enum class RingFault : std::uint8_t {
    producer_overflow,  ///< more entries than the ring has, or than are in flight
    producer_backwards, ///< an index that went back
};

} // namespace pvscsi::ring
