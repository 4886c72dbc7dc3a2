#include "backend/nexus/reservation_table.hpp"

#include <algorithm>

namespace pvscsi::backend {

unsigned ReservationTable::place_of(NexusId nexus) const noexcept {
    unsigned place = 0;
    while (place < count_ && registrations_[place].nexus != nexus)
        ++place;
    return place;
}

std::uint64_t ReservationTable::key_of(NexusId nexus) const noexcept {
    const unsigned place = place_of(nexus);
    return place < count_ ? registrations_[place].key : 0;
}

Registration ReservationTable::heir(NexusId leaving) const noexcept {
    if (held_here() && holder != 0 && holder != leaving)
        return {holder, key_of(holder)};
    for (const Registration& one : registrations())
        if (one.nexus != leaving)
            return one;
    return {0, 0};
}

void ReservationTable::set_key(NexusId nexus, std::uint64_t key) noexcept {
    const unsigned place = place_of(nexus);
    if (place == count_)
        ++count_;
    registrations_[place] = {nexus, key};
}

void ReservationTable::remove(NexusId nexus) noexcept {
    const unsigned place = place_of(nexus);
    if (place == count_)
        return;
    std::copy(registrations_.begin() + place + 1, registrations_.begin() + count_,
              registrations_.begin() + place);
    --count_;
    if (held_here() && (holder == nexus || count_ == 0))
        let_go();
}

void ReservationTable::clear() noexcept {
    count_ = 0;
    device_key = next_key = 0;
    device_key_of = next_key_of = 0;
    changing = 0;
    let_go();
}

void ReservationTable::take_device_key(const ReservationTable& known) noexcept {
    device_key = known.device_key;
    device_key_of = known.device_key_of;
    next_key = known.next_key;
    next_key_of = known.next_key_of;
    changing = known.changing;
}

bool ReservationTable::holds(NexusId nexus) const noexcept {
    if (!held_here())
        return false;
    return held_by_all(type) ? key_of(nexus) != 0 : holder == nexus;
}

void ReservationTable::hold(ReservationType new_type, NexusId nexus) noexcept {
    type = new_type;
    foreign = 0;
    foreign_key = 0;
    holder = held_by_all(new_type) ? 0 : nexus;
}

void ReservationTable::hold_abroad(ReservationType new_type, std::uint64_t key) noexcept {
    type = new_type;
    foreign = 1;
    foreign_key = key;
    holder = 0;
}

void ReservationTable::let_go() noexcept {
    type = ReservationType::none;
    foreign = 0;
    foreign_key = 0;
    holder = 0;
}

bool ReservationTable::refuses(NexusId nexus, Use use) const noexcept {
    if (count_ == 0 || holds(nexus))
        return false;
    return backend::refuses(type, key_of(nexus) != 0, use);
}

} // namespace pvscsi::backend
