// Sources: SPC-5, SBC-4, SSC-5, MMC-6, SMC-3.
#include "backend/targets/sg/read_only.hpp"

#include "backend/targets/sg/family.hpp"

#include <algorithm>
#include <array>

namespace pvscsi::backend {

namespace {

using enum SgFamily;

template <std::size_t N>
bool contains(const std::array<std::uint8_t, N>& opcodes, std::uint8_t opcode) noexcept {
    return std::find(opcodes.begin(), opcodes.end(), opcode) != opcodes.end();
}

// TEST UNIT READY, REQUEST SENSE, INQUIRY, RESERVE and RELEASE 6 and 10, START STOP UNIT or LOAD
// UNLOAD, RECEIVE DIAGNOSTIC RESULTS, PREVENT ALLOW, READ BUFFER, LOG SENSE, MODE SENSE 6 and 10,
// PERSISTENT RESERVE IN, RECEIVE COPY RESULTS, READ ATTRIBUTE, REPORT LUNS, SECURITY PROTOCOL IN,
// MAINTENANCE IN (or SEND KEY of a CD, which unlocks reading)
constexpr auto harmless_anywhere =
    std::to_array<std::uint8_t>({0x00, 0x03, 0x12, 0x16, 0x17, 0x1a, 0x1b, 0x1c, 0x1e, 0x3c,
                                 0x4d, 0x56, 0x57, 0x5a, 0x5e, 0x84, 0x8c, 0xa0, 0xa2, 0xa3});

// READ 6/10/12/16, READ CAPACITY, VERIFY 10/12/16, PRE-FETCH 10/16, SYNCHRONIZE CACHE 10/16, READ
// DEFECT DATA 10/12, READ LONG, SEEK 6/10, REPORT ZONES
constexpr auto harmless_on_disk =
    std::to_array<std::uint8_t>({0x08, 0x0b, 0x25, 0x28, 0x2b, 0x2f, 0x34, 0x35, 0x37, 0x3e, 0x88,
                                 0x8f, 0x90, 0x91, 0x95, 0xa8, 0xaf, 0xb7});

// REWIND, READ BLOCK LIMITS, READ 6/16, READ REVERSE 6/16, SPACE 6/16, VERIFY 6/16, RECOVER
// BUFFERED DATA, MODE SELECT 6/10 (the block size to read with), LOCATE 10/16, READ POSITION,
// REPORT DENSITY SUPPORT
constexpr auto harmless_on_tape =
    std::to_array<std::uint8_t>({0x01, 0x05, 0x08, 0x0f, 0x11, 0x13, 0x14, 0x15, 0x2b, 0x34, 0x44,
                                 0x55, 0x81, 0x88, 0x8f, 0x91, 0x92});

// READ 6/10/12, MODE SELECT 6/10 (sound, block size), READ FORMAT CAPACITIES, READ CAPACITY, SEEK,
// VERIFY 10/12, READ SUB-CHANNEL, READ TOC, READ HEADER, the PLAY AUDIO family, GET CONFIGURATION,
// GET EVENT STATUS NOTIFICATION, STOP, READ DISC and TRACK INFORMATION, READ BUFFER CAPACITY, LOAD
// UNLOAD, REPORT KEY, GET PERFORMANCE, READ DVD STRUCTURE, SET STREAMING, READ CD MSF, SCAN, SET CD
// SPEED, MECHANISM STATUS, READ CD
constexpr auto harmless_on_cd = std::to_array<std::uint8_t>(
    {0x08, 0x15, 0x23, 0x25, 0x28, 0x2b, 0x2f, 0x42, 0x43, 0x44, 0x45, 0x46,
     0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4e, 0x51, 0x52, 0x55, 0x5c, 0xa4, 0xa5,
     0xa6, 0xa8, 0xac, 0xad, 0xaf, 0xb6, 0xb9, 0xba, 0xbb, 0xbd, 0xbe});

// A changer has no medium of its own: INITIALIZE ELEMENT STATUS, POSITION TO ELEMENT, the same
// WITH RANGE, MOVE and EXCHANGE MEDIUM, REQUEST VOLUME ELEMENT ADDRESS, READ ELEMENT STATUS
constexpr auto harmless_on_changer =
    std::to_array<std::uint8_t>({0x07, 0x2b, 0x37, 0xa5, 0xa6, 0xb5, 0xb8});

/// SERVICE ACTION IN(16): READ CAPACITY, READ LONG, GET LBA STATUS, REPORT REFERRALS.
bool harmless_service_action_in(const ring::Cdb& cdb) noexcept {
    const auto action = cdb.padded()[1] & 0x1f;
    return action >= 0x10 && action <= 0x13;
}

/// SEND DIAGNOSTIC: the default self-test; a parameter list can order anything.
bool harmless_diagnostic(const ring::Cdb& cdb) noexcept {
    return cdb.padded()[3] == 0 && cdb.padded()[4] == 0;
}

} // namespace

bool leaves_medium_alone(std::uint8_t device_type, const ring::Cdb& cdb) noexcept {
    const std::uint8_t opcode = cdb.opcode();
    if (contains(harmless_anywhere, opcode))
        return true;
    if (opcode == 0x1d)
        return harmless_diagnostic(cdb);
    switch (family_of(device_type)) {
    case disk:
        return contains(harmless_on_disk, opcode) ||
               (opcode == 0x9e && harmless_service_action_in(cdb));
    case tape:
        return contains(harmless_on_tape, opcode);
    case cd:
        return contains(harmless_on_cd, opcode);
    case changer:
        return contains(harmless_on_changer, opcode);
    default:
        return false;
    }
}

} // namespace pvscsi::backend
