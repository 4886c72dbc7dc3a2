// What the server says of a finished command, into the sg_io_hdr_t that its program looks at.
// Thread: any. Errors: none.
#pragma once

#include "frontend/run/preload/sg_abi.hpp"
#include "frontend/run/wire.hpp"

namespace pvscsi::preload {

/// Fills in all that the driver writes, and the sense data where the header says.
void copy_outcome(const run::wire::Outcome& outcome, sg_io_hdr_t& header) noexcept;

} // namespace pvscsi::preload
