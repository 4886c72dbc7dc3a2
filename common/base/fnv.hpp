// A number for a text that stays the same, on every machine and in every version: FNV-1a, 64 bit.
// Not for texts that somebody could choose so that they collide.
#pragma once

#include <cstdint>
#include <string_view>

namespace pvscsi {

[[nodiscard]] constexpr std::uint64_t fnv1a(std::string_view text) noexcept {
    std::uint64_t value = 0xcbf29ce484222325u;
    for (const char c : text)
        value = (value ^ static_cast<std::uint8_t>(c)) * 0x100000001b3u;
    return value;
}

} // namespace pvscsi
