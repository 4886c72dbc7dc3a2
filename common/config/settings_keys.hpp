// The keys of pvscsid.toml in one table: what the parser takes, what pvscsid.toml(5) and the
// example say. Thread: any.
#pragma once

#include "common/config/settings.hpp"

#include <functional>
#include <string>
#include <vector>

namespace toml {
inline namespace v3 {
class node;
}
} // namespace toml

namespace pvscsi::config {

/// What a key may be set to.
struct SettingsValue {
    std::string expected; ///< for people: "a number from 1 to 256"
    /// False: it is something else.
    std::function<bool(const toml::node&, Settings&)> take;
};

struct SettingsKey {
    std::string_view table;
    std::string_view name;
    SettingsValue value;
    std::string_view meaning;  ///< a sentence without its full stop
    std::string_view fallback; ///< what holds without it
    std::string_view example;  ///< of a value, as TOML
};

/// The table of tables: its keys are those of each [policy.NAME], and are taken for the last one of
/// Settings::policies.
inline constexpr std::string_view policy_table = "policy";

[[nodiscard]] const std::vector<SettingsKey>& settings_keys();

} // namespace pvscsi::config
