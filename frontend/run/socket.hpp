// The Unix socket between pvscsi-run and the programs and other pvscsi-runs that use it.
// Errors: std::system_error from making one; what becomes of a message is a bool.
#pragma once

#include "common/base/unique_fd.hpp"
#include "frontend/run/wire.hpp"

#include <string>

namespace pvscsi::run {

/// Listens on `path`, which must not exist and which only its owner can connect to.
[[nodiscard]] UniqueFd listen_on(const std::string& path);
/// Empty: nobody listens there.
[[nodiscard]] UniqueFd connect_to(const std::string& path);

/// Sends an Answer, and a descriptor with it unless it is negative.
[[nodiscard]] bool send_answer(int socket, const wire::Answer& answer, int descriptor) noexcept;

} // namespace pvscsi::run
