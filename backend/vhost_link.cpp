// A vhost's connection to its frontend: where it is, how it is made and how it ends.
#include "backend/vhost.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace pvscsi::backend {

using xenbus::State;

namespace {
constexpr std::chrono::milliseconds shortest_pause{10};
constexpr std::chrono::milliseconds longest_pause{5'000};
} // namespace

void Vhost::connect(State ours, State theirs) {
    if (begins(theirs)) {
        begin_round();
        await_source();
    }
    if (!greet(ours))
        return;
    round_ = State::unknown;
    // A LUN that was in use by an earlier connection is to be scanned anew.
    confirm_luns(State::connected, State::initialised);
    unconfirmed_ = true;
    if (const auto linked = link_up(nullptr); !linked)
        return end_from_our_side(state_of(backend_), linked.error());
    link_ = Link::up;
    confirmed_ = false;
    has_come_back();
    clear_error();
    changes_.info("connected luns={}", luns_.size());
    if (!move(State::init_wait, State::connected))
        look();
}

/// Read once, in one transaction; a guest may write what it likes, whenever.
Expected<Vhost::Endpoint, std::string> Vhost::read_endpoint() {
    Result<std::string> ring_ref, channel;
    const auto read = hv::transact(around_.store, [&](hv::StoreTxn txn) -> Result<void> {
        ring_ref = around_.store.read(frontend_ + "/ring-ref", txn);
        channel = around_.store.read(frontend_ + "/event-channel", txn);
        return {};
    });
    if (!read || !ring_ref || !channel)
        return unexpected(std::string("can't read the frontend's ring-ref and event-channel"));
    constexpr std::uint64_t max = std::numeric_limits<std::uint32_t>::max();
    const auto ref = xenbus::parse_number(*ring_ref, max);
    const auto port = xenbus::parse_number(*channel, max);
    if (!ref)
        return unexpected(fmt::format("the frontend's ring-ref is \"{}\", expected a number",
                                      log::escaped(*ring_ref)));
    if (!port)
        return unexpected(fmt::format("the frontend's event-channel is \"{}\", expected a number",
                                      log::escaped(*channel)));
    return Endpoint{GrantRef{static_cast<std::uint32_t>(*ref)},
                    EvtchnPort{static_cast<std::uint32_t>(*port)}};
}

/// A frontend at Initialised while we serve one: the one we serve, on its way to Connected, or
/// its successor (unbound and bound again, faster than we looked)?
bool Vhost::same_connection() {
    const auto now = read_endpoint();
    return !confirmed_ && now && *now == endpoint_;
}

/// Unbound and bound again between two looks of ours: a driver that finds us at Connected goes
/// there at once.
bool Vhost::has_another_ring() {
    const auto now = read_endpoint();
    return now && *now != endpoint_;
}

/// With the journal of a predecessor whose connection this is, or a new one.
Expected<void, std::string> Vhost::link_up(std::unique_ptr<Journal> journal) {
    const auto endpoint = read_endpoint();
    if (!endpoint)
        return unexpected(endpoint.error());
    endpoint_ = *endpoint;
    Expected<void, std::string> linked;
    try {
        ring::Limits limits = around_.limits;
        if (journal) // what the predecessor has offered holds
            limits.max_segments = offered_segments();
        else
            journal = Journal::create(journal_path_);
        data_->worker().call([&] {
            linked = data_->connect(
                endpoint_.ring_ref, endpoint_.port, limits, std::move(journal),
                [&control = around_.control, weak = weak_from_this()](std::string reason) {
                    boost::asio::post(control, [weak, reason = std::move(reason)] {
                        if (const auto vhost = weak.lock())
                            vhost->faulted(reason);
                    });
                });
        });
    } catch (const std::exception& error) {
        return unexpected(std::string("can't serve the connection: ") + error.what());
    }
    return linked;
}

void Vhost::disconnect(State ours, State next) {
    forget_connection();
    if (link_ == Link::down) {
        if (next == State::closed || ours != State::closed)
            move(ours, next);
        if (next == State::closed)
            after_closed();
        return;
    }
    link_ = Link::stopping;
    move(ours, next == State::init_wait ? next : State::closing);
    auto& control = around_.control;
    data_->worker().post([data = data_, &control, weak = weak_from_this(), next] {
        data->disconnect([&control, weak, next, served = data->served()] {
            boost::asio::post(control, [weak, next, served] {
                if (const auto vhost = weak.lock())
                    vhost->disconnected(next, served);
            });
        });
    });
}

void Vhost::disconnected(State next, bool served) {
    link_ = Link::down;
    if (served) {
        pause_ = {};
        offer_at_ = {};
    }
    changes_.info("disconnected");
    if (closed_)
        return;
    if (next == State::init_wait) {
        // The frontend may be here anew already: not to be taken for one that a dead daemon left.
        const State theirs = state_of(frontend_);
        back_at_once_ = theirs == State::initialised || theirs == State::connected;
        begin_round(); // of what has failed before, too
        move(state_of(backend_), State::init_wait);
    }
    look();
}

void Vhost::failed_again() {
    const auto now = std::chrono::steady_clock::now();
    if (now - offer_at_ > 2 * longest_pause) // what was long ago has nothing to do with this
        pause_ = {};
    pause_ = std::clamp(pause_ * 2, shortest_pause, longest_pause);
    offer_at_ = now + pause_;
}

/// If not, it is looked at when the time has come.
bool Vhost::may_offer() {
    if (std::chrono::steady_clock::now() >= offer_at_)
        return true;
    offer_timer_.expires_at(offer_at_);
    offer_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (self && !error)
            self->look();
    });
    return false;
}

} // namespace pvscsi::backend
