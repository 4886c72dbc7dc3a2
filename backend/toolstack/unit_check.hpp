// What the units themselves say before a guest gets them: pvscsictl check's last question. Sends
// commands to SCSI devices (devices/unit_look.hpp), so only for entries without a mistake, whose
// units nobody uses. Thread: one that may wait for devices. Errors: as remarks.
#pragma once

#include "backend/toolstack/vscsi_config.hpp"

#include <vector>

namespace pvscsi::toolstack {

struct UnitRemarks {
    std::vector<Remark> mistakes; ///< it could not be used
    std::vector<Remark> warnings; ///< it may not be what was meant
};

[[nodiscard]] UnitRemarks check_units(const std::vector<Lun>& luns);

} // namespace pvscsi::toolstack
