// A process of its own for one end of a test, which can be killed. It talks with the test in
// numbers. Make it before the test has threads.
#pragma once

#include "common/base/unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <sys/types.h>

namespace pvscsi::test {

/// One end of the conversation.
class Talk {
  public:
    explicit Talk(UniqueFd socket) : socket_(std::move(socket)) {}

    void say(std::uint64_t number);
    /// Empty when the other end is gone.
    std::optional<std::uint64_t> hear();

  private:
    UniqueFd socket_;
};

class Child {
  public:
    /// Runs `body` in a new process, which ends with it; an exception is exit status 1.
    explicit Child(const std::function<void(Talk&)>& body);
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() { kill(); }

    void say(std::uint64_t number) { talk_.say(number); }
    /// Throws std::runtime_error if the child is gone.
    std::uint64_t hear();
    void kill();
    [[nodiscard]] pid_t pid() const { return pid_; }

  private:
    Talk talk_;
    pid_t pid_ = -1;
};

} // namespace pvscsi::test
