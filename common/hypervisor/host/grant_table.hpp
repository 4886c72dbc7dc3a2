// The broker's side of a domain's grant table: which entries are mapped, how often, and what the
// table's reading and writing flags say. After Xen's active entries (xen/common/grant_table.c):
// what was granted at the first map counts until the last unmap, whatever the guest writes into
// its table meanwhile.
// Thread: the broker's. Errors: GrantStatus, as everything here is the peers' doing.
#pragma once

#include "common/base/expected.hpp"
#include "common/hypervisor/host/layout.hpp"

#include <cstdint>
#include <unordered_map>

namespace pvscsi::hv::host {

class GrantTable {
  public:
    explicit GrantTable(GrantTablePages& pages) : pages_(&pages) {}

    /// What `caller` would get, without taking it.
    [[nodiscard]] GrantStatus check(std::uint32_t ref, DomId caller, bool write) const;
    /// Counts one more map of `ref` by `caller`; the frame that is mapped.
    [[nodiscard]] Expected<std::uint32_t, GrantStatus> pin(std::uint32_t ref, DomId caller,
                                                           bool write);
    /// Ends one map that pin() has counted.
    void unpin(std::uint32_t ref, bool write);
    /// No new map or copy of `ref` from now on; those that exist stay.
    void revoke(std::uint32_t ref);
    /// Neither the entry nor the page of that number is mapped.
    [[nodiscard]] bool unused(std::uint32_t number) const;

  private:
    struct Active {
        DomId caller;
        std::uint32_t frame = 0;
        std::uint32_t readers = 0;
        std::uint32_t writers = 0;
    };

    [[nodiscard]] EntryWord& entry(std::uint32_t ref) const { return pages_->entries[ref]; }

    GrantTablePages* pages_;
    std::unordered_map<std::uint32_t, Active> active_;
    std::unordered_map<std::uint32_t, std::uint32_t> frame_pins_;
};

} // namespace pvscsi::hv::host
