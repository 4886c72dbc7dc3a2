// Messages with file descriptors over SOCK_SEQPACKET Unix sockets.
// Thread: any. Errors: set-up throws std::system_error, transfers return an error code.
#pragma once

#include "common/base/expected.hpp"
#include "common/base/unique_fd.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace pvscsi::hv::host {

[[nodiscard]] UniqueFd listen_seqpacket(const std::string& path);
[[nodiscard]] UniqueFd connect_seqpacket(const std::string& path);

/// Sends one message made of `head` and `body`. `flags` as for sendmsg(2).
Result<void> send_message(int socket, std::span<const std::byte> head,
                          std::span<const std::byte> body, std::span<const UniqueFd> fds,
                          int flags);

struct Message {
    std::size_t size = 0; ///< 0: the peer has hung up
    std::vector<UniqueFd> fds;
};

/// Receives one message into `buffer`. A message that does not fit is an error (EMSGSIZE).
/// Descriptors for which this process has no room are missing from the result.
Result<Message> receive_message(int socket, std::span<std::byte> buffer, int flags);

} // namespace pvscsi::hv::host
