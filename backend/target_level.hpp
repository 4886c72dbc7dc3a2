// What a SCSI target answers by itself, without a logical unit: REPORT LUNS from the guest's own
// table, and the commands to LUN 0 of a target that has no LUN 0 (SPC-5 6.6.2, SAM-5 4.7).
#pragma once

#include "backend/lun_map.hpp"
#include "backend/request.hpp"

namespace pvscsi::backend {

/// True if the request was one of those; its outcome is set then.
[[nodiscard]] bool answer_at_target_level(const LunMap& luns, Request& request) noexcept;

} // namespace pvscsi::backend
