// The asynchronous half of the sg interface: which response a read() gets. Each response has a byte
// on the file's socket, which is what makes the descriptor readable; who takes a response takes its
// byte.
//
// Thread: any. Errors: errno values, those of Linux' sg driver.
#pragma once

#include "frontend/run/preload/files.hpp"

namespace pvscsi::preload {

/// The oldest finished asynchronous command, or that of `pack_id` unless it is -1; it is the
/// caller's then, for finish_command(). 0, EAGAIN, ENODEV, or EINTR.
int take_response(OpenFile& file, int fd, int pack_id, bool blocking, unsigned& slot) noexcept;

} // namespace pvscsi::preload
