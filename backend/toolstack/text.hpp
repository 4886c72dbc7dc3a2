// Text from files and from the store, made safe for a terminal.
#pragma once

#include <string>
#include <string_view>

namespace pvscsi::toolstack {

/// Control characters as \xNN; everything else, UTF-8 included, as it is.
[[nodiscard]] std::string printable(std::string_view text);

} // namespace pvscsi::toolstack
