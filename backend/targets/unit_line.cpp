// The line of tasks that wait until others have left: for the medium without writers, for the
// scratch memory.
#include "backend/targets/unit.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace pvscsi::backend {

bool EmulatedUnit::enter(Task& task) noexcept {
    if (task.entered)
        return true;
    const bool others_first = parked_count_ > 0 && !task.parked;
    const bool writing = task.writes || task.exclusive;
    const bool blocked = others_first || (task.exclusive && writers_ > 0) ||
                         (writing && exclusive_) || (task.needs_scratch && scratch_user_);
    if (blocked) {
        if (!task.parked) {
            task.parked = true;
            parked_[parked_count_++] = &task;
        }
        return false;
    }
    task.entered = true;
    if (task.exclusive)
        exclusive_ = &task;
    else if (task.writes)
        ++writers_;
    if (task.needs_scratch)
        scratch_user_ = &task;
    return true;
}

void EmulatedUnit::leave_line(unsigned place) noexcept {
    parked_[place]->parked = false;
    std::shift_left(parked_.begin() + place, parked_.begin() + parked_count_, 1);
    --parked_count_;
}

/// Those in the line that are to end early have nothing to wait for.
void EmulatedUnit::end_stopped() noexcept {
    for (unsigned place = 0; place < parked_count_;) {
        Task& task = *parked_[place];
        if (task.stop == scsi::HostCode::ok) {
            ++place;
            continue;
        }
        Request& request = *task.request;
        leave_line(place);
        run(task);
        request.finish();
    }
}

/// First come, first served: stops at the first one that still has to wait.
void EmulatedUnit::unpark() noexcept {
    while (parked_count_ > 0) {
        Task& task = *parked_[0];
        Request& request = *task.request;
        const Step step = run(task);
        const bool still_waiting =
            step == Step::pending && !task.entered && task.request == &request;
        if (still_waiting)
            return;
        leave_line(0);
        if (step == Step::done)
            request.finish();
    }
}

/// What others wait for may have come: the room that a task held, the end of all of them.
void EmulatedUnit::settle() noexcept {
    settling_ = true;
    end_stopped();
    unpark();
    settling_ = false;
    finish_reset();
}

/// The same, from the worker's loop: where others must not be finished from inside a call.
void EmulatedUnit::settle_soon() noexcept {
    const bool somebody_waits = parked_count_ > 0 || !reset_done_.empty();
    if (!somebody_waits || settling_ || std::exchange(settle_posted_, true))
        return;
    boost::asio::post(*context_, [weak = std::weak_ptr(self_)] {
        const auto self = weak.lock();
        if (!self)
            return;
        (*self)->settle_posted_ = false;
        (*self)->settle();
    });
}

} // namespace pvscsi::backend
