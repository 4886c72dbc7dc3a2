// Text from files, peers and the store, made safe for a terminal. Thread: any. Errors: none.
#pragma once

#include <string>
#include <string_view>

namespace pvscsi {

/// As \xNN: control characters, bytes that are no UTF-8 (RFC 3629), and what ends a line or turns
/// its direction (Unicode 15.0, 23.2 and UAX #9, 2), so that one text can't look like another.
/// Everything else as it is.
[[nodiscard]] std::string printable(std::string_view text);

/// For a terminal that does not take UTF-8: each byte of what is not ASCII as \xNN.
[[nodiscard]] std::string in_ascii(std::string_view text);

} // namespace pvscsi
