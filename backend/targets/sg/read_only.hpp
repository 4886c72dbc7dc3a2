// Whether a unit that was attached read-only may be sent a command.
#pragma once

#include "ring/command.hpp"

namespace pvscsi::backend {

/// Known not to change what is on a medium, nor the device for others. All that is not known to be
/// harmless isn't.
[[nodiscard]] bool leaves_medium_alone(std::uint8_t device_type, const ring::Cdb& cdb) noexcept;

} // namespace pvscsi::backend
