// One pvscsi-run owns the vhosts of a domain; others join it. Which one is settled by a lock on a
// file beside the socket, so that nothing that a killed owner left behind is in the way.
// Errors: std::system_error and std::runtime_error with what was tried.
#pragma once

#include "common/base/unique_fd.hpp"

#include <string>
#include <vector>

namespace pvscsi::run {

/// Membership in somebody else's server; ends with the object.
struct Membership {
    UniqueFd connection;
    std::vector<std::string> nodes;
};

/// What became of the attempt: the lock of an owner, or a membership.
struct Instance {
    std::string socket_path;
    UniqueFd lock; ///< held: this process is the owner
    Membership membership;
    [[nodiscard]] bool is_owner() const noexcept { return static_cast<bool>(lock); }
};

/// `base`: path of the socket less ".sock".
Instance take_or_join(const std::string& base);

} // namespace pvscsi::run
