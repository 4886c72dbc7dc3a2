#include "common/hypervisor/host/grant_table.hpp"

#include <cassert>

namespace pvscsi::hv::host {

namespace {
// A guest that keeps changing its entry must not keep the broker busy.
constexpr int max_attempts = 16;

constexpr bool valid(std::uint32_t ref) {
    return ref >= first_ref && ref < table_entries;
}
} // namespace

GrantStatus GrantTable::check(std::uint32_t ref, DomId caller, bool write) const {
    if (!valid(ref))
        return GrantStatus::bad_ref;
    return check_entry(unpack(entry(ref).load(std::memory_order_acquire)), caller, write);
}

Expected<std::uint32_t, GrantStatus> GrantTable::pin(std::uint32_t ref, DomId caller, bool write) {
    if (!valid(ref))
        return unexpected(GrantStatus::bad_ref);
    const auto known = active_.find(ref);
    const bool mapped = known != active_.end();
    if (mapped && known->second.caller != caller)
        return unexpected(GrantStatus::bad_domain);

    const std::uint16_t use = write ? gtf::in_use : gtf::reading;
    std::uint64_t word = entry(ref).load(std::memory_order_acquire);
    bool claimed = false;
    for (int i = 0; i < max_attempts && !claimed; ++i) {
        const GrantStatus status = check_entry(unpack(word), caller, write);
        if (status != GrantStatus::ok)
            return unexpected(status);
        claimed = entry(ref).compare_exchange_weak(word, word | flag_bits(use));
    }
    if (!claimed)
        return unexpected(GrantStatus::unavailable);

    Active& active = active_[ref];
    if (!mapped) {
        active.caller = caller;
        active.frame = unpack(word).frame;
    }
    ++(write ? active.writers : active.readers);
    ++frame_pins_[active.frame];
    return active.frame;
}

void GrantTable::unpin(std::uint32_t ref, bool write) {
    const auto known = active_.find(ref);
    assert(known != active_.end());
    Active& active = known->second;
    --(write ? active.writers : active.readers);
    if (const auto pins = frame_pins_.find(active.frame); --pins->second == 0)
        frame_pins_.erase(pins);
    if (active.writers == 0)
        entry(ref).fetch_and(~flag_bits(gtf::writing));
    if (active.writers == 0 && active.readers == 0) {
        entry(ref).fetch_and(~flag_bits(gtf::reading));
        active_.erase(known);
    }
}

void GrantTable::revoke(std::uint32_t ref) {
    // What remains says that the entry is mapped; the last unmap clears it.
    const bool mapped = active_.contains(ref);
    entry(ref).fetch_and(mapped ? flag_bits(gtf::in_use) : 0);
}

bool GrantTable::unused(std::uint32_t number) const {
    return !active_.contains(number) && !frame_pins_.contains(number);
}

} // namespace pvscsi::hv::host
