// Length and direction of a command's data against what its CDB says. A buffer for data-in may be
// shorter than the allocation length, and one for data-out longer than the parameter list: both are
// usual, and devices answer with a residual. What is refused is what no device can make sense of.
#include "backend/policy/rules.hpp"

#include "common/scsi/condition.hpp"

namespace pvscsi::backend::policy {

namespace {

using ring::Direction;
using scsi::Sense;

Sense wrong(std::uint16_t byte) noexcept {
    return Sense::illegal_field(0x24, 0x00, true, byte);
}

/// SPC-5 4.2.5.1; 0: the group fixes none.
std::size_t group_size(std::uint8_t opcode) noexcept {
    constexpr std::array<std::size_t, 8> sizes{6, 10, 10, 0, 16, 12, 0, 0};
    return sizes[opcode >> 5];
}

/// Bytes behind the CDB's end that are not zero mean a command that was made for another opcode.
std::optional<Sense> wrong_size(const ring::Cdb& cdb) noexcept {
    const auto& bytes = cdb.padded();
    if (bytes[0] == 0x7f && std::size_t{bytes[7]} + 8 != cdb.bytes().size())
        return wrong(7);
    const std::size_t size = group_size(bytes[0]);
    if (size == 0)
        return {};
    for (std::size_t at = size; at < cdb.bytes().size(); ++at)
        if (bytes[at] != 0)
            return wrong(static_cast<std::uint16_t>(at));
    return {};
}

std::uint32_t field(const CdbBytes& cdb, const Transfer& transfer) noexcept {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < transfer.width; ++i)
        value = value << 8 | cdb[transfer.at + i];
    return value == 0 && transfer.zero_is_256 ? 256 : value;
}

/// What goes with the command: in which direction, and at least how many bytes.
struct Expected {
    Direction direction = Direction::none;
    std::uint32_t least = 0;
};

Expected expected(const CdbBytes& cdb, const Transfer& transfer) noexcept {
    const std::uint32_t value = field(cdb, transfer);
    const std::uint32_t some = value != 0 ? 1 : 0;
    switch (transfer.moves) {
    case Moves::in:
    case Moves::in_blocks:
        return {Direction::from_device, some};
    case Moves::in_some:
        return {Direction::from_device, 1};
    case Moves::out:
        return {Direction::to_device, value};
    case Moves::out_blocks:
        return {Direction::to_device, some};
    case Moves::out_some:
        return {Direction::to_device, 1};
    case Moves::verified:
        return {Direction::to_device, (cdb[1] & 0x02) != 0 ? some : 0};
    case Moves::written_same:
        return {Direction::to_device, (cdb[1] & 0x01) != 0 ? 0u : 1u};
    case Moves::unknown:
    case Moves::nothing:
        break;
    }
    return {};
}

} // namespace

std::optional<Sense> malformation(const Row* row, const ring::Cdb& cdb, Direction direction,
                                  std::uint32_t length) noexcept {
    if (const auto sense = wrong_size(cdb))
        return sense;
    if (row == nullptr || row->transfer.moves == Moves::unknown)
        return {};
    const Expected data = expected(cdb.padded(), row->transfer);
    const std::uint8_t at = row->transfer.at;
    if (data.least == 0)
        // A buffer that nothing will be put into is harmless; data that nobody asks for are not.
        return length != 0 && direction == Direction::to_device ? std::optional(wrong(at))
                                                                : std::nullopt;
    if (length < data.least || direction != data.direction)
        return wrong(at);
    return {};
}

} // namespace pvscsi::backend::policy
