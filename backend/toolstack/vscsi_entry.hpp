// One entry of a domain's vscsi= list (vscsi_config.hpp), taken by itself. Thread: any.
#pragma once

#include "backend/toolstack/vscsi_config.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace pvscsi::toolstack {

/// `text` is the entry of this number, from 1 on. Nothing if there are mistakes in it; all of them
/// are added to `mistakes`. Lun::entry is left to the caller.
[[nodiscard]] std::optional<Lun> parse_entry(std::string_view text, std::size_t entry,
                                             std::vector<Remark>& mistakes);

} // namespace pvscsi::toolstack
