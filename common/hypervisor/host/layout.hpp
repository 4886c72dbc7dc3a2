// What the processes of the embedded host share: one grant table, one page pool and one set of
// copier words a domain, and one page for each event channel. The grant entries are those of
// version 1 of Xen's grant tables (xen/include/public/grant_table.h).
#pragma once

#include "common/hypervisor/types.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace pvscsi::hv::host {

/// Pages of a domain's pool; page N of it is granted by entry N unless its owner says otherwise.
inline constexpr std::uint32_t pool_pages = 65536;
inline constexpr std::uint32_t table_entries = pool_pages;
/// Xen keeps the first entries for itself; so do we, so that reference 0 is never right.
inline constexpr std::uint32_t first_ref = 8;

namespace gtf {
inline constexpr std::uint16_t type_mask = 3;
inline constexpr std::uint16_t permit_access = 1;
inline constexpr std::uint16_t read_only = 1 << 2;
inline constexpr std::uint16_t reading = 1 << 3; ///< set by the broker while mapped
inline constexpr std::uint16_t writing = 1 << 4; ///< set by the broker while mapped writable
inline constexpr std::uint16_t in_use = reading | writing;
} // namespace gtf

/// One entry, always read and written as the whole 64-bit word.
struct GrantEntry {
    std::uint16_t flags = 0;
    std::uint16_t domain = 0;
    std::uint32_t frame = 0;

    [[nodiscard]] constexpr bool permits() const {
        return (flags & gtf::type_mask) == gtf::permit_access;
    }
};
static_assert(sizeof(GrantEntry) == 8);

using EntryWord = std::atomic<std::uint64_t>;
static_assert(EntryWord::is_always_lock_free && sizeof(EntryWord) == 8);

[[nodiscard]] constexpr std::uint64_t pack(GrantEntry entry) {
    return std::bit_cast<std::uint64_t>(entry);
}
[[nodiscard]] constexpr GrantEntry unpack(std::uint64_t word) {
    return std::bit_cast<GrantEntry>(word);
}
[[nodiscard]] constexpr std::uint64_t flag_bits(std::uint16_t flags) {
    return pack({flags, 0, 0});
}

struct GrantTablePages {
    std::array<EntryWord, table_entries> entries;
};

/// The one place where both copiers and the granting end decide what an entry allows.
[[nodiscard]] constexpr GrantStatus check_entry(GrantEntry entry, DomId caller, bool write) {
    if (!entry.permits())
        return GrantStatus::bad_ref;
    if (entry.domain != caller.value())
        return GrantStatus::bad_domain;
    if (write && (entry.flags & gtf::read_only) != 0)
        return GrantStatus::read_only;
    if (entry.frame >= pool_pages)
        return GrantStatus::bad_ref;
    return GrantStatus::ok;
}

/// Who copies from or to a domain's pages right now: one sequence word for each mapper, odd while
/// it copies. Written by the mappers, read by the granting domain. The header is the broker's.
struct CopierPages {
    struct alignas(64) Header {
        std::atomic<std::uint32_t> used; ///< slots below this may be in use
        std::atomic<std::uint32_t> dead; ///< the granting domain has been destroyed
    };
    struct alignas(64) Slot {
        std::atomic<std::uint32_t> sequence;
    };
    static constexpr std::uint32_t slot_count = 255;

    Header header;
    std::array<Slot, slot_count> slots;
};
static_assert(sizeof(CopierPages) == 4 * page_size);

/// The two ends of an event channel; each word is the state of the port that receives.
struct ChannelPage {
    static constexpr std::uint32_t pending = 1;
    static constexpr std::uint32_t masked = 2;
    /// The port's pipe has a byte in it, or is about to get one.
    static constexpr std::uint32_t signalled = 4;

    struct alignas(64) End {
        std::atomic<std::uint32_t> state;
    };
    std::array<End, 2> ends;
};

} // namespace pvscsi::hv::host
