// Which unit it is, by what its vital product data say (SPC-5 7.7): so that one that a SAN's
// administrator has put in another's place is not taken for that one.
//
// What is read is checked for its length only; it is compared, never trusted. Thread: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace pvscsi::scsi {

inline constexpr std::uint8_t page_standard = 0x00; ///< not a page: standard INQUIRY data
inline constexpr std::uint8_t page_serial_number = 0x80;
inline constexpr std::uint8_t page_identification = 0x83;

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
