// Task management: commands and resets that are ended before they end, each in bounded time.
#include "backend/targets/iscsi/target.hpp"
#include "backend/targets/sg/result.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace pvscsi::backend {

using scsi::HostCode;
using State = SgOperation::State;
using std::chrono::steady_clock;

void IscsiTarget::abort(Request& request) noexcept {
    auto& operation = *static_cast<SgOperation*>(request.target_state);
    if (operation.request != &request)
        return;
    Errand& errand = errand_of(operation);
    if (errand.waiting)
        return end_soon(request);
    if (operation.state != State::in_flight || errand.management != 0)
        return;
    const std::uint32_t number = next_number();
    if (session_.abort(errand.task, number))
        errand.management = number;
}

/// A command that was never sent; not from inside the call.
void IscsiTarget::end_soon(Request& request) noexcept {
    auto& operation = *static_cast<SgOperation*>(request.target_state);
    boost::asio::post(
        *context_, [weak = std::weak_ptr(self_), &operation, order = errand_of(operation).order] {
            const auto self = weak.lock();
            if (!self)
                return;
            const Errand& errand = (*self)->errand_of(operation);
            if (errand.waiting && errand.order == order)
                (*self)->end(operation, host_outcome(HostCode::abort));
        });
}

void IscsiTarget::managed(std::uint32_t number, IscsiManaged result) noexcept {
    if (number == resetting_)
        return reset_ended(result == IscsiManaged::complete);
    for (SgOperation& operation : operations_) {
        Errand& errand = errand_of(operation);
        if (operation.state != State::in_flight || errand.management != number)
            continue;
        errand.management = 0;
        if (result == IscsiManaged::complete)
            return leave_aside(operation,
                               errand.overdue ? HostCode::transport_disrupted : HostCode::abort);
        // The command may not have come there yet, and would be executed later.
        if (errand.overdue)
            session_.drop("the target does not end a command whose time is over");
        return;
    }
}

void IscsiTarget::look_at_clock() noexcept {
    const auto now = steady_clock::now();
    if (resetting_ != 0 && reset_overdue_at_ <= now)
        return session_.drop("a LOGICAL UNIT RESET was not answered");
    if (resetting_ != 0)
        alarm_->set(reset_overdue_at_);
    for (SgOperation& operation : operations_)
        if (operation.state == State::in_flight || errand_of(operation).waiting)
            look_at(operation, now);
}

/// One that is at the target is aborted there when its time is over, so that the guest can be told
/// that it has ended; Linux' sg does the same for a device of this host.
void IscsiTarget::look_at(SgOperation& operation, TimePoint now) noexcept {
    Errand& errand = errand_of(operation);
    if (operation.deadline > now)
        return alarm_->set(operation.deadline);
    if (errand.waiting)
        return end(operation, host_outcome(HostCode::requeue));
    if (std::exchange(errand.overdue, true))
        return session_.drop("a command whose time is over and its ABORT were not answered");
    log_.warning("a command is overdue opcode={:#04x}", operation.request->cdb().opcode());
    operation.deadline = now + options_.patience.manage;
    alarm_->set(operation.deadline);
    if (errand.management != 0)
        return;
    const std::uint32_t number = next_number();
    if (!session_.abort(errand.task, number))
        return session_.drop("a command whose time is over cannot be aborted");
    errand.management = number;
}

void IscsiTarget::reset(std::function<void(bool success)> done) noexcept {
    if (!session_.ready())
        return done(false);
    waiting_for_reset_.push_back(std::move(done));
    if (resetting_ == 0)
        begin_reset();
}

void IscsiTarget::begin_reset() noexcept {
    reset_for_.swap(waiting_for_reset_);
    resetting_ = next_number();
    for (SgOperation& operation : operations_)
        operation.covered_by_reset = operation.state == State::in_flight;
    reset_overdue_at_ = steady_clock::now() + options_.patience.manage;
    alarm_->set(reset_overdue_at_);
    if (!session_.reset(resetting_))
        reset_ended(false);
}

/// Its victims are answered before it.
void IscsiTarget::reset_ended(bool success) noexcept {
    resetting_ = 0;
    for (SgOperation& operation : operations_)
        if (std::exchange(operation.covered_by_reset, false) && success &&
            operation.state == State::in_flight)
            leave_aside(operation, HostCode::reset);
    std::vector<Done> told;
    told.swap(reset_for_);
    const bool more = session_.ready();
    if (!more)
        std::move(waiting_for_reset_.begin(), waiting_for_reset_.end(), std::back_inserter(told));
    if (!more)
        waiting_for_reset_.clear();
    for (Done& done : told)
        done(success);
    if (resetting_ == 0 && !waiting_for_reset_.empty())
        begin_reset();
}

} // namespace pvscsi::backend
