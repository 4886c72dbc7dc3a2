// Adding LUNs to one vhost of a domain: with one reconfiguration, however many they are. A LUN that
// can't be opened is taken away again; the others stay.
// Thread and errors: as verbs.hpp.
#pragma once

#include "backend/ctl/common.hpp"

#include <string>
#include <vector>

namespace pvscsi::ctl {

/// Why a LUN was not attached.
struct NotAttached {
    std::string vdev;
    ExitCode code;
    std::string why;       ///< for people, with the LUN's address
    bool may_come = false; ///< the guest has begun with it
};

/// `luns` are of one vhost, which is made if it is not there. Waits as long as the guest takes one
/// after the other, and for the context's patience where nothing comes of it. Throws Failure where
/// nothing was changed.
[[nodiscard]] std::vector<NotAttached> attach_to_vhost(Context& context, DomId guest,
                                                       const std::vector<Lun>& luns);

/// Failure(failed) if one of the addresses is taken.
void require_free(const VhostEntry& vhost, const std::vector<Lun>& luns);

} // namespace pvscsi::ctl
