// Peripheral device types that are treated differently from others (SPC-5 table 141).
#pragma once

#include <cstdint>

namespace pvscsi::scsi {

inline constexpr std::uint8_t sequential_access = 0x01; ///< tapes
inline constexpr std::uint8_t media_changer = 0x08;

/// What a command does depends on those before it: where the tape is, which slots are full. None
/// may be repeated, and the order counts.
[[nodiscard]] constexpr bool keeps_position(std::uint8_t device_type) noexcept {
    return device_type == sequential_access || device_type == media_changer;
}

} // namespace pvscsi::scsi
