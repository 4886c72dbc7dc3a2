// What belongs to the host and not to one domain: `/etc/pvscsi/pvscsid.toml`.
//
//   [daemon]   threads, wait, max-spin-us, max-segments, state-dir, record-dir,
//              trace-length, log-level, max-timeout
//   [allow]    devices, folders, targets: what an entry of a domain may name; without it, all
//   [inject]   allow: faults may be injected (pvscsictl inject)
//   [domains]  files: xl files whose domains get their units without being asked
//   [policy.NAME]  base, allow, refuse, audit: which commands guests with policy=NAME may send
//   [npiv]     pool, wait, linger, hold: Fibre Channel ports of guests (vport=)
//   [iscsi]    initiator, secrets, header-digest: how units of iSCSI targets are logged in to
//
// A file is taken as a whole or not at all. What the command line says goes before it.
// Thread: any. Errors: SettingsError with a line for each mistake: file, line, key, what is right.
#pragma once

#include "common/base/expected.hpp"
#include "common/config/policies.hpp"

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
    std::optional<unsigned> trace_length;  ///< 0 to 65536 commands
    std::optional<std::string> log_level;  ///< "debug", "info", "warning", "error"
    std::optional<unsigned> max_timeout;   ///< 1 to 172800 seconds; may change

    // [allow]; absolute, shell patterns (glob(7)).
    std::optional<std::vector<std::string>> devices; ///< of `/dev/...` entries
    std::optional<std::vector<std::string>> folders; ///< of `file:` and `iso:`, with all below
    std::optional<std::vector<std::string>> targets; ///< of `iscsi:`; patterns of their names

    // [inject]
    std::optional<bool> inject_allow; ///< nothing: no

    // [domains]
    /// Absolute, shell patterns. Nothing: on Xen default_domain_files, else none.
    std::optional<std::vector<std::string>> domain_files;

    // [npiv]; each may change
    std::optional<std::string> npiv_pool; ///< 7 to 14 hexadecimal digits in lower case
    std::optional<unsigned> npiv_wait;    ///< 1 to 3600 seconds
    std::optional<unsigned> npiv_linger;  ///< 0 to 86400 seconds
    std::optional<unsigned> npiv_hold;    ///< 0 to 600 seconds

    // [iscsi]
    std::optional<std::string> iscsi_initiator;     ///< an iSCSI name; each guest's begins with it
    std::optional<std::string> iscsi_secrets;       ///< absolute
    std::optional<std::string> iscsi_header_digest; ///< "none", "crc32c"

    // [policy.NAME]
    std::vector<OwnPolicy> policies;
};

inline constexpr std::array<std::string_view, 2> default_domain_files{"/etc/xen/*.cfg",
                                                                      "/etc/xen/auto/*"};
inline constexpr unsigned default_npiv_wait = 30;   ///< seconds
inline constexpr unsigned default_npiv_linger = 60; ///< seconds
inline constexpr std::string_view default_iscsi_secrets = "/etc/pvscsi/iscsi.secrets";
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

/// Where the daemon remembers units, unless told.
[[nodiscard]] std::string usual_record_dir(const std::string& host_dir);

/// Whether [allow] lets an entry name this path, which must be absolute and without links, `.` and
/// `..`: who asks resolves it first.
[[nodiscard]] bool allows_device(const Settings& settings, const std::string& path);
[[nodiscard]] bool allows_file(const Settings& settings, const std::string& path);
/// The same of an iSCSI target's name, in lower case.
[[nodiscard]] bool allows_target(const Settings& settings, const std::string& name);

} // namespace pvscsi::config
