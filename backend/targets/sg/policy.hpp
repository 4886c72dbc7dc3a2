// What is decided about a command before a device gets it: how long it may take, and whether a
// unit that was attached read-only may be sent it. Nothing else of a CDB is looked at.
#pragma once

#include "ring/command.hpp"

#include <chrono>

namespace pvscsi::backend {

/// How long the kernel lets a command run before it starts to abort it and reset the device:
/// `guest_seconds` (0 to 65535) if the guest said so, else what is usual for the opcode on this
/// type of device.
[[nodiscard]] std::chrono::seconds command_timeout(std::uint8_t device_type, const ring::Cdb& cdb,
                                                   std::uint16_t guest_seconds) noexcept;

/// Known not to change what is on a medium, nor the device for others. All that is not known to be
/// harmless isn't.
[[nodiscard]] bool leaves_medium_alone(std::uint8_t device_type, const ring::Cdb& cdb) noexcept;

} // namespace pvscsi::backend
