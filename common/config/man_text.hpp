// Text as man(7) takes it. Thread: any.
#pragma once

#include <string>
#include <string_view>

namespace pvscsi::config {

/// A backslash, and a point or quote at a line's beginning, mean more there; so do hyphens and
/// plain quotes, which are to be copied as they are.
[[nodiscard]] inline std::string man_text(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if ((c == '.' || c == '\'') && (result.empty() || result.back() == '\n'))
            result += "\\&";
        if (c == '\\')
            result += "\\e";
        else if (c == '-')
            result += "\\-";
        else
            result += c;
    }
    return result;
}

} // namespace pvscsi::config
