#include "backend/policy/commands.hpp"

#include "common/base/bytes.hpp"

namespace pvscsi::backend::policy {

Kind kind_of(std::uint8_t device_type) noexcept {
    switch (device_type) {
    case 0x00:
    case 0x04: // write-once
    case 0x07: // optical memory
    case 0x0e: // simplified direct-access
    case 0x14: // host managed zoned
        return disk;
    case 0x01:
        return tape;
    case 0x02:
    case 0x03:
    case 0x06:
        return scanner;
    case 0x05:
        return cd;
    case 0x08:
        return changer;
    case 0x0d:
        return enclosure;
    default:
        return other;
    }
}

std::uint16_t action_of(const CdbBytes& cdb) noexcept {
    if (cdb[0] == 0x7f)
        return load_be16(cdb, 8);
    return cdb[1] & 0x1f;
}

std::array<std::span<const Row>, 6> all_rows() noexcept {
    return {primary_rows(), block_rows(),   stream_rows(),
            optical_rows(), changer_rows(), scanner_rows()};
}

} // namespace pvscsi::backend::policy
