// Sources of the table: SPC-5, SBC-4, SSC-5, MMC-6, SMC-3 for the opcodes; for how long they may
// take the Linux drivers that send them (drivers/scsi/sd.h SD_FLUSH_TIMEOUT and
// SD_WRITE_SAME_TIMEOUT, st.c ST_TIMEOUT and ST_LONG_TIMEOUT, ch.c timeout_init and timeout_move)
// and the sg3_utils (sg_format, sg_sanitize, sg_senddiag), rounded up.
#include "backend/targets/sg/timeouts.hpp"

#include "backend/targets/sg/family.hpp"
#include "common/base/bytes.hpp"

#include <algorithm>

namespace pvscsi::backend {

namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;
using enum SgFamily;

struct Duration {
    SgFamily type; ///< none: any
    std::uint8_t opcode;
    seconds limit;
};

constexpr std::array durations{
    Duration{none, 0x1d, 2h},       // SEND DIAGNOSTIC: an extended self-test in the foreground
    Duration{none, 0x3b, 300s},     // WRITE BUFFER: microcode
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

seconds usual(SgFamily type) noexcept {
    switch (type) {
    case tape:
        return 900s;
    case changer:
        return 300s;
    default:
        return 60s;
    }
}

/// Where the CDB has it (SPC-5 4.2.5); only asked of opcodes that the device says have one.
std::uint16_t action_of(const ring::Cdb& cdb) noexcept {
    const auto& bytes = cdb.padded();
    return cdb.opcode() == 0x7f ? load_be16(bytes, 8) : std::uint16_t(bytes[1] & 0x1f);
}

} // namespace

seconds usual_timeout(std::uint8_t device_type, const ring::Cdb& cdb) noexcept {
    const SgFamily type = family_of(device_type);
    for (const Duration& entry : durations)
        if (entry.opcode == cdb.opcode() && (entry.type == type || entry.type == none))
            return entry.limit;
    return usual(type);
}

std::array<std::uint8_t, 12> ask_for_timeouts(std::uint32_t allocation) noexcept {
    std::array<std::uint8_t, 12> cdb{0xa3, 0x0c, 0x80}; // RCTD, REPORTING OPTIONS 000b
    store_be32(cdb, 6, allocation);
    return cdb;
}

DeviceTimeouts DeviceTimeouts::parse(std::span<const std::uint8_t> data) {
    constexpr std::size_t header = 4, command = 8, timeouts = 12;
    constexpr std::uint8_t ctdp = 0x02, servactv = 0x01;
    DeviceTimeouts result;
    if (data.size() < header)
        return result;
    const std::size_t end = std::min(data.size(), header + std::size_t{load_be32(data, 0)});
    for (std::size_t at = header; at + command <= end && result.rows_.size() < most;) {
        const auto one = data.subspan(at);
        at += command;
        if ((one[5] & ctdp) == 0)
            continue;
        // DESCRIPTOR LENGTH of the timeouts is 000Ah; another one is of no format that is known.
        if (at + timeouts > end || load_be16(one, command) != timeouts - 2)
            break;
        at += timeouts;
        const std::uint32_t nominal = load_be32(one, command + 4);
        const std::uint32_t recommended = load_be32(one, command + 8);
        if (std::max(nominal, recommended) != 0)
            result.rows_.push_back({one[0], (one[5] & servactv) != 0, load_be16(one, 2),
                                    std::max(nominal, recommended)});
    }
    std::stable_sort(result.rows_.begin(), result.rows_.end(),
                     [](const Row& a, const Row& b) { return a.opcode < b.opcode; });
    return result;
}

std::optional<seconds> DeviceTimeouts::find(const ring::Cdb& cdb) const noexcept {
    const auto [first, last] =
        std::equal_range(rows_.begin(), rows_.end(), Row{cdb.opcode(), false, 0, 0},
                         [](const Row& a, const Row& b) { return a.opcode < b.opcode; });
    const auto row = std::find_if(first, last, [&](const Row& candidate) {
        return !candidate.has_action || candidate.action == action_of(cdb);
    });
    return row == last ? std::nullopt : std::optional(seconds(row->seconds));
}

seconds command_timeout(std::uint8_t device_type, const ring::Cdb& cdb, std::uint16_t guest_seconds,
                        const DeviceTimeouts& device) noexcept {
    // Two days: what follows counts in milliseconds, of 32 bits.
    constexpr seconds most{172'800};
    if (guest_seconds != 0)
        return seconds(guest_seconds);
    if (const auto recommended = device.find(cdb))
        return std::min(*recommended, most);
    return usual_timeout(device_type, cdb);
}

} // namespace pvscsi::backend
