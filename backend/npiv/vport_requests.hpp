// What pvscsictl vport asks the running daemon: lines of the control socket whose "do" is "vport".
//
//   "list"                what ports there are, ours and others'
//   "create"  "vport"     by hand: "WWPN:WWNN[@PORT]"
//   "delete"  "port"      by hand: a WWPN
//   "pool"    "release"   whose names of the pool are nobody's any more; empty: tell them
//
// Thread: control. Errors: as "error" of the reply.
#pragma once

#include "backend/npiv/vports.hpp"

#include <nlohmann/json_fwd.hpp>

namespace pvscsi::backend::npiv {

[[nodiscard]] nlohmann::json answer_vport_request(Vports& vports, const nlohmann::json& request);

} // namespace pvscsi::backend::npiv
