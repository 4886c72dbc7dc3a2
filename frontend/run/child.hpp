// The program that pvscsi-run runs: started with the preload library, signals passed on, its end
// passed back.
// Thread: the one that constructs it. Errors: std::system_error when it cannot be started.
#pragma once

#include "common/base/unique_fd.hpp"

#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace pvscsi::run {

/// Signals as descriptors, from before the child exists until the end of the process.
class Signals {
  public:
    /// Blocks the signals that pvscsi-run passes on, and SIGCHLD.
    Signals();
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// For the child, before exec.
    static void unblock() noexcept;

  private:
    UniqueFd fd_;
};

using Environment = std::vector<std::pair<std::string, std::string>>;

class Child {
  public:
    /// Runs `command` (looked up in PATH) with `environment` added to ours.
    Child(const std::vector<std::string>& command, const Environment& environment);

    /// Reads what signals came: passes them on, notices the child's end.
    void handle(const Signals& signals) noexcept;
    [[nodiscard]] bool ended() const noexcept { return ended_; }
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    /// Its exit status as a shell has it: 128 and the signal's number if that ended it.
    [[nodiscard]] int exit_status() const noexcept;
    /// The signal that ended it; 0 if it exited.
    [[nodiscard]] int end_signal() const noexcept;

  private:
    pid_t pid_ = -1;
    int status_ = 0;
    bool ended_ = false;
};

} // namespace pvscsi::run
