// What [allow] of pvscsid.toml says of an entry.
// Thread: any (it asks the file system). Errors: as values.
#pragma once

#include "common/config/pdev.hpp"
#include "common/config/settings.hpp"

#include <optional>

namespace pvscsi::toolstack {

/// Why the host's allow-list does not have what `pdev` names; nothing: it has.
[[nodiscard]] std::optional<config::Refusal> refused_by_allow_list(const config::Settings& settings,
                                                                   const config::Pdev& pdev);

} // namespace pvscsi::toolstack
