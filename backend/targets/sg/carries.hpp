// What the way from the sg node to its device carries in one command, as sysfs has it.
//
// Sources: Linux drivers/scsi/sg.c (sg_build_indirect: as many elements as the adapter's
// sg_tablesize, of scatter_elem_sz each), block/blk-settings.c (max_hw_sectors bounds what is
// passed through; max_sectors does not).
// Thread: any. Errors: none; what sysfs does not have is not known.
#pragma once

#include "backend/target.hpp"

#include <filesystem>

namespace pvscsi::backend {

/// `node` is an sg node. A device without a block driver has no max_hw_sectors in sysfs.
[[nodiscard]] Carries carries_of(const std::string& node,
                                 const std::filesystem::path& sysfs = "/sys");

} // namespace pvscsi::backend
