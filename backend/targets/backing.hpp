// Opening what a block medium lies on, and finding out about it. Set-up only: these calls block.
#pragma once

#include "backend/backing_lock.hpp"
#include "backend/targets/device_claim.hpp"
#include "backend/targets/medium.hpp"
#include "common/base/unique_fd.hpp"

#include <memory>
#include <string>
#include <vector>

namespace pvscsi::backend {

struct Backing {
    std::unique_ptr<DeviceClaim> claim; ///< of a block device that writers share
    UniqueFd fd;
    /// Locked, and nothing else: other ways to the same data, a disk's sg nodes, the image that a
    /// loop device lies on.
    std::vector<UniqueFd> other_ways;
    bool block_device = false;
    bool direct = false; ///< O_DIRECT is set
    MediumLimits limits;
};

/// Opens and locks. `block_size` 0: what suits the backing. Throws std::system_error or
/// std::runtime_error with the path and what to do about it.
Backing open_backing(const std::string& path, const Sharing& sharing, std::uint32_t block_size,
                     bool direct);

struct BackingState {
    std::uint64_t bytes = 0;
    bool gone = false;    ///< the device or the file is no more
    bool deleted = false; ///< the file has no name any more
};

/// How it is now. Does not wait for a device.
BackingState look_at_backing(int fd, bool block_device) noexcept;

} // namespace pvscsi::backend
