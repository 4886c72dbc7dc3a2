// How long a command may take at a SCSI device before the kernel starts to abort it and resets the
// device. In this order:
//
//   1. what the guest says with the command (the ring's timeout_per_command);
//   2. what the device recommends for it: REPORT SUPPORTED OPERATION CODES with RCTD (SPC-5 6.35,
//      command timeouts descriptor), asked of disks when they are opened;
//   3. what is usual for the opcode on this type of device: the table in timeouts.cpp;
//   4. what is usual on this type of device.
//
// What the administrator says (timeout= of the entry, max-timeout of the host) bounds it all.
//
// Thread: any. Errors: none.
#pragma once

#include "ring/command.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace pvscsi::backend {

/// 3. and 4.
[[nodiscard]] std::chrono::seconds usual_timeout(std::uint8_t device_type,
                                                 const ring::Cdb& cdb) noexcept;

/// What one device recommends, by opcode and service action.
class DeviceTimeouts {
  public:
    static constexpr std::size_t most = 1024; ///< commands of which it is kept

    /// Of the parameter data in the all-commands format (SPC-5 6.35.2); as many of it as are well
    /// formed. Those of 0 seconds say nothing.
    static DeviceTimeouts parse(std::span<const std::uint8_t> data);

    [[nodiscard]] std::optional<std::chrono::seconds> find(const ring::Cdb& cdb) const noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }

  private:
    struct Row {
        std::uint8_t opcode;
        bool has_action;
        std::uint16_t action;
        std::uint32_t seconds;
    };
    std::vector<Row> rows_; ///< by opcode
};

/// REPORT SUPPORTED OPERATION CODES, all commands, with timeouts, for `allocation` bytes.
[[nodiscard]] std::array<std::uint8_t, 12> ask_for_timeouts(std::uint32_t allocation) noexcept;

/// 1. to 4. `guest_seconds`: 0 to 65535, 0 if the guest did not say.
[[nodiscard]] std::chrono::seconds command_timeout(std::uint8_t device_type, const ring::Cdb& cdb,
                                                   std::uint16_t guest_seconds,
                                                   const DeviceTimeouts& device = {}) noexcept;

} // namespace pvscsi::backend
