// What the nexuses of a unit have reserved of it, and what that makes of their rights.
#include "backend/nexus/shared_unit.hpp"

#include <algorithm>

namespace pvscsi::backend {

using scsi::Condition;

void SharedUnit::keep_reservations(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (record_)
        return;
    record_.emplace(path);
    table_ = record_->contents();
    look_wanted_ = !table_.registrations().empty();
}

/// A nexus' rights as its worker looks at them.
void SharedUnit::publish(Nexus& nexus) const noexcept {
    std::uint8_t notices = 0;
    if (!nexus.attentions_.empty())
        notices |= Nexus::attention_waits;
    if (nexus.draining_)
        notices |= Nexus::draining;
    if (nexus.id_ != 0) {
        if (table_.refuses(nexus.id_, Use::reads))
            notices |= Nexus::reads_refused;
        if (table_.refuses(nexus.id_, Use::writes))
            notices |= Nexus::writes_refused;
        if (table_.legacy_holder != 0 && table_.legacy_holder != nexus.id_)
            notices |= Nexus::reserved;
    }
    nexus.notices_.store(notices, std::memory_order_release);
}

void SharedUnit::publish_all() noexcept {
    if (record_)
        record_->store(table_);
    for (Nexus* const nexus : nexuses_)
        publish(*nexus);
}

/// A reset ends what RESERVE has begun (SPC-2 5.5.1).
void SharedUnit::forget_claim() noexcept {
    if (table_.legacy_holder == 0)
        return;
    table_.legacy_holder = 0;
    publish_all();
}

SharedUnit::Claim SharedUnit::claim(Nexus& nexus) noexcept {
    const std::lock_guard lock(mutex_);
    if (!table_.registrations().empty())
        return table_.key_of(nexus.id_) != 0 ? Claim::asked : Claim::refused;
    if (table_.legacy_holder == nexus.id_)
        return Claim::held;
    if (table_.legacy_holder != 0)
        return Claim::refused;
    table_.legacy_holder = nexus.id_;
    publish_all();
    return Claim::claimed;
}

void SharedUnit::unclaim(const Nexus& nexus) noexcept {
    const std::lock_guard lock(mutex_);
    if (table_.legacy_holder == nexus.id_)
        forget_claim();
}

bool SharedUnit::claimed_by_other(const Nexus& nexus) noexcept {
    const std::lock_guard lock(mutex_);
    return table_.legacy_holder != 0 && table_.legacy_holder != nexus.id_;
}

bool SharedUnit::begin_change(const Nexus& nexus) noexcept {
    const std::lock_guard lock(mutex_);
    if (changing_ != nullptr)
        return false;
    changing_ = &nexus;
    return true;
}

void SharedUnit::end_change(const Nexus& nexus) noexcept {
    const std::lock_guard lock(mutex_);
    if (changing_ == &nexus)
        changing_ = nullptr;
}

ReservationTable SharedUnit::reservations() noexcept {
    const std::lock_guard lock(mutex_);
    return table_;
}

void SharedUnit::commit(const ReservationTable& table, std::span<const News> news,
                        const Nexus* told) noexcept {
    const std::lock_guard lock(mutex_);
    const NexusId legacy_holder = table_.legacy_holder; // not changed by who changes the rest
    table_ = table;
    table_.legacy_holder = legacy_holder;
    for (const News& one : news)
        deliver(one, told);
    publish_all();
}

void SharedUnit::deliver(const News& news, const Nexus* told) noexcept {
    bool joined = false;
    for (Nexus* const nexus : nexuses_) {
        if (nexus->id_ != news.nexus)
            continue;
        joined = true;
        if (nexus == told)
            continue;
        nexus->attentions_.add(news.what);
        nexus->store();
    }
    if (joined)
        return;
    if (undelivered_.size() == most_undelivered)
        undelivered_.erase(undelivered_.begin());
    undelivered_.push_back(news);
}

bool SharedUnit::look_due() noexcept {
    const std::lock_guard lock(mutex_);
    if (table_.registrations().empty())
        return false;
    const auto registered = [&](const Nexus* nexus) { return table_.key_of(nexus->id_) != 0; };
    if (!look_wanted_ && std::ranges::all_of(nexuses_, registered))
        return false;
    const auto now = Clock::now();
    if (!look_wanted_ && now - looked_ < between_looks)
        return false;
    looked_ = now;
    look_wanted_ = false;
    return true;
}

void SharedUnit::want_look() noexcept {
    const std::lock_guard lock(mutex_);
    look_wanted_ = true;
}

void SharedUnit::drain(std::span<const NexusId> victims, const Nexus& by,
                       const Nexus::Ticket& ticket) {
    const std::lock_guard lock(mutex_);
    for (Nexus* const nexus : nexuses_) {
        if (nexus == &by || std::ranges::find(victims, nexus->id_) == victims.end() ||
            !nexus->drain)
            continue;
        nexus->draining_ = true;
        publish(*nexus);
        nexus->drain(ticket);
    }
}

void SharedUnit::drained(Nexus& nexus) noexcept {
    const std::lock_guard lock(mutex_);
    nexus.draining_ = false;
    publish(nexus);
}

} // namespace pvscsi::backend
