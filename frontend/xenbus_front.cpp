// Which step follows which: the states as they are, and the time, decide.
#include "frontend/xenbus_front.hpp"

namespace pvscsi::frontend {

namespace {

using xenbus::State;

/// Watch events looked at in one step: a backend may cause as many as it likes.
constexpr int events_per_step = 64;
} // namespace

bool XenbusFront::left_connection(State backend) noexcept {
    return backend == State::closing || backend == State::closed || backend == State::init_wait ||
           backend == State::initialising || backend == State::unknown;
}

bool XenbusFront::left_closing(State backend) noexcept {
    return left_connection(backend) && backend != State::closing;
}

XenbusFront::XenbusFront(std::unique_ptr<hv::Store> store, DomId self, DevId device,
                         const Timing& timing, FrontHandler& handler)
    : store_(std::move(store)), timing_(timing), handler_(handler),
      front_(xenbus::frontend_path(self, device)), backend_(read_backend_id(*store_, front_)),
      back_(xenbus::backend_path(backend_, self, device)) {}

void XenbusFront::start() {
    check(store_->watch(back_ + "/state", "backend"), "watching " + back_ + "/state");
    check(store_->watch(front_ + "/state", "frontend"), "watching " + front_ + "/state");
    const auto text = store_->read(front_ + "/state");
    const auto front = text ? xenbus::state_from_node(*text) : std::nullopt;
    written_ = front.value_or(State::unknown);
    const State backend = backend_state();
    const TimePoint now = Clock::now();
    // As xenbus_reset_state of Linux: undo what a predecessor has left, step by step.
    if (front == State::initialising && backend == State::closed)
        await_invitation(now);
    else if (front == State::initialising && left_closing(backend))
        connect(now);
    else if (left_connection(backend))
        enter(Phase::closed, State::closed);
    else
        enter(Phase::resetting, State::closing, now + timing_.close_wait);
    step(now);
}

void XenbusFront::step(TimePoint now) {
    if (phase_ == Phase::gone || store_lost_ || (!drain_events() && now < deadline_))
        return;
    // A step may make the next one possible; there are never more than a few in a row.
    for (int i = 0; i < 8; ++i) {
        const Phase phase = phase_;
        const State written = written_;
        evaluate(now);
        if (phase_ == phase && written_ == written)
            return;
    }
}

bool XenbusFront::drain_events() {
    int count = 0;
    while (count < events_per_step && store_->next_event())
        ++count;
    return count > 0;
}

void XenbusFront::evaluate(TimePoint now) {
    if (phase_ == Phase::gone || !still_ours())
        return;
    deadline_ = phase_ == Phase::resetting ? deadline_ : TimePoint::max();
    const State backend = backend_state();
    switch (phase_) {
    case Phase::resetting:
        if (left_connection(backend) || now >= deadline_)
            enter(Phase::closed, State::closed);
        break;
    case Phase::closed:
    case Phase::initialising:
        evaluate_closed(backend, now);
        break;
    case Phase::connecting:
        uninvited_ = uninvited_ && backend == State::closed;
        if (backend == State::connected || backend == State::reconfiguring)
            connection_up(backend, now);
        else if (backend == State::closing || (backend == State::closed && !uninvited_))
            connection_lost("the backend closed the device while connecting", now);
        break;
    case Phase::connected:
        evaluate_connected(backend, now);
        break;
    case Phase::draining:
        evaluate_draining(backend, now);
        break;
    case Phase::gone:
        break;
    }
}

void XenbusFront::evaluate_closed(State backend, TimePoint now) {
    if ((backend == State::closed || backend == State::closing) && backend_offline())
        return device_gone("the device was removed");
    if (now < retry_at_) {
        deadline_ = retry_at_;
        return;
    }
    if (phase_ == Phase::initialising)
        evaluate_invitation(backend, now);
    else if (left_closing(backend) && backend != State::unknown)
        await_invitation(now);
}

void XenbusFront::await_invitation(TimePoint now) {
    enter(Phase::initialising, State::initialising);
    invitation_until_ = now + timing_.invitation_wait;
}

void XenbusFront::evaluate_invitation(State backend, TimePoint now) {
    if (backend == State::closing) {
        enter(Phase::closed, State::closed);
    } else if (backend == State::init_wait) {
        connect(now);
    } else if (backend == State::closed && now < invitation_until_) {
        deadline_ = invitation_until_;
    } else if (backend == State::closed) {
        uninvited_ = true;
        connect(now);
    }
}

void XenbusFront::evaluate_connected(State backend, TimePoint now) {
    switch (backend) {
    case State::connected:
        reconfiguring_ = false;
        if (written_ == State::reconfiguring)
            enter(Phase::connected, State::connected); // the backend thought better of it
        break;
    case State::reconfiguring:
        if (written_ != State::reconfiguring)
            reconfigure(now);
        break;
    case State::reconfigured:
        if (written_ == State::reconfiguring) {
            add_luns();
            enter(Phase::connected, State::connected);
        }
        break;
    case State::closing:
        phase_ = Phase::draining;
        unanswered_ = ~0u;
        deadline_ = now;
        handler_.link_closing();
        break;
    default:
        connection_lost(backend == State::unknown ? "the backend's nodes are gone"
                                                  : "the backend restarted",
                        now);
    }
}

/// A backend that closes in order goes on answering; one that was restarted never will.
void XenbusFront::evaluate_draining(State backend, TimePoint now) {
    const unsigned left = handler_.in_flight();
    if (left != unanswered_)
        patience_ = now + timing_.drain_grace;
    unanswered_ = left;
    if (backend != State::closing || left == 0 || now >= patience_)
        connection_lost("the backend closed the device", now);
    else
        deadline_ = now + timing_.control_interval;
}

} // namespace pvscsi::frontend
