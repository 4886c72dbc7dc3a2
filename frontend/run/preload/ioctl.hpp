// The ioctls of an sg node.
#pragma once

#include "frontend/run/preload/files.hpp"

namespace pvscsi::preload {

/// As ioctl(): -1 with errno, EINVAL for what the sg driver does not know either.
int node_ioctl(OpenFile& file, int fd, unsigned long request, void* argument) noexcept;

} // namespace pvscsi::preload
