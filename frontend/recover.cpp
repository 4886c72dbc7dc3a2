// Task management, and what is done about commands whose time is over: ABORT, then RESET, then
// the session disconnects. The backend answers a victim before its ABORT, so a victim's data is
// given back only when the backend has let go of it.
#include "frontend/queue.hpp"

#include <algorithm>

namespace pvscsi::frontend {

Slot* Queue::find(CommandId id) noexcept {
    Slot& slot = slots_[id % ring::ring_size];
    return slot.use == Slot::Use::command && slot.id == id ? &slot : nullptr;
}

void Queue::abort(CommandId id, TaskHandler done) {
    const Slot* victim = find(id);
    queue_task({ring::Action::abort, id, victim ? victim->address : ring::Address{},
                std::move(done), victim == nullptr});
}

void Queue::reset(const ring::Address& address, TaskHandler done) {
    queue_task({ring::Action::reset, 0, address, std::move(done), link_ == nullptr});
}

void Queue::queue_task(Pending task) {
    if (!task.over && link_ && pending_.empty() && free_ != 0)
        return send_task(task);
    pending_.push_back(std::move(task));
    attention_ = true;
}

void Queue::send_task(Pending& task) noexcept {
    Slot& slot = slots_[static_cast<unsigned>(std::countr_zero(free_))];
    const bool abort = task.action == ring::Action::abort;
    const Slot* victim = abort ? find(task.victim) : nullptr;
    assert(abort == (victim != nullptr));
    wire_.act =
        static_cast<std::uint8_t>(abort ? ring::WireAction::abort : ring::WireAction::reset);
    wire_.ref_rqid = victim ? tag_of(*victim) : std::uint16_t{0};
    wire_.cmd_len = 0;
    wire_.cmnd = {};
    wire_.timeout_per_command = 0;
    wire_.nr_segments = 0;
    wire_.sc_data_direction = static_cast<std::uint8_t>(ring::WireDirection::none);
    slot.task_done = std::move(task.done);
    slot.requested = 0;
    slot.id = 0;
    slot.deadline = Clock::now() + timing_.abort_wait + timing_.reset_wait;
    next_deadline_ = std::min(next_deadline_, slot.deadline);
    start(slot, Slot::Use::task, task.address);
}

std::size_t Queue::run_attention() {
    attention_ = false;
    std::size_t told = 0;
    for (Pending& task : std::exchange(pending_, {})) {
        const bool over = task.over || !link_ ||
                          (task.action == ring::Action::abort && find(task.victim) == nullptr);
        if (over) {
            ++told;
            if (task.done)
                task.done(false);
        } else if (free_ != 0) {
            send_task(task);
        } else {
            pending_.push_back(std::move(task)); // release() asks for attention again
        }
    }
    return told;
}

bool Queue::check_deadlines(TimePoint now) {
    if (now < next_deadline_)
        return true;
    bool answering = true;
    next_deadline_ = TimePoint::max();
    for (Slot& slot : slots_) {
        if (slot.deadline <= now)
            answering = escalate(slot, now) && answering;
        next_deadline_ = std::min(next_deadline_, slot.deadline);
    }
    return answering;
}

/// False: there is no further stage.
bool Queue::escalate(Slot& slot, TimePoint now) {
    if (slot.use != Slot::Use::command)
        return false; // an ABORT or RESET that is not answered
    switch (slot.stage) {
    case Slot::Stage::running:
        slot.stage = Slot::Stage::aborting;
        slot.deadline = now + timing_.abort_wait;
        queue_task({ring::Action::abort, slot.id, slot.address, nullptr, false});
        return true;
    case Slot::Stage::aborting:
        slot.stage = Slot::Stage::resetting;
        slot.deadline = now + timing_.reset_wait;
        queue_task({ring::Action::reset, 0, slot.address, nullptr, false});
        return true;
    case Slot::Stage::resetting:
        break;
    }
    return false;
}

} // namespace pvscsi::frontend
