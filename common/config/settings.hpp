// What belongs to the host and not to one domain: `/etc/pvscsi/pvscsid.toml`.
//
//   [daemon]   threads, wait, max-spin-us, max-segments, state-dir, record-dir,
//              log-level
//   [allow]    devices, folders: what an entry of a domain may name; without it, everything
//   [domains]  files: xl files whose domains get their units without being asked
//
// A file is taken as a whole or not at all. What the command line says goes before it.
// Thread: any. Errors: SettingsError with a line for each mistake: file, line, key, what is right.
#pragma once

#include "common/base/expected.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pvscsi::config {

/// One thing that is wrong with the file, ready for an administrator: "FILE:LINE: ...".
using SettingsMistakes = std::vector<std::string>;

struct Settings {
    // [daemon]; nothing: the program's own default.
    std::optional<unsigned> threads;       ///< 1 to 256 data threads
    std::optional<std::string> wait;       ///< "event", "adaptive", "poll"
    std::optional<unsigned> max_spin_us;   ///< 0 to 100000 microseconds
    std::optional<unsigned> max_segments;  ///< 26 to 13312, of 4 KiB each
    std::optional<std::string> state_dir;  ///< absolute
    std::optional<std::string> record_dir; ///< absolute
    std::optional<std::string> log_level;  ///< "debug", "info", "warning", "error"

    // [allow]; absolute, shell patterns (glob(7)).
    std::optional<std::vector<std::string>> devices; ///< of `/dev/...` entries
    std::optional<std::vector<std::string>> folders; ///< of `file:` and `iso:`, with all below

    // [domains]
    /// Absolute, shell patterns. Nothing: on Xen default_domain_files, else none.
    std::optional<std::vector<std::string>> domain_files;
};

inline constexpr std::array<std::string_view, 2> default_domain_files{"/etc/xen/*.cfg",
                                                                      "/etc/xen/auto/*"};
inline constexpr std::string_view default_settings_file = "/etc/pvscsi/pvscsid.toml";

/// `text` as the contents of `file`, which only names it in mistakes.
[[nodiscard]] Expected<Settings, SettingsMistakes> parse_settings(std::string_view text,
                                                                  const std::string& file);
/// Reads the file, which must be a regular one of at most max_small_file bytes. One that is not
/// there is as good as an empty one, unless it `must_exist`.
[[nodiscard]] Expected<Settings, SettingsMistakes> read_settings(const std::string& file,
                                                                 bool must_exist);

/// Where it is unless told; `host_dir` is the embedded host's, empty: on Xen.
[[nodiscard]] std::string settings_file(const std::string& host_dir);
/// Patterns of the xl files whose domains the daemon knows: those of [domains], and what `pvscsictl
/// define` has linked.
[[nodiscard]] std::vector<std::string> domain_file_patterns(const Settings& settings,
                                                            const std::string& host_dir);

/// Whether [allow] lets an entry name this path, which must be absolute and without links, `.` and
/// `..`: who asks resolves it first.
[[nodiscard]] bool allows_device(const Settings& settings, const std::string& path);
[[nodiscard]] bool allows_file(const Settings& settings, const std::string& path);

} // namespace pvscsi::config
