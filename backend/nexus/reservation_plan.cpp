#include "backend/nexus/reservation_plan.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>

namespace pvscsi::backend {

namespace condition = scsi::condition;
using scsi::Sense;
using scsi::Status;

PrOut PrOut::parse(const ring::Cdb& cdb, std::span<const std::uint8_t> list) {
    PrOut out;
    out.action = static_cast<PrAction>(cdb.padded()[1] & 0x1f);
    out.scope = cdb.padded()[2] >> 4;
    out.type = cdb.padded()[2] & 0x0f;
    out.key = load_be64(list, 0);
    out.action_key = load_be64(list, 8);
    out.persist = (list[20] & 0x01) != 0;
    out.all_ports = (list[20] & 0x04) != 0;
    out.other_nexuses = (list[20] & 0x08) != 0;
    return out;
}

unsigned DeviceView::count(std::uint64_t key) const noexcept {
    return static_cast<unsigned>(std::ranges::count(keys, key));
}

bool DeviceView::take_keys(std::span<const std::uint8_t> data) {
    keys.clear();
    if (data.size() < 8)
        return false;
    const std::uint32_t size = load_be32(data, 4);
    if (size > data.size() - 8)
        return false;
    for (std::size_t at = 8; at + 8 <= 8 + size; at += 8)
        keys.push_back(load_be64(data, at));
    return true;
}

void DeviceView::take_reservation(std::span<const std::uint8_t> data) noexcept {
    type = ReservationType::none;
    holder_key = 0;
    if (data.size() < 24 || load_be32(data, 4) < 16)
        return;
    holder_key = load_be64(data, 8);
    type = reservation_type(data[21] & 0x0f).value_or(ReservationType::none);
}

namespace {

class Planner {
  public:
    Planner(const PrOut& out, NexusId nexus, const ReservationTable& now, const DeviceView& device)
        : out_(out), me_(nexus), now_(now), device_(device), my_key_(now.key_of(nexus)),
          key_(now.device_key) {
        plan_.after = now;
    }

    Plan make() {
        switch (out_.action) {
        case PrAction::enroll:
        case PrAction::enroll_anyway:
            enroll();
            break;
        case PrAction::reserve:
            reserve();
            break;
        case PrAction::release:
            release();
            break;
        case PrAction::clear:
            clear();
            break;
        case PrAction::preempt:
        case PrAction::preempt_and_abort:
            preempt();
            break;
        }
        return std::move(plan_);
    }

  private:
    void conflict() { plan_.status = Status::reservation_conflict; }
    void refuse(const Sense& sense) {
        plan_.status = Status::check_condition;
        plan_.sense = sense;
    }
    [[nodiscard]] static Sense bad_field_in_cdb(std::uint16_t byte) {
        return Sense::illegal_field(0x24, 0x00, true, byte);
    }
    [[nodiscard]] static Sense bad_field_in_list(std::uint16_t byte) {
        return Sense::illegal_field(0x26, 0x00, false, byte);
    }
    /// False: it has been answered that the nexus may not ask for this.
    bool is_registrant() {
        const bool known = my_key_ != 0 && out_.key == my_key_;
        if (!known)
            conflict();
        return known;
    }
    /// Nothing if it has been answered that there is no such type or scope.
    std::optional<ReservationType> type() {
        const auto type = reservation_type(out_.type);
        if (out_.scope == 0 && type)
            return type;
        refuse(bad_field_in_cdb(2));
        return {};
    }
    void ask(PrAction action, std::uint64_t action_key,
             ReservationType type = ReservationType::none) {
        plan_.steps.push_back({action, key_, action_key, type, plan_.after.persist != 0, 0});
    }
    /// Each change among the guests is one of the device's registration, if only for PRGENERATION.
    void set_device_key(const Registration& one) {
        plan_.steps.push_back({PrAction::enroll_anyway, 0, one.key, ReservationType::none,
                               plan_.after.persist != 0, one.nexus});
        key_ = one.key;
    }
    void ask_as_me() {
        if (key_ != my_key_ || now_.device_key_of != me_)
            set_device_key({me_, my_key_});
    }
    void tell_registrants(const scsi::Condition& what) {
        for (const Registration& one : plan_.after.registrations())
            if (one.nexus != me_)
                plan_.news.push_back({one.nexus, what});
    }

    void enroll() {
        if (out_.action == PrAction::enroll && out_.key != my_key_)
            return conflict();
        if (out_.other_nexuses || out_.all_ports)
            return refuse(bad_field_in_list(20));
        if (out_.action_key == 0)
            return my_key_ == 0 ? void() : leave();
        if (my_key_ == 0 && now_.full())
            return refuse(Sense::fixed(scsi::SenseKey::illegal_request, 0x55, 0x04));
        plan_.after.persist = out_.persist;
        plan_.after.set_key(me_, out_.action_key);
        if (held_by_all(now_.type)) // by us as well, from now on
            plan_.after.hold(now_.type, 0);
        const bool mine = key_ == 0 || now_.device_key_of == me_;
        set_device_key(mine ? Registration{me_, out_.action_key}
                            : Registration{now_.device_key_of, key_});
    }

    void leave() {
        plan_.after.persist = out_.persist;
        const bool lets_go = now_.held_here() && now_.holder == me_;
        const Registration heir = now_.heir(me_);
        if (lets_go && heir.nexus != 0)
            ask(PrAction::release, 0, now_.type);
        set_device_key(now_.device_key_of == me_ || heir.nexus == 0
                           ? heir
                           : Registration{now_.device_key_of, key_});
        plan_.after.remove(me_);
        if (lets_go && registrants_may(now_.type))
            tell_registrants(condition::reservations_released);
    }

