#include "frontend/waiter.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <system_error>

namespace pvscsi::frontend {

namespace {
[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}
} // namespace

Waiter::Waiter()
    : epoll_(adopt_fd, ::epoll_create1(EPOLL_CLOEXEC)),
      timer_(adopt_fd, ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
    if (!epoll_ || !timer_)
        fail("making the session's descriptor");
    int none = -1;
    replace(none, timer_.get(), Source::timer);
}

void Waiter::replace(int& watched, int fd, Source source) {
    if (watched == fd)
        return;
    if (watched >= 0)
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, watched, nullptr);
    watched = -1;
    if (fd < 0)
        return;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = static_cast<std::uint32_t>(source);
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        fail("watching a descriptor of the session");
    watched = fd;
}

void Waiter::set_timer(TimePoint when) noexcept {
    if (when == armed_)
        return;
    armed_ = when;
    itimerspec spec{}; // all zero: disarmed
    if (when != TimePoint::max()) {
        const auto since = std::max(when.time_since_epoch(), Clock::duration{1});
        const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
        spec.it_value.tv_sec = static_cast<std::time_t>(seconds.count());
        spec.it_value.tv_nsec = static_cast<long>((since - seconds).count());
    }
    ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

Waiter::Woken Waiter::wait(int milliseconds) noexcept {
    std::array<epoll_event, 3> events{};
    const int count = ::epoll_wait(epoll_.get(), events.data(), 3, milliseconds);
    Woken woken;
    for (int i = 0; i < count; ++i) {
        switch (static_cast<Source>(events[static_cast<unsigned>(i)].data.u32)) {
        case Source::channel:
            woken.channel = true;
            break;
        case Source::store:
            woken.store = true;
            break;
        case Source::timer:
            woken.timer = true;
            break;
        }
    }
    if (woken.timer) {
        std::uint64_t expirations = 0;
        [[maybe_unused]] const auto got = ::read(timer_.get(), &expirations, sizeof expirations);
        armed_ = TimePoint::max();
    }
    return woken;
}

} // namespace pvscsi::frontend
