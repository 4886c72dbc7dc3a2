// What a log line says in its form `key=value ... text ... reason="words"`, as fields of the
// systemd journal: `vhost=1/0` is PVSCSI_VHOST=1/0, so that `journalctl PVSCSI_VHOST=1/0` finds it.
//
// A quoted value is the line's last field, up to the last quote: what stands in quotes may be a
// peer's or a device's own words, and must not make fields.
// Thread: any. Errors: none; what has not the form makes no field.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pvscsi::log {

/// "PVSCSI_VHOST=1/0", each key once, in the line's order; at most 16.
[[nodiscard]] std::vector<std::string> journal_fields(std::string_view line);

} // namespace pvscsi::log
