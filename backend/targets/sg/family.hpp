// Device types (SPC-5 table 141) by their command sets.
#pragma once

#include <cstdint>

namespace pvscsi::backend {

enum class SgFamily : std::uint8_t {
    disk = 0x00,
    tape = 0x01,
    cd = 0x05,
    changer = 0x08,
    none = 0xff, ///< any other
};

/// Types that have the disk's opcodes, as one.
[[nodiscard]] constexpr SgFamily family_of(std::uint8_t device_type) noexcept {
    switch (device_type) {
    case 0x00:
    case 0x04: // write-once
    case 0x07: // optical memory
    case 0x0e: // simplified direct-access
    case 0x14: // host managed zoned
        return SgFamily::disk;
    case 0x01:
        return SgFamily::tape;
    case 0x05:
        return SgFamily::cd;
    case 0x08:
        return SgFamily::changer;
    default:
        return SgFamily::none;
    }
}

} // namespace pvscsi::backend
