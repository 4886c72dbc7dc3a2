// Task management of the queue: ABORT and RESET (SAM-5 7.2 and 7.7).
//
// The order on the ring is the point: a victim is answered before the ABORT or RESET that ended
// it, because the frontend frees the victim's tag and grants only with its own response, and takes
// a response after the ABORT's for another command. Both are answered in bounded time, success or
// not, and never hold up other requests.
#include "backend/queue.hpp"

namespace pvscsi::backend {

void Queue::begin_task_management(Slot& manager) noexcept {
    manager.victims = 0;
    manager.managed_well = true;
    manager.state = SlotState::managing;
    record_task_management(manager);
    if (manager.command.action() == ring::Action::abort)
        abort_task(manager);
    else
        reset_unit(manager);
    if (manager.state == SlotState::managing && manager.victims == 0)
        finish(manager);
}

void Queue::enlist_victim(Slot& manager, Slot& victim) noexcept {
    victim.managers |= 1u << manager.index;
    ++manager.victims;
}

/// A command that is not there (any more) was ended, as far as ABORT TASK goes.
void Queue::abort_task(Slot& manager) noexcept {
    for (const auto& slot : slots_) {
        const bool in_flight = slot->state == SlotState::descriptors ||
                               slot->state == SlotState::data_out ||
                               slot->state == SlotState::pending;
        if (!in_flight || slot->command.tag() != manager.command.victim() ||
            slot->command.address() != manager.command.address())
            continue;
        enlist_victim(manager, *slot);
        if (slot->state == SlotState::pending)
            slot->lun->target->abort(*slot);
    }
    if (manager.victims > 0)
        set_deadline(manager, patience_.abort);
}

void Queue::reset_unit(Slot& manager) noexcept {
    Lun* const lun = luns_.find(manager.command.address());
    if (lun == nullptr) {
        manager.managed_well = false;
        return;
    }
    for (const auto& slot : slots_)
        if ((slot->lun == lun && slot->state != SlotState::finished) ||
            (slot->state == SlotState::descriptors &&
             slot->command.address() == manager.command.address()))
            enlist_victim(manager, *slot);
    ++manager.victims; // the target's own answer
    set_deadline(manager, patience_.reset);
    // The request keeps the LUN from going away until the target has answered or time is up.
    manager.lun = lun;
    ++lun->in_flight;
    lun->target->reset([weak = weak_from_this(), index = manager.index,
                        incarnation = manager.incarnation](bool success) {
        const auto queue = weak.lock();
        if (!queue || queue->stopped_)
            return;
        Slot& slot = *queue->slots_[index];
        if (slot.incarnation != incarnation || slot.state != SlotState::managing)
            return;
        slot.managed_well = slot.managed_well && success;
        queue->one_less_to_wait_for(slot);
        queue->worker_.activate(*queue);
    });
}

void Queue::victim_answered(Slot& victim) noexcept {
    for (const auto& manager : slots_)
        if ((victim.managers >> manager->index & 1) != 0 && manager->state == SlotState::managing)
            one_less_to_wait_for(*manager);
}

void Queue::one_less_to_wait_for(Slot& manager) noexcept {
    if (--manager.victims == 0)
        finish(manager);
}

void Queue::set_deadline(Slot& manager, std::chrono::milliseconds patience) {
    manager.deadline = std::chrono::steady_clock::now() + patience;
    // The timer serves all; the earliest deadline is looked for when it goes off.
    if (deadline_.expiry() > std::chrono::steady_clock::now() &&
        deadline_.expiry() <= manager.deadline)
        return;
    deadline_.expires_at(manager.deadline);
    deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto queue = weak.lock();
        if (queue && !queue->stopped_ && !error)
            queue->expire_managers();
    });
}

void Queue::expire_managers() {
    const auto now = std::chrono::steady_clock::now();
    for (const auto& slot : slots_) {
        if (slot->state != SlotState::managing)
            continue;
        if (slot->deadline > now) {
            set_deadline(
                *slot, std::chrono::duration_cast<std::chrono::milliseconds>(slot->deadline - now));
            continue;
        }
        for (const auto& victim : slots_)
            victim->managers &= ~(1u << slot->index);
        slot->managed_well = false;
        finish(*slot);
        worker_.activate(*this);
    }
}

} // namespace pvscsi::backend
