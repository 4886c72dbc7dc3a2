#include "backend/target_level.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace pvscsi::backend {

namespace {

constexpr std::uint8_t op_request_sense = 0x03;
constexpr std::uint8_t op_inquiry = 0x12;
constexpr std::uint8_t op_report_luns = 0xa0;

void fail(Request& request, scsi::Sense sense) noexcept {
    request.outcome.status = scsi::Status::check_condition;
    request.outcome.sense = sense;
}

/// A LUN in the eight bytes of SAM-5 4.7: peripheral device addressing below 256, flat space up
/// to 16383, extended flat space above.
void put_lun(std::span<std::uint8_t> entry, std::uint16_t lun) noexcept {
    if (lun < 256) {
        entry[1] = static_cast<std::uint8_t>(lun);
    } else if (lun < 16384) {
        store_be16(entry, 0, 0x4000u | lun);
    } else {
        entry[0] = 0xd2;
        store_be24(entry, 1, lun);
    }
}

/// Finishes with the first `allocation` bytes of `data`, as all INQUIRY-like commands do.
void answer(Request& request, std::span<const std::byte> data, std::size_t allocation) noexcept {
    request.outcome.data_in = data.first(std::min(data.size(), allocation));
}

void report_luns(const LunMap& luns, Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    const std::uint8_t select = cdb[2];
    const std::uint32_t allocation = load_be32(cdb, 6);
    if (select > 2)
        return fail(request, scsi::Sense::illegal_field(0x24, 0x00, true, 2));
    if (allocation < 16)
        return fail(request, scsi::Sense::illegal_field(0x24, 0x00, true, 6));
    const auto address = request.command.address();
    std::size_t count = 0;
    const auto space = as_writable_u8(request.buffer(8 + luns.all().size() * 8));
    if (space.empty())
        return fail(request, scsi::Sense::fixed(scsi::SenseKey::hardware_error, 0x44, 0x00));
    std::fill(space.begin(), space.end(), std::uint8_t{0});
    if (select != 1) // 1: only well known logical units, and there are none
        for (const auto& lun : luns.all())
            if (lun->address.channel == address.channel && lun->address.target == address.target)
                put_lun(space.subspan(8 + 8 * count++, 8), lun->address.lun);
    store_be32(space, 0, count * 8);
    answer(request, std::as_bytes(space.first(8 + count * 8)), allocation);
}

/// Peripheral qualifier 011b: the target can have no such logical unit (SPC-5 6.6.2).
void inquire_missing_lun(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    if ((cdb[1] & 1) != 0)
        return fail(request, scsi::Sense::illegal_field(0x24, 0x00, true, 1, 0));
    const auto space = as_writable_u8(request.buffer(36));
    std::fill(space.begin(), space.end(), std::uint8_t{0});
    space[0] = 0x7f;
    space[2] = 0x06; // SPC-4
    space[3] = 0x02;
    space[4] = 36 - 5;
    constexpr std::string_view identity = "PVSCSI  no logical unit 0000";
    std::memcpy(space.data() + 8, identity.data(), identity.size());
    answer(request, std::as_bytes(space), load_be16(cdb, 3));
}

} // namespace

bool answer_at_target_level(const LunMap& luns, Request& request) noexcept {
    const auto& address = request.command.address();
    if (!luns.has_target(address.channel, address.target))
        return false;
    const bool lun_exists = luns.find(address) != nullptr;
    if (!lun_exists && address.lun != 0)
        return false;
    const std::uint8_t opcode = request.cdb().opcode();
    if (opcode == op_report_luns) {
        report_luns(luns, request);
        return true;
    }
    if (lun_exists)
        return false;
    constexpr std::uint8_t lun_not_supported = 0x25;
    const auto sense = scsi::Sense::fixed(scsi::SenseKey::illegal_request, lun_not_supported, 0x00);
    if (opcode == op_inquiry) {
        inquire_missing_lun(request);
    } else if (opcode == op_request_sense) {
        const auto space = request.buffer(sense.bytes().size());
        std::memcpy(space.data(), sense.bytes().data(), sense.bytes().size());
        answer(request, space, request.cdb().padded()[4]);
    } else {
        fail(request, sense);
    }
    return true;
}

} // namespace pvscsi::backend
