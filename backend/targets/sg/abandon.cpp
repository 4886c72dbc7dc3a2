// Commands that the kernel does not give back, after a reset or when their time is long over: the
// guest gets an answer, and what they have in the kernel is put aside.
#include "backend/targets/sg/result.hpp"
#include "backend/targets/sg/target.hpp"

#include <utility>

namespace pvscsi::backend {

using scsi::HostCode;
using State = SgOperation::State;

/// The guest gets its answer, the kernel keeps the command.
void SgTarget::leave_aside(SgOperation& operation, HostCode host) noexcept {
    Request& request = *operation.request;
    operations_.abandoned(operation);
    line_.leave(operation);
    request.outcome = host_outcome(host);
    request.finish();
    take_turns_soon();
}

void SgTarget::end_overdue() noexcept {
    const auto now = std::chrono::steady_clock::now();
    unsigned overdue = 0;
    for (SgOperation& operation : operations_) {
        if (operation.state != State::in_flight)
            continue;
        if (operation.deadline > now) {
            alarm_->set(operation.deadline);
            continue;
        }
        uncover(operation);
        leave_aside(operation, HostCode::time_out);
        ++overdue;
    }
    if (overdue == 0)
        return;
    log_.warning("commands={} are overdue, and the kernel does not end them", overdue);
    if (covered_by_reset_ == 0)
        reset_->settled();
}

void SgTarget::reset(std::function<void(bool success)> done) noexcept {
    for (SgOperation& operation : operations_)
        if (operation.waits() || (one_at_a_time_ && operation.state == State::preparing))
            operation.end_as = HostCode::reset;
    take_turns_soon();
    reset_->request(std::move(done));
}

void SgTarget::end_leftovers() noexcept {
    reset([until_done = leftovers_->being_reset()](bool) {});
}

bool SgTarget::was_reset(std::unique_ptr<SgFile> fresh) noexcept {
    leftovers_alarm_.reset(); // a guest's own reset ends them, too
    line_.release();
    take_turns_soon();
    for (SgOperation& operation : operations_) {
        if (operation.state == State::in_flight && !operation.covered_by_reset) {
            operation.covered_by_reset = true;
            ++covered_by_reset_;
        }
    }
    if (covered_by_reset_ == 0)
        return true;
    fresh_ = std::move(fresh);
    return false;
}

void SgTarget::give_up() noexcept {
    unsigned given_up = 0;
    for (SgOperation& operation : operations_) {
        if (operation.state != State::in_flight || !operation.covered_by_reset)
            continue;
        operation.covered_by_reset = false;
        leave_aside(operation, HostCode::reset);
        ++given_up;
    }
    covered_by_reset_ = 0;
    log_.warning("commands={} did not come back after a reset", given_up);
    auto fresh = std::move(fresh_); // closed again if it is not needed
    if (!fresh || retired_.size() == max_retired)
        return;
    try {
        SgChannelOwner& owner = *this;
        auto channel = std::make_shared<SgChannel>(*context_, std::move(fresh), owner);
        channel->wait();
        retired_.push_back(std::exchange(channel_, std::move(channel)));
    } catch (const std::exception& error) {
        // The old file goes on, with less room than before.
        log_.warning("no fresh file: {}", error.what());
    }
}

void SgTarget::emptied(SgChannel& channel) noexcept {
    const auto same = [&](const auto& retired) { return retired.get() == &channel; };
    if (std::erase_if(retired_, same) != 0)
        channel.close();
}

} // namespace pvscsi::backend
