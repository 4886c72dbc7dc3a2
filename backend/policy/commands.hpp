// The commands that are known, as data: which class each belongs to, how much data it moves, and
// what of it has to be looked at. One table for each kind of device and one for what all have.
//
// Sources: SPC-5, SBC-4, ZBC-2, SSC-5, SMC-3, MMC-6, SES-3, SAT-4, SPC-3 for what is obsolete.
// Thread: any. Errors: none.
#pragma once

#include "common/config/policies.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace pvscsi::backend::policy {

using config::CommandClass;
using CdbBytes = std::array<std::uint8_t, 16>;

/// Device types (SPC-5 table 141) with the same commands, as one; a bit each, for sets.
enum Kind : std::uint8_t {
    disk = 1,
    tape = 2,
    cd = 4,
    changer = 8,
    enclosure = 16,
    scanner = 32, ///< printers, scanners, and processors, as which many of them present themselves
    other = 64,
    any_kind = 127,
};
[[nodiscard]] Kind kind_of(std::uint8_t device_type) noexcept;

/// What a CDB says about the data that go with it.
enum class Moves : std::uint8_t {
    unknown, ///< not looked at
    nothing,
    in,          ///< at most as many bytes as the field says, to the guest
    out,         ///< exactly as many bytes as the field says, from the guest
    in_blocks,   ///< as many blocks as the field says
    out_blocks,  ///< the same
    in_some,     ///< some, whatever the CDB says
    out_some,    ///< the same
    verified,    ///< out_blocks with BYTCHK 01b or 11b (SBC-4 5.34), else nothing
    written_same ///< one block, none with NDOB (SBC-4 5.53)
};
struct Transfer {
    Moves moves = Moves::unknown;
    std::uint8_t at = 0;    ///< byte of the CDB where the length begins
    std::uint8_t width = 0; ///< of the length, in bytes
    bool zero_is_256 = false;
};

/// What is in the parameter list matters, too.
enum class Inspect : std::uint8_t {
    nothing,
    mode_pages,        ///< MODE SELECT(6), (10)
    copy_descriptors,  ///< EXTENDED COPY(LID1)
    diagnostic_page,   ///< SEND DIAGNOSTIC
    registration_flags ///< PERSISTENT RESERVE OUT with the basic parameter list
};

/// Where a CDB says what it was refused for.
struct FieldPlace {
    std::uint8_t byte = 0;
    std::uint8_t bit = 0;
};

inline constexpr int any_action = -1;

struct Row {
    std::string_view name;
    std::uint8_t kinds; ///< a set of Kind
    std::uint8_t opcode;
    int action; ///< service action, or mode; any_action: the opcode has none, or it does not matter
    CommandClass value;
    Transfer transfer{};
    Inspect inspect = Inspect::nothing;
    /// Only with this; null: always. The first row that fits counts.
    bool (*when)(const CdbBytes& cdb) = nullptr;
    std::string_view when_text{};
    FieldPlace field{1, 4}; ///< of `when`, or of the service action
};

/// Rows of one opcode stand together, the more special ones first.
[[nodiscard]] std::span<const Row> primary_rows() noexcept;
[[nodiscard]] std::span<const Row> block_rows() noexcept;
[[nodiscard]] std::span<const Row> stream_rows() noexcept;
[[nodiscard]] std::span<const Row> optical_rows() noexcept;
[[nodiscard]] std::span<const Row> changer_rows() noexcept;
[[nodiscard]] std::span<const Row> scanner_rows() noexcept;
[[nodiscard]] std::array<std::span<const Row>, 6> all_rows() noexcept;

/// Where an operation code has service actions, or modes, they are in byte 1; 7Fh: in bytes 8, 9.
[[nodiscard]] std::uint16_t action_of(const CdbBytes& cdb) noexcept;

} // namespace pvscsi::backend::policy
