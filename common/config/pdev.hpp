// PDEV, the first field of a `vscsi=` entry: what serves the logical unit. The toolstack checks
// an entry with it, the daemon reads the same text from the store's `p-dev` node.
//
//   /dev/...      a device node: SCSI pass-through, or an emulated disk on a block device
//   file:PATH     an emulated disk on a file or block device
//   iso:PATH      an ISO image as a CD/DVD drive
//   ram:SIZE      a disk in the daemon's memory
//   null:SIZE     a disk that moves no data
//
// SIZE: bytes, or a number with K, M, G or T (powers of 1024); a multiple of 512, not zero.
// Only the text is looked at, never the file system. Thread: any. Allocates.
#pragma once

#include "common/base/expected.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace pvscsi::config {

enum class PdevKind : std::uint8_t { device, file, iso, ram, null };

/// "device", "file", "iso", "ram", "null"
[[nodiscard]] std::string_view to_string(PdevKind kind) noexcept;

struct Pdev {
    PdevKind kind = PdevKind::device;
    std::string path;       ///< device, file, iso: absolute
    std::uint64_t size = 0; ///< ram, null: bytes
};

/// Why a text is refused: what is wrong with it and what would be right, both part of a sentence.
struct Refusal {
    std::string reason;
    std::string remedy;
};

/// Emulated disks have at least this granularity.
inline constexpr std::uint64_t pdev_block_size = 512;
/// Largest SIZE: 2^63 bytes would not fit a file offset.
inline constexpr std::uint64_t max_pdev_size = std::uint64_t{1} << 62;

[[nodiscard]] Expected<Pdev, Refusal> parse_pdev(std::string_view text);
[[nodiscard]] Expected<std::uint64_t, Refusal> parse_size(std::string_view text);

} // namespace pvscsi::config
