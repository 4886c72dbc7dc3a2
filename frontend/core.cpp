#include "frontend/core.hpp"

#include <algorithm>
#include <stdexcept>

namespace pvscsi::frontend {

namespace {

/// The clock is read so often that its 20 ns disappear, and a caller that polls seldom still has
/// the store looked at in time: the number of polls between two readings follows the caller.
constexpr unsigned most_polls_per_clock = 256;
constexpr std::chrono::microseconds clock_too_often{50};
constexpr std::chrono::microseconds clock_too_seldom{200};
/// Bounced commands must have room for a few direct requests at least.
constexpr std::size_t min_bounce_pages = 64;
constexpr const char* gone_while_opening = "the vscsi device was removed while connecting to it";

ring::Address wire_address(const xenbus::VirtualAddress& address) {
    return {address.channel, address.target, address.lun};
}

Hctl public_address(const xenbus::VirtualAddress& address) {
    return {address.host, address.channel, address.target, address.lun};
}

/// Milliseconds for epoll until `end`; at least 1 if it is not over.
int milliseconds_until(TimePoint end, TimePoint now) {
    if (end == TimePoint::max())
        return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - now).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
}

TimePoint time_after(TimePoint now, std::chrono::milliseconds timeout) {
    constexpr std::chrono::hours forever{24 * 365};
    return timeout.count() < 0 || timeout > forever ? TimePoint::max() : now + timeout;
}

/// Sets a flag for as long as it lives.
class Scope {
  public:
    explicit Scope(bool& flag) : flag_(flag) { flag_ = true; }
    ~Scope() { flag_ = false; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

  private:
    bool& flag_;
};

} // namespace

Core::Core(std::shared_ptr<hv::Hypervisor> hypervisor, const SessionOptions& options,
           const Timing& timing)
    : hypervisor_(std::move(hypervisor)), timing_(timing),
      xenbus_(hypervisor_->open_store(), hypervisor_->self(), DevId{options.device}, timing, *this),
      memory_(std::make_shared<GrantedMemory>(hypervisor_, xenbus_.backend())),
      queue_(*memory_, std::max(options.bounce_memory / hv::page_size, min_bounce_pages), timing) {
    xenbus_.start();
    waiter_.watch_store(xenbus_.fd());
}

Core::~Core() {
    polling_ = true;     // callbacks that run now can't make it go on
    on_event_ = nullptr; // what it would tell of is the caller's own doing
    xenbus_.close();
    waiter_.watch_channel(-1);
}

void Core::await_connection(std::chrono::milliseconds timeout) {
    const TimePoint end = time_after(Clock::now(), timeout);
    while (!up_) {
        if (xenbus_.phase() == XenbusFront::Phase::gone)
            throw std::runtime_error(gone_while_opening);
        const TimePoint now = Clock::now();
        if (now >= end)
            throw std::runtime_error(why_not_connected());
        take_wake_up(waiter_.wait(milliseconds_until(std::min(end, xenbus_.wake_at()), now)));
        control(true);
    }
    opened_ = true;
}

std::string Core::why_not_connected() {
    const std::string text = "the backend did not connect in time";
    if (const std::string reason = xenbus_.backend_error(); !reason.empty())
        return text + ": the backend says: " + reason;
    return text + ": is pvscsid running in domain " + std::to_string(xenbus_.backend().value()) +
           "?";
}

void Core::connect_later() {
    if (xenbus_.phase() == XenbusFront::Phase::gone)
        throw std::runtime_error(gone_while_opening);
    xenbus_.tolerate();
    opened_ = true;
}

std::vector<Hctl> Core::luns() const {
    std::vector<Hctl> luns;
    for (const auto& address : xenbus_.luns())
        luns.push_back(public_address(address));
    return luns;
}

std::size_t Core::poll() {
    if (polling_)
        return 0; // From inside a callback: what is running goes on with it.
    const Scope scope(polling_);
    if (slept_) {
        slept_ = false;
        take_wake_up(waiter_.wait(0));
    }
    const auto done = queue_.drain();
    if (!done) {
        trusted_ = false;
        fail(std::string(to_string(done.error())), Clock::now());
        return 0;
    }
    if (queue_.attention())
        told_ += queue_.run_attention();
    queue_.flush();
    if (control_due_ || until_clock_-- == 0) {
        control(control_due_);
        queue_.flush();
    }
    return *done;
}

bool Core::prepare_to_sleep() {
    if (!arm())
        return false;
    waiter_.set_timer(std::min(queue_.next_deadline(), xenbus_.wake_at()));
    slept_ = true;
    return true;
}

bool Core::arm() noexcept {
    queue_.flush();
    return !control_due_ && queue_.arm();
}

std::size_t Core::wait(std::chrono::milliseconds timeout) {
    if (polling_)
        return 0;
    const std::uint64_t told = told_;
    std::size_t done = poll();
    const TimePoint end =
        timeout.count() == 0 ? TimePoint::min() : time_after(Clock::now(), timeout);
    while (done == 0 && told == told_) {
        if (arm()) {
            const TimePoint now = Clock::now();
            if (now >= end)
                break;
            const TimePoint wake = std::min({end, queue_.next_deadline(), xenbus_.wake_at()});
            take_wake_up(waiter_.wait(milliseconds_until(wake, now)));
            control_due_ =
                control_due_ || Clock::now() >= std::min(queue_.next_deadline(), xenbus_.wake_at());
        }
        done = poll();
    }
    return done;
}

void Core::take_wake_up(Waiter::Woken woken) noexcept {
    if (woken.channel && link_)
        link_->take_signal();
    control_due_ = control_due_ || woken.store || woken.timer;
}

/// The work beside I/O: the store, timeouts. `now`: not only if its time has come.
void Core::control(bool now) {
    const TimePoint time = Clock::now();
    if (time - last_clock_ < clock_too_often)
        polls_per_clock_ = std::min(polls_per_clock_ * 2, most_polls_per_clock);
    else if (time - last_clock_ > clock_too_seldom)
        polls_per_clock_ = 1;
    last_clock_ = time;
    until_clock_ = polls_per_clock_;
    if (!now && time < next_control_)
        return;
    control_due_ = false;
    next_control_ = time + timing_.control_interval;
    if (!queue_.check_deadlines(time))
        fail("the backend does not answer", time);
    xenbus_.step(time);
    if (xenbus_.fd() < 0 && !std::exchange(store_lost_, true))
        tell({Event::Kind::store_lost, {}, "the connection to the store has ended"});
    waiter_.watch_store(xenbus_.fd());
}

void Core::fail(const std::string& reason, TimePoint now) {
    was_up_ = false; // Event::failed says it all
    xenbus_.abandon(reason, now);
    tell({Event::Kind::failed, {}, reason});
    control_due_ = true;
}

LinkNodes Core::open_link() {
    waiter_.watch_channel(-1);
    link_.reset();
    link_ = std::make_unique<Link>(*hypervisor_, *memory_, xenbus_.backend());
    waiter_.watch_channel(link_->channel().fd());
    return {link_->ring_ref(), link_->channel().port()};
}

void Core::link_up(unsigned segments) {
    queue_.attach(*link_, segments);
    up_ = true;
    was_up_ = true;
    trusted_ = true;
    if (opened_)
        tell({Event::Kind::reconnected, {}, {}});
}

void Core::link_down(const std::string& reason) {
    up_ = false;
    if (trusted_)
        (void)queue_.drain(); // answers that the backend gave before it let go
    queue_.detach();
    waiter_.watch_channel(-1);
    link_.reset();
    if (std::exchange(was_up_, false))
        tell({Event::Kind::disconnected, {}, reason});
}

void Core::lun_added(const xenbus::VirtualAddress& address) {
    tell({Event::Kind::lun_added, public_address(address), {}});
}

std::uint64_t Core::lun_removed(const xenbus::VirtualAddress& address) {
    tell({Event::Kind::lun_removed, public_address(address), {}});
    return queue_.latest();
}

bool Core::lun_idle(const xenbus::VirtualAddress& address, std::uint64_t mark) const {
    return !queue_.busy(wire_address(address), mark);
}

void Core::device_gone(const std::string& reason) {
    tell({Event::Kind::closed, {}, reason});
}

void Core::tell(Event event) {
    ++told_;
    if (opened_ && on_event_)
        on_event_(event);
}

} // namespace pvscsi::frontend
