// A unit of an iSCSI target as a logical unit: `iscsi://[USER@]PORTAL/TARGET/LUN`.
#pragma once

#include "backend/target.hpp"
#include "common/config/pdev.hpp"

namespace pvscsi::backend {

/// Our name towards targets that serve this guest; see config::Settings::iscsi_initiator. `guest`
/// is the path or the UUID by which the domain is known.
[[nodiscard]] std::string initiator_name(const std::string& configured, const std::string& guest);

/// Begins to open the unit (Target::opening()). Throws std::system_error or std::runtime_error: in
/// use by another unit, no secrets.
[[nodiscard]] std::unique_ptr<Target>
open_iscsi_target(const config::Pdev& pdev, const LunConfig& config, const OpenedFor& whom);

} // namespace pvscsi::backend
