// The options of a `vscsi=` entry: one table that the parser, the help text, the manual page and
// the tests share.
//
// An option that a later version will serve is understood and refused where it would be used
// (`unserved`), never half done.
// Thread: any. Errors: a Refusal; nothing throws but for lack of memory.
#pragma once

#include "common/config/pdev.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pvscsi::config {

/// What the options of one entry say.
struct EntryOptions {
    bool read_only = false;
    bool whole_host = false; ///< VDEV `host`, or feature-host
    std::string name;        ///< may be empty
    std::optional<unsigned> queue_depth;
    std::optional<unsigned> timeout; ///< seconds
    std::optional<bool> exclusive;
    std::string policy; ///< as parse_policy_choice() takes it; may be empty
    std::string vport;  ///< as parse_vport_choice() takes it, in one spelling; may be empty
};

inline constexpr unsigned max_queue_depth = 256;
inline constexpr unsigned max_timeout = 172'800; ///< two days: SANITIZE of a large disk

struct OptionForm {
    std::string_view name;
    std::string_view value; ///< what it is called in texts; empty: the option has none
    std::string_view meaning;
    std::string_view range; ///< of the value; empty if it has none
    std::string_view fallback;
    std::string_view example;
    std::string_view unserved; ///< what of it this version does not serve; empty: nothing
    /// False: the value is not one.
    bool (*set)(EntryOptions& options, std::string_view value);
    bool (*is_set)(const EntryOptions& options);
    bool (*is_unserved)(const EntryOptions& options);
};

[[nodiscard]] std::span<const OptionForm> option_forms() noexcept;

/// "ro" or "name=data-1". Null if the text has no option's name.
[[nodiscard]] const OptionForm* find_option(std::string_view text) noexcept;

/// Takes one option, which must not be set yet.
[[nodiscard]] std::optional<Refusal> set_option(EntryOptions& options, std::string_view text);

/// "ro, name=NAME, ...": for messages.
[[nodiscard]] std::string known_options();

/// The third field of an entry if it is no option: the domain that has the device, by name or
/// number.
[[nodiscard]] std::optional<Refusal> check_backend_domain(std::string_view text);

} // namespace pvscsi::config
