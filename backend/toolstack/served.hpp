// Which entries are understood and can't be used: what later versions serve. Asked before anything
// is changed, so that nothing is ever half done. Thread: any. Errors: as remarks.
#pragma once

#include "backend/toolstack/vscsi_config.hpp"

#include <vector>

namespace pvscsi::toolstack {

[[nodiscard]] std::vector<Remark> find_unserved(const std::vector<Lun>& luns);

} // namespace pvscsi::toolstack
