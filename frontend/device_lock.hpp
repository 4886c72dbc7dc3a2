// One program at a time is a device's frontend: a second one would take the first one's connection
// for what a dead program left, and end it.
//
// A lock on a file that is the guest's own, so it goes with the process that holds it. Thread: any.
#pragma once

#include "common/base/unique_fd.hpp"

#include <string>

namespace pvscsi::frontend {

class DeviceLock {
  public:
    /// Holds nothing.
    DeviceLock() = default;
    /// Waits a little: a program that was killed has it until its memory is taken down. Throws
    /// std::runtime_error that names the program that has it, std::system_error when the file can't
    /// be made.
    explicit DeviceLock(const std::string& path);

  private:
    UniqueFd file_;
};

} // namespace pvscsi::frontend
