// Operation codes (SPC-5 annex D.3, SBC-4 clause 5, MMC-6 clause 6) and the block range that the
// read and write families name.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace pvscsi::scsi {

namespace opcode {
inline constexpr std::uint8_t test_unit_ready = 0x00;
inline constexpr std::uint8_t request_sense = 0x03;
inline constexpr std::uint8_t read_6 = 0x08;
inline constexpr std::uint8_t write_6 = 0x0a;
inline constexpr std::uint8_t inquiry = 0x12;
inline constexpr std::uint8_t mode_select_6 = 0x15;
inline constexpr std::uint8_t reserve_6 = 0x16;
inline constexpr std::uint8_t release_6 = 0x17;
inline constexpr std::uint8_t mode_sense_6 = 0x1a;
inline constexpr std::uint8_t start_stop_unit = 0x1b;
inline constexpr std::uint8_t send_diagnostic = 0x1d;
inline constexpr std::uint8_t prevent_allow = 0x1e;
inline constexpr std::uint8_t read_capacity_10 = 0x25;
inline constexpr std::uint8_t read_10 = 0x28;
inline constexpr std::uint8_t write_10 = 0x2a;
inline constexpr std::uint8_t write_and_verify_10 = 0x2e;
inline constexpr std::uint8_t verify_10 = 0x2f;
inline constexpr std::uint8_t pre_fetch_10 = 0x34;
inline constexpr std::uint8_t synchronize_cache_10 = 0x35;
inline constexpr std::uint8_t write_same_10 = 0x41;
inline constexpr std::uint8_t unmap = 0x42;
inline constexpr std::uint8_t read_sub_channel = 0x42; // MMC devices
inline constexpr std::uint8_t read_toc = 0x43;
inline constexpr std::uint8_t read_header = 0x44;
inline constexpr std::uint8_t get_configuration = 0x46;
inline constexpr std::uint8_t get_event_status = 0x4a;
inline constexpr std::uint8_t log_sense = 0x4d;
inline constexpr std::uint8_t read_disc_information = 0x51;
inline constexpr std::uint8_t read_track_information = 0x52;
inline constexpr std::uint8_t mode_select_10 = 0x55;
inline constexpr std::uint8_t reserve_10 = 0x56;
inline constexpr std::uint8_t release_10 = 0x57;
inline constexpr std::uint8_t mode_sense_10 = 0x5a;
inline constexpr std::uint8_t persistent_reserve_in = 0x5e;
inline constexpr std::uint8_t persistent_reserve_out = 0x5f;
inline constexpr std::uint8_t read_16 = 0x88;
inline constexpr std::uint8_t compare_and_write = 0x89;
inline constexpr std::uint8_t write_16 = 0x8a;
inline constexpr std::uint8_t or_write_16 = 0x8b;
inline constexpr std::uint8_t write_and_verify_16 = 0x8e;
inline constexpr std::uint8_t verify_16 = 0x8f;
inline constexpr std::uint8_t pre_fetch_16 = 0x90;
inline constexpr std::uint8_t synchronize_cache_16 = 0x91;
inline constexpr std::uint8_t write_same_16 = 0x93;
inline constexpr std::uint8_t service_action_in_16 = 0x9e;
inline constexpr std::uint8_t report_luns = 0xa0;
inline constexpr std::uint8_t maintenance_in = 0xa3;
inline constexpr std::uint8_t read_12 = 0xa8;
inline constexpr std::uint8_t write_12 = 0xaa;
inline constexpr std::uint8_t read_dvd_structure = 0xad;
inline constexpr std::uint8_t write_and_verify_12 = 0xae;
inline constexpr std::uint8_t verify_12 = 0xaf;
inline constexpr std::uint8_t mechanism_status = 0xbd;
} // namespace opcode

/// The opcode's name for a person; "?" for one that is not in the list above. 0x42 is UNMAP.
[[nodiscard]] std::string_view opcode_name(std::uint8_t opcode) noexcept;

/// SPC-5 table 141.
enum class DeviceType : std::uint8_t { disk = 0x00, cd = 0x05 };

struct BlockRange {
    std::uint64_t lba = 0;
    std::uint64_t blocks = 0;
    friend bool operator==(const BlockRange&, const BlockRange&) = default;
};

/// LOGICAL BLOCK ADDRESS and TRANSFER LENGTH (or its namesakes) where the 6, 10, 12 and 16-byte
/// layouts of SBC-4 have them. 0 in a 6-byte READ or WRITE is 256 (SBC-4 5.11).
[[nodiscard]] inline BlockRange block_range(const std::array<std::uint8_t, 16>& cdb) noexcept {
    const auto be32 = [&cdb](std::size_t at) {
        return std::uint32_t{cdb[at]} << 24 | std::uint32_t{cdb[at + 1]} << 16 |
               std::uint32_t{cdb[at + 2]} << 8 | cdb[at + 3];
    };
    switch (cdb[0] >> 5) {
    case 0:
        return {be32(0) & 0x1fffff, cdb[4] == 0 ? 256u : cdb[4]};
    case 4:
        return {std::uint64_t{be32(2)} << 32 | be32(6), be32(10)};
    case 5:
        return {be32(2), be32(6)};
    default:
        return {be32(2), std::uint32_t{cdb[7]} << 8 | cdb[8]};
    }
}

} // namespace pvscsi::scsi
