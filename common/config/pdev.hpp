// PDEV, the first field of a `vscsi=` entry: what serves the logical unit. The toolstack checks
// an entry with it, the daemon reads the same text from the store's `p-dev` node. The forms are in
// one table, pdev_forms(), that the parser, the help text, the manual page and the tests share.
//
// SIZE: bytes, or a number with K, M, G or T (powers of 1024); a multiple of 512, not zero.
// Only the text is looked at, never the file system. Thread: any. Allocates.
#pragma once

#include "common/base/expected.hpp"
#include "common/config/wwn_value.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pvscsi::config {

enum class PdevKind : std::uint8_t { device, address, wwn, file, iso, ram, null, iscsi, fc, vport };

/// "device", "address", "wwn", "file", "iso", "ram", "null", "iscsi", "fc", "vport"
[[nodiscard]] std::string_view to_string(PdevKind kind) noexcept;

/// A unit's place on this host, as the kernel numbers them.
struct ScsiAddress {
    std::uint32_t host = 0;
    std::uint32_t channel = 0;
    std::uint32_t target = 0;
    std::uint64_t lun = 0;
};
/// "h:c:t:l"
[[nodiscard]] std::string to_string(const ScsiAddress& address);

struct Pdev {
    PdevKind kind = PdevKind::device;
    std::string path;       ///< device, file, iso: absolute, without "//" and "/./"
    std::uint64_t size = 0; ///< ram, null: bytes
    ScsiAddress address{};  ///< address; of wwn, iscsi and fc the LUN alone
    std::string name{}; ///< wwn: "naa.…", fc: "fc.…", both in lower case; iscsi: the target's;
                        ///< vport: as the option of that name has it
    std::string portal{}; ///< iscsi: host or host:port
    std::string user{};   ///< iscsi: of CHAP; may be empty
    Wwn through{};        ///< fc: the WWPN of the host's port, a virtual one or not; none: any
};

/// Why a text is refused: what is wrong with it and what would be right, both part of a sentence.
struct Refusal {
    std::string reason;
    std::string remedy;
};

struct PdevForm {
    PdevKind kind;
    std::string_view form;
    std::string_view meaning;
    std::string_view example;
    std::string_view unserved; ///< what this version does not serve of it; empty: it serves it
};
[[nodiscard]] std::span<const PdevForm> pdev_forms() noexcept;
/// Why this version does not serve it; empty: it does.
[[nodiscard]] std::string_view unserved(PdevKind kind) noexcept;

/// Emulated disks have at least this granularity.
inline constexpr std::uint64_t pdev_block_size = 512;
/// Largest SIZE: 2^63 bytes would not fit a file offset.
inline constexpr std::uint64_t max_pdev_size = std::uint64_t{1} << 62;

[[nodiscard]] Expected<Pdev, Refusal> parse_pdev(std::string_view text);
[[nodiscard]] Expected<std::uint64_t, Refusal> parse_size(std::string_view text);

/// A name that may lead to another unit after the next boot or after a cable was moved: h:c:t:l,
/// /dev/sdX, /dev/dm-3, /dev/cdrom and the like, also behind file: and iso:.
[[nodiscard]] bool is_unstable(const Pdev& pdev);
/// The same of an absolute path alone.
[[nodiscard]] bool is_unstable_name(std::string_view path);

/// The same for two texts that say the same; empty for what nobody else can have (ram:, null:).
[[nodiscard]] std::string backing_key(const Pdev& pdev);

} // namespace pvscsi::config
