// pvscsid.toml for people to read, made from the table that the parser uses. Thread: any.
#pragma once

#include <string>

namespace pvscsi::config {

/// The manual page pvscsid.toml(5), in man(7) macros. `version` is the project's, `date` the
/// page's.
[[nodiscard]] std::string settings_manual(const std::string& version, const std::string& date);

/// A pvscsid.toml with every key, each in a comment.
[[nodiscard]] std::string settings_example();

} // namespace pvscsi::config
