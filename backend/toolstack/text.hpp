// Text from files and from the store, made safe for a terminal.
#pragma once

#include <string>
#include <string_view>

namespace pvscsi::toolstack {

/// Control characters and bytes that are no UTF-8 as \xNN; everything else as it is.
[[nodiscard]] std::string printable(std::string_view text);

} // namespace pvscsi::toolstack
