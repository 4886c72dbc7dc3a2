// One thread's wait for many descriptors. Thread: that one. Handlers may watch and unwatch
// anything, themselves included. Errors: std::system_error from the constructor and watch().
#pragma once

#include "common/base/unique_fd.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

namespace pvscsi::run {

class Loop {
  public:
    using Handler = std::function<void()>;

    Loop();
    /// Calls `handler` whenever `fd` is readable or has been hung up.
    void watch(int fd, Handler handler);
    /// Before the descriptor is closed.
    void unwatch(int fd) noexcept;
    /// Waits (negative: without limit) and runs what is ready.
    void run_once(std::chrono::milliseconds timeout);

  private:
    UniqueFd epoll_;
    std::unordered_map<int, std::shared_ptr<Handler>> handlers_;
};

} // namespace pvscsi::run
