// The one descriptor that a sleeping session is woken by: an epoll set of the event channel, the
// store and a timer.
//
// Thread: the session's. Errors: the constructor and watch_*() throw std::system_error.
#pragma once

#include "common/base/unique_fd.hpp"
#include "frontend/timing.hpp"

namespace pvscsi::frontend {

class Waiter {
  public:
    struct Woken {
        bool channel = false;
        bool store = false;
        bool timer = false;
    };

    Waiter();

    [[nodiscard]] int fd() const noexcept { return epoll_.get(); }
    /// -1: there is none. To be called before the descriptor watched so far is closed.
    void watch_channel(int fd) { replace(channel_, fd, Source::channel); }
    void watch_store(int fd) { replace(store_, fd, Source::store); }
    /// The descriptor becomes readable at that time; TimePoint::max(): never.
    void set_timer(TimePoint when) noexcept;

    /// What is readable, after at most so many milliseconds (-1: no limit).
    Woken wait(int milliseconds) noexcept;

  private:
    enum class Source : std::uint8_t { channel, store, timer };
    void replace(int& watched, int fd, Source source);

    UniqueFd epoll_;
    UniqueFd timer_;
    int channel_ = -1;
    int store_ = -1;
    TimePoint armed_ = TimePoint::max();
};

} // namespace pvscsi::frontend
