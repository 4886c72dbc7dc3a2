#include "backend/vhost.hpp"

#include "backend/kernel_backend.hpp"

#include <boost/asio/post.hpp>

#include <unistd.h>

namespace pvscsi::backend {

using xenbus::State;

Vhost::Vhost(Surroundings& around, Worker& worker, DomId guest, DevId device)
    : around_(around), guest_(guest), device_(device),
      backend_(xenbus::backend_path(around.hypervisor.self(), guest, device)),
      frontend_(xenbus::frontend_path(guest, device)),
      state_path_(fmt::format("{}/{}-{}", around.state_dir, guest.value(), device.value())),
      journal_path_(state_path_ + Journal::suffix),
      data_(std::make_shared<DataPath>(worker, around.hypervisor, guest, device)),
      nodes_(around.store, around.hypervisor.self(), backend_), takeover_timer_(around.control),
      offer_timer_(around.control), log_(fmt::format("vhost={}/{}", guest.value(), device.value())),
      changes_(fmt::format("vhost={}/{}", guest.value(), device.value())),
      notices_(fmt::format("vhost={}/{}", guest.value(), device.value())) {
    // A predecessor that died while it closed: it was its close, so the offer is ours.
    offer_again_ = state_of(backend_) == State::closing;
    await_predecessor();
}

State Vhost::state_of(const std::string& path) {
    const auto text = around_.store.read(path + "/state");
    return text ? xenbus::state_from_node(*text).value_or(State::unknown) : State::unknown;
}

bool Vhost::was_served(State ours) {
    return ours == State::connected || ours == State::reconfiguring || ours == State::reconfigured;
}

void Vhost::look() {
    if (closed_ || link_ == Link::stopping)
        return; // looks again when it has stopped
    const State ours = state_of(backend_);
    if (ours == State::unknown)
        return; // not made whole yet, or going away: the registry notices
    if (link_ == Link::down && leave_to_kernel())
        return;
    note_suspension();
    act(ours, state_of(frontend_));
}

void Vhost::act(State ours, State theirs) {
    const bool up = link_ == Link::up;
    if (theirs != round_)
        round_ = State::unknown;
    switch (theirs) {
    case State::unknown: // the frontend's nodes are gone
        if (up)
            return disconnect(ours, State::closed);
        return;
    case State::closed:
        forget_suspension();
        // Straight from a connection: its driver was unbound from the device. When one is bound to
        // it again, Linux' closes for good if it finds us at Closing or Closed.
        if (up && was_served(ours) && online())
            return disconnect(ours, State::init_wait);
        if (up || was_served(ours))
            offer_again_ = true;
        // At InitWait the next connection is on offer already.
        if (up || (ours != State::init_wait && (ours != State::closed || offer_again_)))
            return disconnect(ours, State::closed);
        // The toolstack may add and remove units while no frontend is there.
        tend_luns();
        return;
    case State::closing:
        forget_suspension();
        if (up || ours != State::closing)
            return disconnect(ours, State::closing);
        return;
    case State::initialising:
    case State::init_wait:
        forget_suspension();
        if (up)
            return disconnect(ours, State::init_wait);
        back_at_once_ = false; // it begins as every other
        greet(ours);
        return;
    case State::initialised:
    case State::connected:
    case State::reconfiguring:
    case State::reconfigured:
        return up ? serve(ours, theirs) : receive(ours, theirs);
    }
}

/// A frontend that has a ring, or says so, and is not connected to us.
void Vhost::receive(State ours, State theirs) {
    const bool ended = ours == State::closing || ours == State::closed;
    if (theirs == State::connected && ours == State::init_wait && back_at_once_)
        return connect(ours, theirs); // it has found us at Connected when we were about to leave
    if (theirs == State::initialised) {
        if (ours == State::initialising || ours == State::init_wait || ours == State::closed)
            return connect(ours, theirs);
        if (ours == State::closing)
            return; // it has not seen that yet: its turn
    } else if (ended) {
        return nothing_left(ours);
    }
    take_over(ours, theirs);
}

/// The connection is up.
void Vhost::serve(State ours, State theirs) {
    if (ours == State::closing)
        return; // the toolstack ends it: the frontend's turn
    if (theirs == State::initialised && !same_connection())
        return disconnect(ours, State::init_wait);
    if (theirs == State::connected && was_served(ours) && has_another_ring())
        return disconnect(ours, State::init_wait);
    close_vanished_luns();
    if (theirs == State::connected)
        return while_connected(ours);
    if (theirs == State::reconfiguring && ours == State::reconfiguring)
        return reconfigure(ours);
}

/// A driver that has taken the device serves it; ours would be a second one.
bool Vhost::leave_to_kernel() {
    if (around_.kernel_devices.empty())
        return false;
    const std::string driver = kernel_backend_of(around_.kernel_devices, guest_, device_);
    if (!driver.empty() && !std::exchange(left_to_kernel_, true)) {
        const std::string reason = fmt::format(
            "the kernel's backend {} has taken this device: unload its module (rmmod "
            "xen-scsiback), keep it from being loaded (blacklist xen-scsiback in /etc/modprobe.d), "
            "and create the domain again",
            driver);
        log_.warning("not served reason=\"{}\"", reason);
        set_error(reason);
    } else if (driver.empty() && std::exchange(left_to_kernel_, false)) {
        clear_error();
    }
    return left_to_kernel_;
}

bool Vhost::move(State seen, State next) {
    if (seen == next)
        return true;
    const std::string node = backend_ + "/state";
    bool ours_to_write = false;
    const auto done = hv::transact(around_.store, [&](hv::StoreTxn txn) -> Result<void> {
        const auto now = around_.store.read(node, txn);
        if (!now)
            return unexpected(now.error());
        ours_to_write = xenbus::state_from_node(*now) == seen;
        if (!ours_to_write)
            return {};
        return around_.store.write(node, xenbus::to_node(next), txn);
    });
    if (!done) {
        log_.warning("state={} not written error=\"{}\"", xenbus::to_string(next),
                     done.error().message());
        return false;
    }
    if (ours_to_write)
        changes_.info("state={}", xenbus::to_string(next));
    return ours_to_write;
}

/// The frontend is not there yet, or starts anew: offer a connection.
bool Vhost::greet(State ours) {
    if (ours == State::closing && !online())
        return false; // the toolstack wants it gone
    if (ours != State::init_wait && !may_offer())
        return false;
    if (taking_over())
        forget_connection(); // the frontend starts anew instead
    // Also tells the toolstack that the vhost has been taken up.
    offer_segments();
    if (ours != State::init_wait)
        begin_round();
    const bool ready = tend_luns();
    offer_segments(); // of the units that are open now
    offer_again_ = false;
    move(ours, State::init_wait);
    return ready;
}

/// As many as the ring takes, and every device that is open: a frontend makes no larger requests
/// then. What is added later says it by its own limits only (targets/limits.hpp).
void Vhost::offer_segments() {
    std::uint64_t segments = around_.limits.max_segments;
    for (const auto& [name, lun] : luns_)
        if (lun.most_bytes != 0)
            segments = std::min(segments, lun.most_bytes / ring::ring_page_size);
    segments = std::max<std::uint64_t>(segments, ring::max_direct_segments);
    // Not only once: the toolstack may have made the vhost anew.
    const auto node = backend_ + "/feature-sg-grant";
    if (const auto value = std::to_string(segments); around_.store.read(node).value_or("") != value)
        write_if_there(node, value);
}

void Vhost::while_connected(State ours) {
    confirmed_ = true;
    if (ours != State::connected && ours != State::reconfigured)
        return;
    // It may have looked for units when they were those of the connection before: once more.
    if (ours == State::connected && std::exchange(back_at_once_, false)) {
        move(ours, State::reconfiguring);
        return;
    }
    if (std::exchange(unconfirmed_, false))
        confirm_luns(State::initialised, State::connected);
    move(ours, State::connected);
}

/// The frontend has let go of what is to be removed and waits for what is new.
void Vhost::reconfigure(State ours) {
    if (begins(State::reconfiguring))
        failed_.clear();
    if (!tend_luns())
        return;
    round_ = State::unknown;
    move(ours, State::reconfigured);
}

/// The frontend is connected to what we have ended, or a dead predecessor has: no command of its
/// will be answered any more, and it need not wait for that.
void Vhost::nothing_left(State ours) {
    offer_again_ = true;
    forget_connection();
    move(ours, State::closed);
}

/// Both ends are closed. What we ended we offer again, and so what the frontend has dropped; what
/// it ended by way of Closing stays closed until it comes back by itself, as a frontend that resets
/// itself expects to read 6.
void Vhost::after_closed() {
    if (offer_again_ && online())
        greet(state_of(backend_));
}

/// The toolstack has not taken the vhost away; other toolstacks may have no such node.
bool Vhost::online() {
    return around_.store.read(backend_ + "/online").value_or("1") != "0";
}

void Vhost::end_from_our_side(State ours, const std::string& reason) {
    log_.warning("closing reason=\"{}\"", reason);
    forget_connection();
    set_error(reason);
    failed_again();
    offer_again_ = true;
    if (link_ == Link::up)
        return disconnect(ours, State::closing);
    move(ours, State::closing);
}

void Vhost::faulted(const std::string& reason) {
    if (!closed_ && link_ == Link::up)
        end_from_our_side(state_of(backend_), reason);
}

void Vhost::announce_end() {
    const State ours = state_of(backend_);
    if (link_ == Link::up || taking_over()) {
        set_error("the backend daemon was stopped");
        move(ours, State::closing);
    }
}

void Vhost::hand_over(std::function<void()> quiet) {
    closed_ = true;
    takeover_timer_.cancel();
    data_->worker().post([data = data_, quiet = std::move(quiet)] { data->hand_over(quiet); });
}

void Vhost::close(std::function<void()> closed) {
    closed_ = true;
    forget_connection();
    reached_.clear();
    for (const auto& [name, lun] : luns_)
        ::unlink(memory_path(name).c_str());
    data_->worker().post([data = data_, closed = std::move(closed)] { data->close(closed); });
}

void Vhost::keep_house() {
    try_ports_again();
    data_->worker().post([data = data_] { data->keep_house(); });
}

void Vhost::statistics(std::function<void(std::vector<LunStatistics>)> take) {
    data_->worker().post([data = data_, take = std::move(take)] { take(data->statistics()); });
}

/// Not to a vhost that the toolstack takes away at this moment: its directory would be left behind.
void Vhost::write_if_there(const std::string& node, const std::string& value) {
    (void)hv::transact(around_.store, [&](hv::StoreTxn txn) -> Result<void> {
        const auto there = around_.store.read(backend_ + "/state", txn);
        return there ? around_.store.write(node, value, txn) : unexpected(there.error());
    });
}

void Vhost::set_error(const std::string& reason) {
    write_if_there(backend_ + "/error", reason);
}

void Vhost::clear_error() {
    (void)around_.store.remove(backend_ + "/error");
}

} // namespace pvscsi::backend
