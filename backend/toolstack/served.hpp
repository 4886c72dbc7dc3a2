// Which entries are understood and can't be used: what later versions serve, and units of other
// domains. Asked before anything is changed, so that nothing is ever half done.
// Thread: any. Errors: as remarks.
#pragma once

#include "backend/toolstack/vscsi_config.hpp"

#include <string>
#include <vector>

namespace pvscsi::toolstack {

/// `own_names`: what an entry may call the domain that serves, by name or number.
[[nodiscard]] std::vector<Remark> find_unserved(const std::vector<Lun>& luns,
                                                const std::vector<std::string>& own_names);

} // namespace pvscsi::toolstack
