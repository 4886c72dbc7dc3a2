// A block device's data by its other names: a SCSI disk's sg nodes, by all of its paths, and the
// image that a loop device lies on. Nothing in the kernel keeps who opens one from who has opened
// another.
//
// Thread: control; these calls block. Errors: std::system_error, EBUSY if somebody has it.
#pragma once

#include "backend/backing_lock.hpp"
#include "common/base/unique_fd.hpp"

#include <string>
#include <vector>

namespace pvscsi::backend {

/// Locks them as `sharing` says, wholly where they are the same data as the block device `path`,
/// for a part where that lies on them. Closing what is returned ends that; nothing is read or
/// written by it. What can't be opened here is left out: nobody else has it open, either.
[[nodiscard]] std::vector<UniqueFd> lock_other_ways(const std::string& path,
                                                    const Sharing& sharing);

} // namespace pvscsi::backend
