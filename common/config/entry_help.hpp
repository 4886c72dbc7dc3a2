// The grammar of a `vscsi=` entry for people to read, made from the tables that the parser uses.
// Thread: any.
#pragma once

#include <string>

namespace pvscsi::config {

/// For --help: at most 80 columns, no final newline.
[[nodiscard]] std::string entry_help();

/// The manual page vscsi-config(5), in man(7) macros. `version` is the project's, `date` the
/// page's.
[[nodiscard]] std::string entry_manual(const std::string& version, const std::string& date);

} // namespace pvscsi::config
