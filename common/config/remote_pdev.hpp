// The forms of PDEV that name a unit, or the port or target that has it, instead of a place on this
// host. Thread and errors: as pdev.hpp.
#pragma once

#include "common/config/pdev.hpp"

namespace pvscsi::config {

/// "naa.<16hex>:<lun>"
[[nodiscard]] Expected<Pdev, Refusal> parse_wwn(std::string_view text);
/// "fc.<16hex>:<lun>[@<16hex>]", the names in any spelling of wwn.hpp
[[nodiscard]] Expected<Pdev, Refusal> parse_fc(std::string_view text);
/// "vport:auto|WWPN:WWNN[@PORT]": a port of the guest's own, with all units that it sees
[[nodiscard]] Expected<Pdev, Refusal> parse_guest_port(std::string_view text);
/// "iscsi://[USER@]PORTAL/TARGET/LUN", where PORTAL is HOST[:PORT] and an IPv6 address stands in
/// brackets
[[nodiscard]] Expected<Pdev, Refusal> parse_iscsi(std::string_view text);

} // namespace pvscsi::config
