// Tasks: commands that take more than one step. Who runs, who is told to stop.
#include "backend/targets/unit.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace pvscsi::backend {

using scsi::Condition;
namespace condition = scsi::condition;

void Task::ended() noexcept {
    unit->ended(*this);
}

Task* EmulatedUnit::begin(Request& request, Stage first) noexcept {
    if (busy_ == task_count || !reset_done_.empty())
        return nullptr;
    Task& task = *std::ranges::find(tasks_, nullptr, &Task::request);
    ++busy_;
    task.request = &request;
    task.stage = first;
    task.range = {};
    task.progress = 0;
    task.out = task.chunk = {};
    task.durable_write = task.flag = false;
    task.writes = task.exclusive = task.needs_scratch = false;
    task.stop = scsi::HostCode::ok;
    request.target_state = &task;
    return &task;
}

Step EmulatedUnit::run(Task& task) noexcept {
    for (;;) {
        if (task.stop != scsi::HostCode::ok) {
            task.request->outcome.host = task.stop;
            release(task);
            return Step::done;
        }
        switch (task.stage(*this, task)) {
        case Progress::again:
            break;
        case Progress::need_data:
            return Step::need_data;
        case Progress::parked:
            return Step::pending;
        case Progress::done:
            release(task);
            return Step::done;
        case Progress::io:
            task.medium = medium_.get();
            task.cancelling = false;
            task.transferred = 0;
            task.in_medium = true;
            if (!medium_->submit(task))
                return Step::pending;
            task.in_medium = false;
            if (task.error != MediumError::none) {
                report_medium_error(task);
                release(task);
                return Step::done;
            }
            break;
        }
    }
}

/// The medium has ended a task's operation, from the worker's loop.
void EmulatedUnit::ended(Task& task) noexcept {
    Request& request = *task.request;
    task.in_medium = false;
    settling_ = true;
    Step step = Step::done;
    if (task.error == MediumError::none) {
        step = run(task);
    } else {
        report_medium_error(task);
        release(task);
    }
    assert(step != Step::need_data); // data-out comes before any operation
    if (step == Step::done)
        request.finish();
    settle();
}

void EmulatedUnit::report_medium_error(Task& task) noexcept {
    Request& request = *task.request;
    request.outcome.consumed = 0;
    const std::uint64_t lba = (task.offset + task.transferred) / limits().block_size;
    switch (task.error) {
    case MediumError::none:
        break;
    case MediumError::read:
        fail_at(request, condition::unrecovered_read, lba);
        break;
    case MediumError::write:
        if (task.kind == MediumOp::Kind::sync)
            fail(request, condition::write_error);
        else
            fail_at(request, condition::write_error, lba);
        break;
    case MediumError::no_space:
        fail(request, condition::space_allocation_failed);
        break;
    case MediumError::protect:
        fail(request, condition::write_protected);
        break;
    case MediumError::shrunk:
        fail_for_good(request, MediumNews::shrunk);
        break;
    case MediumError::gone:
        fail_for_good(request, MediumNews::gone);
        break;
    case MediumError::busy:
        request.outcome.status = scsi::Status::busy;
        break;
    case MediumError::cancelled:
        request.outcome.host = task.stop != scsi::HostCode::ok ? task.stop : scsi::HostCode::abort;
        break;
    }
}

void EmulatedUnit::release(Task& task) noexcept {
    if (task.entered) {
        task.entered = false;
        if (exclusive_ == &task)
            exclusive_ = nullptr;
        else if (task.writes)
            --writers_;
        if (scratch_user_ == &task)
            scratch_user_ = nullptr;
    }
    task.request->target_state = nullptr;
    task.request = nullptr;
    --busy_;
    settle_soon();
}

Progress EmulatedUnit::fetch(Task& task, std::size_t size, Stage next,
                             const Condition& too_short) noexcept {
    Request& request = *task.request;
    if (size == 0) {
        task.stage = next;
        return Progress::again;
    }
    if (request.direction() != ring::Direction::to_device || request.length() < size)
        return failed(fail(request, too_short));
    task.out = request.buffer(size);
    if (task.out.size() < size)
        return failed(fail(request, too_short));
    task.out = task.out.first(size);
    request.outcome.consumed = static_cast<std::uint32_t>(size);
    request.want_data(task.out);
    task.stage = next;
    return Progress::need_data;
}

Step EmulatedUnit::read_blocks(Request& request, const scsi::BlockRange& range,
                               bool sync_first) noexcept {
    if (range.blocks == 0 || request.length() == 0)
        return Step::done;
    Task* task = begin(request, sync_first ? stage<&EmulatedUnit::read_sync>
                                           : stage<&EmulatedUnit::read_medium>);
    if (!task)
        return task_set_full(request);
    task->range = range;
    return run(*task);
}

Progress EmulatedUnit::read_sync(Task& task) noexcept {
    task.kind = MediumOp::Kind::sync;
    task.stage = stage<&EmulatedUnit::read_medium>;
    return Progress::io;
}

Progress EmulatedUnit::read_medium(Task& task) noexcept {
    Request& request = *task.request;
    // Not more than the guest has room for, in whole blocks.
    const std::uint64_t block = limits().block_size;
    const std::uint64_t room = (request.length() + block - 1) / block * block;
    const std::uint64_t size = std::min(task.range.blocks * block, room);
    task.data = request.buffer(size);
    if (task.data.size() < size)
        return failed(fail(request, condition::internal_failure));
    task.data = task.data.first(size);
    task.kind = MediumOp::Kind::read;
    task.offset = task.range.lba * block;
    task.stage = stage<&EmulatedUnit::read_done>;
    return Progress::io;
}

Progress EmulatedUnit::read_done(Task& task) noexcept {
    task.request->outcome.data_in = task.data;
    return Progress::done;
}

void EmulatedUnit::abort(Request& request) noexcept {
    auto* task = static_cast<Task*>(request.target_state);
    if (!task)
        return;
    task->stop = scsi::HostCode::abort;
    if (task->in_medium)
        medium_->cancel(*task);
    settle_soon();
}

void EmulatedUnit::reset(std::function<void(bool success)> done) noexcept {
    // Several may wait: a guest resets again when it has no patience for the first.
    reset_done_.push_back(std::move(done));
    for (Task& task : tasks_) {
        if (!task.request)
            continue;
        task.stop = scsi::HostCode::reset;
        if (task.in_medium)
            medium_->cancel(task);
    }
    settle_soon();
    finish_reset();
}

/// Not counted: tasks whose data-out is on its way. They stop when it is there.
bool EmulatedUnit::at_work() const noexcept {
    return std::ranges::any_of(
        tasks_, [](const Task& task) { return task.request && (task.in_medium || task.parked); });
}

void EmulatedUnit::finish_reset() noexcept {
    if (reset_done_.empty() || at_work())
        return;
    mode_pages_.restore();
    mode_changed();
    attention_count_ = 0;
    initial_state();
    attention(condition::unit_was_reset); // remembers all of it
    for (const auto& done : std::exchange(reset_done_, {}))
        done(true);
}

} // namespace pvscsi::backend
