#include "common/base/printable.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace pvscsi {

namespace {

/// Marks, embeddings and isolates of the bidirectional algorithm; the ends of line and paragraph,
/// and the byte order mark.
constexpr std::array<std::pair<std::uint32_t, std::uint32_t>, 6> unseen{{{0x061c, 0x061c},
                                                                         {0x200e, 0x200f},
                                                                         {0x2028, 0x2029},
                                                                         {0x202a, 0x202e},
                                                                         {0x2066, 0x2069},
                                                                         {0xfeff, 0xfeff}}};

bool is_unseen(std::uint32_t code) {
    return std::any_of(unseen.begin(), unseen.end(), [&](const auto& range) {
        return code >= range.first && code <= range.second;
    });
}

void append_escaped(std::string& result, unsigned char byte) {
    constexpr std::string_view digits = "0123456789abcdef";
    result += "\\x";
    result += digits[byte >> 4];
    result += digits[byte & 0xf];
}

/// Bytes of the character that `text` begins with; 0 if it is no UTF-8, or nothing to be shown
/// (RFC 3629; a terminal may take C1 for the begin of a command).
std::size_t shown_bytes(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    if (byte(0) < 0x80)
        return byte(0) >= 0x20 && byte(0) != 0x7f ? 1 : 0;
    const std::size_t size = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
    if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < size)
        return 0;
    std::uint32_t code = byte(0) & (0x7fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (byte(i) & 0x3fu);
    }
    constexpr std::uint32_t smallest[] = {0, 0, 0xa0, 0x800, 0x10000};
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < smallest[size] || surrogate || code > 0x10ffff || is_unseen(code) ? 0 : size;
}

} // namespace

std::string printable(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    while (!text.empty()) {
        const std::size_t shown = shown_bytes(text);
        if (shown != 0) {
            result += text.substr(0, shown);
        } else {
            append_escaped(result, static_cast<unsigned char>(text[0]));
        }
        text.remove_prefix(shown != 0 ? shown : 1);
    }
    return result;
}

std::string in_ascii(std::string_view text) {
    std::string result;
    result.reserve(text.size());
    for (const char c : text)
        if (const auto byte = static_cast<unsigned char>(c); byte < 0x80)
            result += c;
        else
            append_escaped(result, byte);
    return result;
}

} // namespace pvscsi
