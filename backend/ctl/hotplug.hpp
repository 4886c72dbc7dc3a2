// Adding and removing LUNs of a vhost that may be in use: the toolstack's part of Reconfiguring
// and Reconfigured.
//
//   add:    dev-N at 1 and B at 7 in one transaction; done when dev-N is at 4 (6: failed) and
//           B at 4 again
//   remove: dev-N at 5 and B at 7; done when dev-N is at 6 and B at 4 again; then both dev-N go
//
// A vhost whose guest is not connected needs only the nodes. One that is just connecting, closing
// or being reconfigured is busy: the caller waits and tries again.
// Thread and errors: as verbs.hpp.
#pragma once

#include "backend/ctl/common.hpp"

#include <initializer_list>
#include <optional>
#include <vector>

namespace pvscsi::ctl {

/// What has to be done for a change to take effect, by the vhost's state.
enum class Way : std::uint8_t {
    nodes, ///< nobody uses the vhost: the nodes are enough
    live,  ///< the guest has to be told
    busy,  ///< not now
};
[[nodiscard]] Way way_of(xenbus::State back) noexcept;

/// Reads a vhost and changes it in one transaction: `change` gets the entry (none: no such vhost)
/// and says what it did; it may be called again after a conflict. `busy` waits for the vhost and
/// tries again, until the context's patience is over: Failure(timed_out).
Way change_vhost(
    Context& context, const Vhost& vhost, Deadline deadline,
    const std::function<Result<Way>(hv::StoreTxn, const std::optional<VhostEntry>&)>& change);

/// Waits until nothing is under way any more: B is connected and each dev-N has one of the states
/// `ends` or is gone, or the guest has left. False when the context's patience is over without
/// another one of them having come so far.
bool wait_settled(Context& context, const Vhost& vhost, std::vector<unsigned> numbers,
                  std::initializer_list<xenbus::State> ends);

/// Whose step of a reconfiguration is due, by the states of both ends.
enum class Party : std::uint8_t { guest, daemon };
[[nodiscard]] Party awaited(xenbus::State back, xenbus::State front) noexcept;
/// "the guest has not answered", or that of the daemon with what to do about it.
[[nodiscard]] std::string late_party(Context& context, const Vhost& vhost);

/// Takes a reconfiguration back that the guest has not reacted to: each dev-N to `state`, or away
/// if there is none, and B to Connected. False if the guest has reacted meanwhile.
bool withdraw(Context& context, const Vhost& vhost, const std::vector<unsigned>& numbers,
              std::optional<xenbus::State> state);

} // namespace pvscsi::ctl
