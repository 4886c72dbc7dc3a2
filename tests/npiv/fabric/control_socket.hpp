// Where commands come in: a Unix socket, one command and its answer for each connection.
//
// Thread: one. Errors: std::system_error.
#pragma once

#include "common/base/unique_fd.hpp"

#include <functional>
#include <string>

namespace pvscsi::fabric {

class ControlSocket {
  public:
    explicit ControlSocket(const std::string& path);

    [[nodiscard]] int fd() const { return fd_.get(); }
    /// Takes one connection: `answer` gets the command. Whoever says nothing is not waited for
    /// long.
    void serve(const std::function<std::string(const std::string&)>& answer);

  private:
    UniqueFd fd_;
};

/// The other end: the answer to a command.
[[nodiscard]] std::string ask(const std::string& path, const std::string& command);

} // namespace pvscsi::fabric
