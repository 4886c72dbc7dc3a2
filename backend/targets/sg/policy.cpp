// Sources: SPC-5, SBC-4, SSC-5, MMC-6, SMC-3 for the opcodes; for how long they may take the Linux
// drivers that send them (drivers/scsi/sd.h SD_FLUSH_TIMEOUT and SD_WRITE_SAME_TIMEOUT, st.c
// ST_TIMEOUT and ST_LONG_TIMEOUT, ch.c timeout_init and timeout_move) and the sg3_utils
// (sg_format, sg_sanitize, sg_senddiag), rounded up.
#include "backend/targets/sg/policy.hpp"

#include <algorithm>
#include <array>

namespace pvscsi::backend {

namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

enum Type : std::uint8_t {
    disk = 0x00,
    tape = 0x01,
    worm = 0x04,
    cd = 0x05,
    optical = 0x07,
    changer = 0x08,
    reduced_disk = 0x0e,
    zoned_disk = 0x14,
};

/// Types that have the disk's opcodes, as one.
Type family(std::uint8_t device_type) noexcept {
    switch (device_type) {
    case worm:
    case optical:
    case reduced_disk:
    case zoned_disk:
        return disk;
    default:
        return static_cast<Type>(device_type);
    }
}

constexpr Type any = static_cast<Type>(0xff);

struct Duration {
    Type type;
    std::uint8_t opcode;
    seconds limit;
};

constexpr std::array durations{
    Duration{any, 0x1d, 2h},        // SEND DIAGNOSTIC: an extended self-test in the foreground
    Duration{any, 0x3b, 300s},      // WRITE BUFFER: microcode
    Duration{disk, 0x04, 24h},      // FORMAT UNIT without IMMED
    Duration{disk, 0x48, 48h},      // SANITIZE without IMMED
    Duration{disk, 0x1b, 300s},     // START STOP UNIT
    Duration{disk, 0x35, 180s},     // SYNCHRONIZE CACHE
    Duration{disk, 0x91, 180s},     // SYNCHRONIZE CACHE(16)
    Duration{disk, 0x41, 300s},     // WRITE SAME
    Duration{disk, 0x93, 300s},     // WRITE SAME(16)
    Duration{disk, 0x42, 300s},     // UNMAP
    Duration{disk, 0x83, 1h},       // EXTENDED COPY
    Duration{disk, 0x2f, 1h},       // VERIFY: of a whole disk
    Duration{disk, 0xaf, 1h},       // VERIFY(12)
    Duration{disk, 0x8f, 1h},       // VERIFY(16)
    Duration{tape, 0x01, 14000s},   // REWIND
    Duration{tape, 0x04, 14000s},   // FORMAT MEDIUM
    Duration{tape, 0x11, 14000s},   // SPACE
    Duration{tape, 0x13, 14000s},   // VERIFY
    Duration{tape, 0x19, 14000s},   // ERASE
    Duration{tape, 0x1b, 14000s},   // LOAD UNLOAD
    Duration{tape, 0x2b, 14000s},   // LOCATE
    Duration{tape, 0x8f, 14000s},   // VERIFY(16)
    Duration{tape, 0x91, 14000s},   // SPACE(16)
    Duration{tape, 0x92, 14000s},   // LOCATE(16)
    Duration{tape, 0x93, 14000s},   // ERASE(16)
    Duration{cd, 0x04, 2h},         // FORMAT UNIT
    Duration{cd, 0x35, 1h},         // SYNCHRONIZE CACHE: closes a session
    Duration{cd, 0x53, 1h},         // RESERVE TRACK
    Duration{cd, 0x5b, 1h},         // CLOSE TRACK SESSION
    Duration{cd, 0xa1, 2h},         // BLANK
    Duration{changer, 0x07, 3600s}, // INITIALIZE ELEMENT STATUS
    Duration{changer, 0x37, 3600s}, // INITIALIZE ELEMENT STATUS WITH RANGE
};

seconds usual(Type type) noexcept {
    switch (type) {
    case tape:
        return 900s;
    case changer:
        return 300s;
    default:
        return 60s;
    }
}

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

seconds command_timeout(std::uint8_t device_type, const ring::Cdb& cdb,
                        std::uint16_t guest_seconds) noexcept {
    if (guest_seconds != 0)
        return seconds(guest_seconds);
    const Type type = family(device_type);
    for (const Duration& entry : durations)
        if (entry.opcode == cdb.opcode() && (entry.type == type || entry.type == any))
            return entry.limit;
    return usual(type);
}

bool leaves_medium_alone(std::uint8_t device_type, const ring::Cdb& cdb) noexcept {
    const std::uint8_t opcode = cdb.opcode();
    if (contains(harmless_anywhere, opcode))
        return true;
    if (opcode == 0x1d)
        return harmless_diagnostic(cdb);
    switch (family(device_type)) {
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
