// The file in which a unit's identity outlives the daemon, so that the next one does not go on with
// another unit in its place, nor has to reach the unit first. Thread: control.
#pragma once

#include "backend/targets/iscsi/session.hpp"

namespace pvscsi::backend {

/// Nothing: there is no such file, or it is damaged.
[[nodiscard]] std::optional<IscsiUnit> read_iscsi_unit(const std::string& path);
/// Throws std::system_error.
void write_iscsi_unit(const std::string& path, const IscsiUnit& unit);

} // namespace pvscsi::backend
