#include "backend/queue.hpp"

#include "backend/repeatable.hpp"
#include "backend/target_level.hpp"
#include "common/base/log.hpp"
#include "ring/response.hpp"

#include <algorithm>
#include <bit>

namespace pvscsi::backend {

namespace {

constexpr std::uint8_t op_report_luns = 0xa0;

std::string_view describe(ring::RingFault fault) {
    return fault == ring::RingFault::producer_overflow
               ? "the frontend published more requests than the ring holds"
               : "the frontend moved its request index backwards";
}

} // namespace

unsigned Queue::poll() noexcept {
    if (dead_ || stopped_)
        return 0;
    const unsigned taken = take_requests();
    resume_fetched();
    const unsigned finished = finished_.size();
    answer_finished();
    if (!taking_)
        quiet_if_idle();
    return taken + finished;
}

unsigned Queue::take_requests() noexcept {
    if (!taking_)
        return 0;
    const auto waiting = ring_.available();
    if (!waiting) {
        fault(waiting.error());
        return 0;
    }
    const unsigned taken = std::min(*waiting, budget_);
    for (unsigned left = taken; left > 0; --left) {
        // available() counts unanswered requests in, so a slot is free.
        Slot& slot = *slots_[static_cast<unsigned>(std::countr_zero(free_slots_))];
        free_slots_ &= free_slots_ - 1;
        ring::WireRequest& wire = journal_.blank(slot.index);
        const std::uint32_t index = ring_.position().req_cons;
        ring_.take(wire);
        journal_.record(slot.index, index);
        if (left > 1)
            ring_.prefetch_next();
        accept(slot, wire);
    }
    if (descriptors_.size() > 0)
        parse_fetched_descriptors();
    return taken;
}

void Queue::accept(Slot& slot, const ring::WireRequest& wire) noexcept {
    ++slot.incarnation;
    slot.copy_failed = false;
    const bool indirect = (wire.nr_segments & ring::indirect_flag) != 0;
    auto& segments = indirect ? slot.pages : slot.segments;
    const auto command = ring::parse(wire, limits_, segments);
    if (!command) {
        slot.prepare(ring::Command::rejected(ring::tag_of(wire)), 0);
        return fail(slot, scsi::HostCode::error);
    }
    slot.prepare(*command, segments.total());
    if (command->action() != ring::Action::cdb)
        return begin_task_management(slot);
    if (!command->indirect())
        return dispatch(slot);
    slot.state = SlotState::descriptors;
    touched_ = true;
    mover_.add(slot, segments.segments(), slot.memory.first(segments.total()),
               hv::GrantCopy::Direction::from_peer);
    descriptors_.add(slot);
}

void Queue::parse_fetched_descriptors() noexcept {
    mover_.flush();
    for (unsigned i = 0; i < descriptors_.size(); ++i) {
        Slot& slot = descriptors_[i];
        slot.segments.clear();
        const auto bytes = slot.memory.first(slot.pages.total());
        if (slot.copy_failed || !ring::parse_descriptors(bytes, limits_, slot.segments)) {
            fail(slot, scsi::HostCode::error);
            continue;
        }
        slot.prepare(slot.command, slot.segments.total());
        dispatch(slot);
    }
    descriptors_.clear();
}

void Queue::dispatch(Slot& slot) noexcept {
    Lun* const lun = luns_.find(slot.command.address());
    if (lun == nullptr || slot.cdb().opcode() == op_report_luns) {
        touched_ = true;
        if (answer_at_target_level(luns_, slot)) {
            if (lun != nullptr)
                record_at_once(slot, *lun);
            return finish(slot);
        }
        if (lun == nullptr)
            return fail(slot, scsi::HostCode::no_connect);
    }
    // SAM-5 5.3.1; a frontend tries again when one of its other commands has ended.
    if (lun->in_flight >= lun->queue_depth) {
        slot.outcome.clear();
        slot.outcome.status = scsi::Status::task_set_full;
        count(lun->counters, slot);
        record_at_once(slot, *lun);
        return finish(slot);
    }
    slot.lun = lun;
    slot.state = SlotState::pending;
    ++lun->in_flight;
    record_begin(slot, *lun);
    proceed(slot, lun->target->start(slot));
}

void Queue::proceed(Slot& slot, Step step) noexcept {
    switch (step) {
    case Step::done:
        return finish(slot);
    case Step::pending:
        // An ABORT may have come while the data-out was fetched.
        if (slot.managers != 0)
            slot.lun->target->abort(slot);
        return;
    case Step::need_data:
        if (slot.direction() != ring::Direction::to_device || slot.data().size() > slot.length()) {
            slot.lun->target->drop(slot);
            return fail(slot, scsi::HostCode::error);
        }
        slot.state = SlotState::data_out;
        mover_.add(slot, slot.segments.segments(), slot.data(),
                   hv::GrantCopy::Direction::from_peer);
        data_out_.add(slot);
        return;
    }
}

void Queue::resume_fetched() noexcept {
    if (data_out_.size() == 0)
        return;
    mover_.flush();
    for (unsigned i = 0; i < data_out_.size(); ++i) {
        Slot& slot = data_out_[i];
        slot.state = SlotState::pending;
        if (slot.copy_failed) {
            slot.lun->target->drop(slot);
            fail(slot, scsi::HostCode::error);
        } else if (const Step step = slot.lun->target->resume(slot); step != Step::need_data) {
            proceed(slot, step);
        } else { // a command has one data-out
            slot.lun->target->drop(slot);
            fail(slot, scsi::HostCode::error);
        }
    }
    data_out_.clear();
}

void Queue::fail(Slot& slot, scsi::HostCode host) noexcept {
    slot.outcome.clear();
    slot.outcome.host = host;
    finish(slot);
}

void Queue::finish(Slot& slot) noexcept {
    if (slot.lun != nullptr && slot.command.action() == ring::Action::cdb) {
        if (slot.outcome.host != scsi::HostCode::ok)
            forbid_repetition(slot.lun->target->device_type(), slot.outcome);
        count(slot.lun->counters, slot);
    }
    slot.state = SlotState::finished;
    finished_.add(slot);
}

/// Not before the answer: data-in may be in the target's memory.
void Queue::leave_lun(Slot& slot) noexcept {
    Lun* const lun = std::exchange(slot.lun, nullptr);
    if (lun == nullptr)
        return;
    if (slot.command.action() == ring::Action::cdb)
        lun->target->answered(slot);
    if (--lun->in_flight == 0 && lun->when_idle)
        std::exchange(lun->when_idle, nullptr)();
}

void Queue::finished(Request& request) noexcept {
    Slot& slot = slot_of(request);
    if (stopped_) {
        release(slot);
        return drain_if_idle();
    }
    finish(slot);
    worker_.activate(*this);
}

void Queue::answer_finished() noexcept {
    if (finished_.size() == 0)
        return;
    for (unsigned i = 0; i < finished_.size(); ++i) {
        Slot& slot = finished_[i];
        if (slot.outcome.data_in.empty() || slot.direction() != ring::Direction::from_device)
            continue;
        const auto data = slot.outcome.data_in;
        // The mover only reads what goes to the peer.
        mover_.add(slot, slot.segments.segments(),
                   {const_cast<std::byte*>(data.data()), data.size()},
                   hv::GrantCopy::Direction::to_peer);
    }
    mover_.flush();
    // An answered victim may finish its ABORT, which then stands behind it in the list.
    for (unsigned i = 0; i < finished_.size(); ++i)
        answer(finished_[i]);
    finished_.clear();
    journal_.commit(ring_.position().rsp_prod);
    if (ring_.publish())
        connection_.channel->notify();
}

void Queue::answer(Slot& slot) noexcept {
    const std::uint32_t index = ring_.position().rsp_prod;
    const auto& command = slot.command;
    if (command.action() == ring::Action::cdb) {
        Outcome& outcome = slot.outcome;
        if (slot.copy_failed) {
            outcome.clear();
            outcome.host = scsi::HostCode::error;
        }
        record_end(slot, flight::End::answered);
        ring_.put(ring::make_response(command.tag(), static_cast<std::uint8_t>(outcome.host),
                                      static_cast<std::uint8_t>(outcome.status),
                                      outcome.sense.bytes(), slot.length() - slot.transferred()));
    } else {
        record_end(slot, slot.managed_well ? flight::End::answered : flight::End::failed);
        ring_.put(ring::make_task_management_response(command.tag(), command.action(),
                                                      slot.managed_well));
    }
    journal_.answered(slot.index, index);
    victim_answered(slot);
    release(slot);
}

void Queue::release(Slot& slot) noexcept {
    record_end(slot, flight::End::cut_short); // unless it was answered
    leave_lun(slot);
    slot.state = SlotState::free;
    slot.managers = 0;
    free_slots_ |= 1u << slot.index;
}

void Queue::fault(ring::RingFault fault) noexcept {
    dead_ = true;
    on_fault_(std::string(describe(fault)));
}

std::span<std::byte> Queue::buffer(Request& request, std::size_t size) noexcept {
    touched_ = true;
    const auto memory = slot_of(request).memory;
    return size <= memory.size() ? memory.first(size) : std::span<std::byte>{};
}

Slot& Queue::slot_of(Request& request) noexcept {
    return static_cast<Slot&>(request);
}

} // namespace pvscsi::backend
