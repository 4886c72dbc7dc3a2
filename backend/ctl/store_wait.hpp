// Waiting for the other side to write what we are waiting for.
#pragma once

#include "backend/ctl/verbs.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace pvscsi::ctl {

using Deadline = std::chrono::steady_clock::time_point;

/// Returns true as soon as `happened()` does, looking again after every change at or below
/// `path`; false when the time is over. Throws std::system_error if the store cannot watch. After a
/// second the context's `waiting` is told, twice a second, and once at the end.
bool wait_for(Context& context, const std::string& path, Deadline deadline,
              const std::function<bool()>& happened);
/// At several places; what changes elsewhere is noticed half a second later.
bool wait_for(Context& context, const std::vector<std::string>& paths, Deadline deadline,
              const std::function<bool()>& happened);

} // namespace pvscsi::ctl
