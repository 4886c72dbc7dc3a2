// Which unit it is, by what its vital product data say (SPC-5 7.7): so that one that a SAN's
// administrator has put in another's place is not taken for that one.
//
// What is read is checked for its length only; it is compared, never trusted. Thread: any.
#pragma once

#include "common/scsi/opcode.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace pvscsi::scsi {

inline constexpr std::uint8_t page_standard = 0x00; ///< not a page: standard INQUIRY data
inline constexpr std::uint8_t page_serial_number = 0x80;
inline constexpr std::uint8_t page_identification = 0x83;

/// What page 83h is asked for with, and the bytes that it may take: devices of before SPC-3 look at
/// the last byte of an INQUIRY's length only, and FCh of it is the most that is a whole word.
inline constexpr std::uint16_t identification_room = 0x0ffc;
inline constexpr std::array<std::uint8_t, 6> inquiry_identification{opcode::inquiry,
                                                                    0x01,
                                                                    page_identification,
                                                                    identification_room >> 8,
                                                                    identification_room & 0xff,
                                                                    0};

// Of VPD page 83h (SPC-5 7.7.6) those designators count that name the unit and not the port it is
// reached by. A page of less than its own length is read as far as it is there.

/// In hexadecimal; empty if there are none.
[[nodiscard]] std::string unit_designators(std::span<const std::byte> page);
/// Whether there are any.
[[nodiscard]] bool names_unit(std::span<const std::byte> page) noexcept;
/// Whether two pages are one unit's: they have a world-wide name (EUI-64, NAA, SCSI name string,
/// UUID) in common, for new firmware may bring more, and other names are an administrator's to
/// change. Where `given` has none, all are alike.
[[nodiscard]] bool same_unit(std::span<const std::byte> given,
                             std::span<const std::byte> found) noexcept;
/// For people: "naa.5000c500a1b2c3d4", else what there is, of at most 64 digits.
[[nodiscard]] std::string unit_label(std::span<const std::byte> page);

/// Of VPD page 80h (SPC-5 7.7.19), in hexadecimal; empty if it is blank.
[[nodiscard]] std::string unit_serial_number(std::span<const std::byte> page);

} // namespace pvscsi::scsi
