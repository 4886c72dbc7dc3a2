// Commands whose turn has not come: while they are not at the device.
#include "backend/targets/sg/result.hpp"
#include "backend/targets/sg/target.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace pvscsi::backend {

using scsi::HostCode;
using State = SgOperation::State;

namespace {
constexpr std::chrono::milliseconds look_interval{100};
} // namespace

/// A reset would take a tape from its place, or stop a robot half way; and nothing is repeated
/// there, so nothing but the next command has to wait. What it waits for ends by its own timeout.
void SgTarget::await_leftovers() {
    if (leftovers_->look(*device_) != Leftovers::some)
        return;
    line_.hold();
    log_.info("a dead daemon's command is at the device; the guest's wait until it ends");
    leftovers_alarm_.emplace(*context_, [this] {
        if (leftovers_->look(*device_) == Leftovers::some)
            return leftovers_alarm_->set(std::chrono::steady_clock::now() + look_interval);
        line_.release();
        take_turns();
    });
    leftovers_alarm_->set(std::chrono::steady_clock::now() + look_interval);
}

bool SgTarget::has_turn(const SgOperation& operation) const noexcept {
    return one_at_a_time_ ? line_.next() == &operation : line_.empty() && has_room();
}

/// False: all the room is of commands that were put aside, and nobody knows when they end.
bool SgTarget::may_get_room() noexcept {
    return has_room() ||
           std::any_of(operations_.begin(), operations_.end(), [](const SgOperation& operation) {
               return operation.state == State::in_flight;
           });
}

/// From the loop: others' requests are finished here.
void SgTarget::take_turns() noexcept {
    if (line_.empty())
        return;
    end_waiting();
    while (SgOperation* const operation = line_.next()) {
        Request& request = *operation->request;
        if (!one_at_a_time_) {
            if (!may_get_room()) {
                end(*operation, status_outcome(scsi::Status::busy));
                continue;
            }
            if (!has_room())
                return;
            line_.leave(*operation);
        }
        if (submit(request, *operation) == Step::pending) {
            if (one_at_a_time_)
                return;
            continue;
        }
        line_.leave(*operation);
        request.finish();
    }
}

void SgTarget::take_turns_soon() noexcept {
    if (!self_ || line_.empty())
        return;
    boost::asio::post(*context_, [weak = std::weak_ptr(self_)] {
        if (const auto self = weak.lock())
            (*self)->take_turns();
    });
}

/// Those that were aborted or reset before their turn came: the device never had them.
void SgTarget::end_waiting() noexcept {
    for (SgOperation& operation : operations_)
        if (operation.waits() && operation.end_as != HostCode::ok)
            end(operation, host_outcome(operation.end_as));
}

/// What the device has already it keeps: sg has no abort.
void SgTarget::abort(Request& request) noexcept {
    auto* const operation = static_cast<SgOperation*>(request.target_state);
    if (operation == nullptr || operation->request != &request || !operation->waits())
        return;
    operation->end_as = HostCode::abort;
    take_turns_soon();
}

} // namespace pvscsi::backend
