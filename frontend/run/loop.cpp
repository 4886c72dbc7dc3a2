#include "frontend/run/loop.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <sys/epoll.h>
#include <system_error>

namespace pvscsi::run {

Loop::Loop() : epoll_(adopt_fd, epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_)
        throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

void Loop::watch(int fd, Handler handler) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP;
    event.data.fd = fd;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    handlers_[fd] = std::make_shared<Handler>(std::move(handler));
}

void Loop::unwatch(int fd) noexcept {
    handlers_.erase(fd);
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Loop::run_once(std::chrono::milliseconds timeout) {
    using Limits = std::numeric_limits<int>;
    const int wait = static_cast<int>(
        std::clamp<std::chrono::milliseconds::rep>(timeout.count(), -1, Limits::max()));
    std::array<epoll_event, 64> events;
    const int count =
        epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
    for (int i = 0; i < count; ++i) {
        // A handler before this one may have ended it, or put another in its place: that one sees
        // nothing to read then. The copy keeps a handler alive that unwatches itself.
        const auto found = handlers_.find(events[static_cast<std::size_t>(i)].data.fd);
        if (found == handlers_.end())
            continue;
        const std::shared_ptr<Handler> handler = found->second;
        (*handler)();
    }
}

} // namespace pvscsi::run
