#include "frontend/xenbus_front.hpp"

#include <algorithm>
#include <poll.h>
#include <stdexcept>

namespace pvscsi::frontend {

namespace {

using xenbus::State;

constexpr const char* abi_name =
#if defined(__x86_64__)
    "x86_64-abi";
#elif defined(__i386__)
    "x86_32-abi";
#else
    "arm-abi";
#endif

/// Watch events looked at in one step: a backend may cause as many as it likes.
constexpr int events_per_step = 64;
/// A connection that lived so long was no failed attempt.
constexpr std::chrono::seconds lived_well{1};

bool left_connection(State backend) {
    return backend == State::closing || backend == State::closed || backend == State::init_wait ||
           backend == State::initialising || backend == State::unknown;
}

bool left_closing(State backend) {
    return left_connection(backend) && backend != State::closing;
}

DomId read_backend_id(hv::Store& store, const std::string& front) {
    const auto text = store.read(front + "/backend-id");
    if (!text && text.error() == std::errc::no_such_file_or_directory)
        throw std::runtime_error("there is no vscsi device at " + front +
                                 ": add a LUN to the domain first (pvscsictl attach)");
    if (!text)
        throw std::system_error(text.error(), "reading " + front + "/backend-id");
    const auto id = xenbus::parse_number(*text, 0x7fef); // below DOMID_FIRST_RESERVED
    if (!id)
        throw std::runtime_error(front + "/backend-id is not a domain number");
    return DomId{static_cast<DomId::rep>(*id)};
}

} // namespace

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
        enter(Phase::initialising, State::initialising);
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
        if (backend == State::connected || backend == State::reconfiguring)
            connection_up(backend, now);
        else if (backend == State::closing || backend == State::closed)
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
    if (phase_ == Phase::initialising) {
        if (backend == State::init_wait)
            connect(now);
        else if (backend == State::closing)
            enter(Phase::closed, State::closed);
    } else if (left_closing(backend) && backend != State::unknown) {
        enter(Phase::initialising, State::initialising);
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

/// First step of hot add and hot remove: LUNs go before the backend is told so (protocol order of
/// Linux), so that it serves them to the end.
void XenbusFront::reconfigure(TimePoint now) {
    if (!reconfiguring_) {
        reconfiguring_ = true;
        patience_ = now + timing_.remove_wait;
        remove_luns();
    }
    if (finish_removals(now < patience_)) {
        reconfiguring_ = false;
        enter(Phase::connected, State::reconfiguring);
    } else {
        deadline_ = now + timing_.control_interval;
    }
}

void XenbusFront::connect(TimePoint now) {
    LinkNodes nodes;
    try {
        nodes = handler_.open_link();
    } catch (const std::exception&) {
        if (!ever_connected_)
            throw;
        // Memory or grants are short: that may pass.
        retry_at_ = deadline_ = now + timing_.backoff_max;
        return;
    }
    check(hv::transact(*store_,
                       [&](hv::StoreTxn txn) -> Result<void> {
                           const std::pair<const char*, std::string> values[] = {
                               {"/ring-ref", std::to_string(nodes.ring_ref.value())},
                               {"/event-channel", std::to_string(nodes.port.value())},
                               {"/protocol", abi_name}};
                           for (const auto& [node, value] : values)
                               if (auto done = store_->write(front_ + node, value, txn); !done)
                                   return done;
                           return {};
                       }),
          "writing the ring's place to " + front_);
    enter(Phase::connecting, State::initialised);
}

void XenbusFront::connection_up(State backend, TimePoint now) {
    handler_.link_up(offered_segments());
    ever_connected_ = true;
    connected_at_ = now;
    reconfiguring_ = false;
    add_luns();
    // A toolstack that was quick to ask for a change waits for Reconfiguring, not for Connected.
    if (backend == State::connected)
        enter(Phase::connected, State::connected);
    else
        phase_ = Phase::connected;
}

void XenbusFront::connection_lost(const std::string& reason, TimePoint now) {
    if (now - connected_at_ > lived_well)
        backoff_ = std::chrono::milliseconds{0};
    retry_at_ = now + backoff_;
    backoff_ = std::clamp(backoff_ * 2, timing_.backoff_min, timing_.backoff_max);
    handler_.link_down(reason);
    // Closing first: there are backends that let go of the ring on that only.
    enter(Phase::closed, State::closing);
    enter(Phase::closed, State::closed);
}

void XenbusFront::abandon(const std::string& reason, TimePoint now) {
    connection_lost(reason, now);
    // What counts now is the backend's answer to Closed, not the state it has been in.
    deadline_ = now;
}

void XenbusFront::enter(Phase phase, State state, TimePoint deadline) {
    phase_ = phase;
    written_ = state;
    deadline_ = deadline;
    write("/state", xenbus::to_node(state));
}

void XenbusFront::device_gone(const std::string& reason) {
    phase_ = Phase::gone;
    deadline_ = TimePoint::max();
    handler_.link_down(reason);
    handler_.device_gone(reason);
}

/// Nobody but us writes the state of a device that is ours.
bool XenbusFront::still_ours() {
    const auto text = store_->read(front_ + "/state");
    if (text && xenbus::state_from_node(*text) == written_)
        return true;
    if (text) {
        device_gone("another program has taken the device over");
    } else if (text.error() == std::errc::no_such_file_or_directory ||
               text.error() == std::errc::permission_denied) {
        device_gone("the device was removed");
    } else {
        store_lost_ = true; // I/O goes on; what becomes of the device is not to be known
    }
    return false;
}

void XenbusFront::close() noexcept {
    try {
        const bool alive = phase_ != Phase::gone && !store_lost_;
        bool answers = true;
        if (alive && written_ != State::closed && written_ != State::initialising) {
            enter(Phase::resetting, State::closing);
            answers = await_backend(left_connection);
        }
        handler_.link_down("the session was closed");
        if (alive) {
            enter(Phase::closed, State::closed);
            if (answers)
                await_backend(left_closing);
        }
    } catch (const std::exception&) {
        // Not even the store can be told; the next session finds the left-overs and resets them.
    }
    phase_ = Phase::gone;
}

/// False: it did not come in time.
bool XenbusFront::await_backend(bool (*followed)(State)) {
    const TimePoint end = Clock::now() + timing_.close_wait;
    while (!followed(backend_state())) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
        if (left <= 0)
            return false;
        pollfd ready{store_->fd(), POLLIN, 0};
        ::poll(&ready, 1, static_cast<int>(left));
        drain_events();
    }
    return true;
}

State XenbusFront::backend_state() {
    const auto text = store_->read(back_ + "/state");
    return text ? xenbus::state_from_node(*text).value_or(State::unknown) : State::unknown;
}

bool XenbusFront::backend_offline() {
    const auto text = store_->read(back_ + "/online");
    return text && *text != "1";
}

void XenbusFront::write(const std::string& node, const std::string& value) {
    check(store_->write(front_ + node, value), "writing " + front_ + node);
}

void XenbusFront::check(const Result<void>& result, const std::string& what) {
    if (result)
        return;
    if (!ever_connected_)
        throw std::system_error(result.error(), what);
    // still_ours() finds out whether the device or the store is gone.
    deadline_ = TimePoint::min();
}

std::vector<xenbus::VirtualAddress> XenbusFront::luns() const {
    std::vector<xenbus::VirtualAddress> addresses;
    for (const auto& [name, lun] : luns_)
        if (!lun.removing)
            addresses.push_back(lun.address);
    std::sort(addresses.begin(), addresses.end());
    return addresses;
}

} // namespace pvscsi::frontend