    void reserve() {
        if (!is_registrant())
            return;
        const auto wanted = type();
        if (!wanted)
            return;
        if (now_.held())
            return now_.holds(me_) && now_.type == *wanted ? void() : conflict();
        ask_as_me();
        ask(PrAction::reserve, 0, *wanted);
        plan_.after.hold(*wanted, me_);
    }

    void release() {
        if (!is_registrant() || !now_.holds(me_))
            return; // of who holds none it is no error
        if (out_.scope != 0 || reservation_type(out_.type) != now_.type)
            return refuse(Sense::fixed(scsi::SenseKey::illegal_request, 0x26, 0x04));
        ask(PrAction::release, 0, now_.type);
        plan_.after.let_go();
        if (registrants_may(now_.type))
            tell_registrants(condition::reservations_released);
    }

    void clear() {
        if (!is_registrant())
            return;
        ask(PrAction::clear, 0);
        tell_registrants(condition::reservations_preempted);
        plan_.after.clear();
    }

    void preempt() {
        if (!is_registrant())
            return;
        const std::uint64_t target = out_.action_key;
        const bool all_hold = now_.held_here() && held_by_all(now_.type);
        if (target == 0 && !all_hold)
            return refuse(bad_field_in_list(8));
        const bool one_holds = now_.held_here() && !all_hold;
        const std::uint64_t holder_key = one_holds ? now_.key_of(now_.holder) : now_.foreign_key;
        const bool seizes = all_hold ? target == 0 : now_.held() && holder_key == target;
        // Where no reservation is preempted the type says nothing, but has to be one.
        const auto wanted =
            seizes ? type()
                   : reservation_type(out_.type).value_or(ReservationType::write_exclusive);
        if (!wanted)
            return;
        const bool abroad = target == 0 ? device_.keys.size() > 1
                                        : device_.count(target) > (key_ == target ? 1u : 0u);
        remove_victims(target);
        if (plan_.victims.empty() && !abroad && target != 0 && target != my_key_)
            return conflict();
        ask_for_preemption(seizes, one_holds, abroad, *wanted);
        if (seizes) {
            plan_.after.hold(*wanted, me_);
            if (registrants_may(now_.type) && now_.type != *wanted)
                tell_registrants(condition::reservations_released);
        }
        for (const NexusId victim : plan_.victims)
            plan_.news.push_back({victim, condition::registrations_preempted});
        if (out_.action == PrAction::preempt)
            plan_.victims.clear();
    }

    void remove_victims(std::uint64_t target) {
        for (const Registration& one : now_.registrations())
            if (one.nexus != me_ && (target == 0 || one.key == target))
                plan_.victims.push_back(one.nexus);
        for (const NexusId victim : plan_.victims)
            plan_.after.remove(victim);
    }

    /// The device is asked to preempt only what it knows as another nexus: of ours it would abort
    /// the commands of all.
    void ask_for_preemption(bool seizes, bool one_holds, bool abroad, ReservationType wanted) {
        const PrAction action = abroad ? out_.action : PrAction::preempt;
        if (seizes && one_holds) { // its key is the device's: it preempts itself, and stays
            if (abroad || wanted != now_.type)
                ask(action, key_, wanted);
            set_device_key({me_, my_key_});
        } else if (seizes || abroad) {
            if (!one_holds)
                ask_as_me();
            ask(action, out_.action_key, wanted);
        } else {
            set_device_key(one_holds ? Registration{now_.device_key_of, key_}
                                     : Registration{me_, my_key_});
        }
    }

    const PrOut& out_;
    const NexusId me_;
    const ReservationTable& now_;
    const DeviceView& device_;
    const std::uint64_t my_key_;
    std::uint64_t key_; ///< of the device's registration, when the steps so far have been taken
    Plan plan_;
};

/// A dead daemon was about to change the key of the device's registration.
void settle_key(ReservationTable& table, const DeviceView& device) {
    if (table.changing == 0)
        return;
    const bool changed = table.next_key == 0 ? device.count(table.device_key) == 0
                                             : device.count(table.next_key) != 0;
    if (changed) {
        table.device_key = table.next_key;
        table.device_key_of = table.next_key_of;
    }
    table.changing = 0;
}

void tell_all(std::vector<News>& news, const ReservationTable& table, const scsi::Condition& what) {
    for (const Registration& one : table.registrations())
        news.push_back({one.nexus, what});
}

} // namespace

Plan plan_for(const PrOut& out, NexusId nexus, const ReservationTable& now,
              const DeviceView& device) {
    return Planner(out, nexus, now, device).make();
}

std::vector<News> reconcile(ReservationTable& table, const DeviceView& device,
                            const scsi::Condition& why) {
    std::vector<News> news;
    settle_key(table, device);
    if (table.device_key == 0 || device.count(table.device_key) == 0) {
        // Another host has ended it; to others all guests behind one nexus are one.
        tell_all(news, table, why == condition::none ? condition::registrations_preempted : why);
        table.clear();
        if (device.type != ReservationType::none)
            table.hold_abroad(device.type, device.holder_key);
        return news;
    }
    const bool ours = device.holder_key == table.device_key &&
                      (table.held_here() || device.count(table.device_key) == 1);
    if (device.type == ReservationType::none) {
        if (table.held_here() && registrants_may(table.type))
            tell_all(news, table, condition::reservations_released);
        table.let_go();
    } else if (held_by_all(device.type)) {
        table.hold(device.type, 0);
    } else if (ours) {
        table.hold(device.type, table.device_key_of);
    } else {
        table.hold_abroad(device.type, device.holder_key);
    }
    return news;
}

} // namespace pvscsi::backend
