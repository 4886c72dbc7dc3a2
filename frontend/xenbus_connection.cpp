// What the state machine does to the connection: makes it, takes note that it stands, drops it, and
// closes the device for good.
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

/// A connection that lived so long and answered was no failed attempt.
constexpr std::chrono::seconds lived_well{1};

} // namespace

void XenbusFront::connect(TimePoint now) {
    try {
        write_link(handler_.open_link());
    } catch (const std::exception&) {
        if (!tolerant_)
            throw;
        // Memory, grants or the store's patience are short: that may pass. A ring whose place is
        // not in the store must not be offered, the backend would take the former one's.
        retry_at_ = deadline_ = now + timing_.backoff_max;
        return;
    }
    enter(Phase::connecting, State::initialised);
}

void XenbusFront::write_link(const LinkNodes& nodes) {
    const std::pair<const char*, std::string> values[] = {
        {"/ring-ref", std::to_string(nodes.ring_ref.value())},
        {"/event-channel", std::to_string(nodes.port.value())},
        {"/protocol", abi_name}};
    const auto written = hv::transact(*store_, [&](hv::StoreTxn txn) -> Result<void> {
        for (const auto& [node, value] : values)
            if (auto done = store_->write(front_ + node, value, txn); !done)
                return done;
        return {};
    });
    if (!written)
        throw std::system_error(written.error(), "writing the ring's place to " + front_);
}

void XenbusFront::connection_up(State backend, TimePoint now) {
    handler_.link_up(offered_segments());
    tolerant_ = true;
    connected_at_ = now;
    was_up_ = true;
    reconfiguring_ = false;
    add_luns();
    // A toolstack that was quick to ask for a change waits for Reconfiguring, not for Connected.
    if (backend == State::connected)
        enter(Phase::connected, State::connected);
    else
        phase_ = Phase::connected;
}

void XenbusFront::connection_lost(const std::string& reason, TimePoint now) {
    handler_.link_down(reason); // which takes the last answers
    const auto lived = now - connected_at_;
    // Nobody may have asked anything of one that was idle.
    if (std::exchange(was_up_, false) &&
        ((handler_.served() && lived > lived_well) || lived > timing_.backoff_max))
        backoff_ = std::chrono::milliseconds{0};
    retry_at_ = now + backoff_;
    backoff_ = std::clamp(backoff_ * 2, timing_.backoff_min, timing_.backoff_max);
    // Closing first: there are backends that let go of the ring on that only.
    enter(Phase::closed, State::closing);
    enter(Phase::closed, State::closed);
}

void XenbusFront::abandon(const std::string& reason, TimePoint now) {
    connection_lost(reason, now);
    // What counts now is the backend's answer to Closed, not the state it has been in.
    deadline_ = now;
}

void XenbusFront::device_gone(const std::string& reason) {
    phase_ = Phase::gone;
    deadline_ = TimePoint::max();
    handler_.link_down(reason);
    handler_.device_gone(reason);
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
bool XenbusFront::await_backend(bool (*followed)(State) noexcept) {
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

} // namespace pvscsi::frontend
