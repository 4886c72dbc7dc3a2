// Asking the running daemon over its control socket (common/config/control_path.hpp).
// Thread: any; blocks until the reply. Errors: Failure(no_daemon) when nobody answers at `path`,
// Failure(failed) when the daemon refuses, Failure(not_found) when it has not what was named.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <string>

namespace pvscsi::ctl {

/// The reply, an object without "error".
nlohmann::json ask_daemon(const std::string& path, const nlohmann::json& request,
                          std::chrono::milliseconds patience);

} // namespace pvscsi::ctl
