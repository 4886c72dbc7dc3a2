#include "backend/repeatable.hpp"

#include "common/scsi/condition.hpp"
#include "common/scsi/device_type.hpp"

#include <algorithm>
#include <array>

namespace pvscsi::backend {

namespace {

constexpr std::uint8_t disk = 0x00, optical = 0x05, optical_memory = 0x07, reduced = 0x0e;

/// Of every device: what it is and what it holds.
constexpr auto of_any_device = std::to_array<std::uint8_t>({
    0x12, // INQUIRY
    0xa0, // REPORT LUNS
});

/// Of devices whose blocks have addresses.
constexpr auto of_addressed_blocks = std::to_array<std::uint8_t>({
    0x08, 0x28, 0xa8, 0x88, // READ (6), (10), (12), (16)
    0x2f, 0xaf, 0x8f,       // VERIFY: compares with data that come along, changes nothing
    0x34, 0x90,             // PRE-FETCH
    0x35, 0x91,             // SYNCHRONIZE CACHE
    0x25,                   // READ CAPACITY (10)
    0x1a, 0x5a,             // MODE SENSE
    0x37, 0xb7,             // READ DEFECT DATA
});

/// The same, and they change what the blocks hold.
constexpr auto writing_to_blocks = std::to_array<std::uint8_t>({
    0x0a, 0x2a, 0xaa, 0x8a, // WRITE
    0x2e, 0xae, 0x8e,       // WRITE AND VERIFY (10), (12), (16)
    0x41, 0x93,             // WRITE SAME (10), (16)
    0x42,                   // UNMAP (a disk's; READ SUB-CHANNEL of optical drives, as harmless)
    0x9c,                   // WRITE ATOMIC (16)
});

/// Of tapes and changers: they tell something, or guard the medium.
constexpr auto moving_nothing = std::to_array<std::uint8_t>({
    0x00, 0x03, 0x12, 0xa0, // TEST UNIT READY, REQUEST SENSE, INQUIRY, REPORT LUNS
    0x05, 0x34, 0x44, 0x8c, // READ BLOCK LIMITS, READ POSITION, REPORT DENSITY, READ ATTRIBUTE
    0x1a, 0x5a, 0x4d,       // MODE SENSE, LOG SENSE
    0x1e,                   // PREVENT ALLOW MEDIUM REMOVAL
    0x5e, 0xa3,             // PERSISTENT RESERVE IN, MAINTENANCE IN
    0xb8,                   // READ ELEMENT STATUS
});

constexpr std::uint8_t service_action_in16 = 0x9e, maintenance_in = 0xa3;
constexpr auto of_action_in16 =
    std::to_array<std::uint8_t>({0x10, 0x12}); // READ CAPACITY, LBA STATUS
constexpr auto of_maintenance_in =
    std::to_array<std::uint8_t>({0x05, 0x0a, 0x0c, 0x0d}); // REPORT ...: ids, ports, opcodes, TMFs

template <std::size_t n>
bool among(const std::array<std::uint8_t, n>& list, std::uint8_t value) noexcept {
    return std::find(list.begin(), list.end(), value) != list.end();
}

bool has_addressed_blocks(std::uint8_t type) noexcept {
    return type == disk || type == optical || type == optical_memory || type == reduced;
}

} // namespace

bool may_repeat(std::uint8_t device_type, const ring::Cdb& cdb, bool shared) noexcept {
    const std::uint8_t opcode = cdb.opcode();
    if (among(of_any_device, opcode))
        return true;
    if (!has_addressed_blocks(device_type))
        return false;
    if (among(of_addressed_blocks, opcode))
        return true;
    if (among(writing_to_blocks, opcode)) {
        // An optical medium that is written in sequence takes the next track's blocks.
        const bool writes = opcode == 0x0a || opcode == 0x2a || opcode == 0xaa || opcode == 0x2e;
        return !shared && (device_type != optical || !writes);
    }
    const auto bytes = cdb.bytes();
    const std::uint8_t action = bytes.size() > 1 ? bytes[1] & 0x1f : 0;
    return (opcode == service_action_in16 && among(of_action_in16, action)) ||
           (opcode == maintenance_in && among(of_maintenance_in, action));
}

bool may_have_moved(const ring::Cdb& cdb) noexcept {
    return !among(moving_nothing, cdb.opcode());
}

void forbid_repetition(std::uint8_t device_type, Outcome& outcome) noexcept {
    const bool unknown = outcome.host == scsi::HostCode::transport_disrupted ||
                         outcome.host == scsi::HostCode::time_out;
    if (!unknown || !scsi::keeps_position(device_type))
        return;
    outcome.clear();
    outcome.status = scsi::Status::check_condition;
    outcome.sense = scsi::sense_of(scsi::condition::internal_failure);
}

} // namespace pvscsi::backend
