#include "common/config/wwn.hpp"

#include "common/config/text.hpp"

#include <charconv>

namespace pvscsi::config {

namespace {

constexpr std::size_t digits = 16;
constexpr std::size_t with_prefix = digits + 2;  ///< "0x"
constexpr std::size_t in_pairs = digits + 8 - 1; ///< "21:00:..."

/// The digits of 8 pairs; empty if it is not of that form.
std::string without_separators(std::string_view text) {
    const char separator = text[2];
    if (separator != ':' && separator != '-')
        return {};
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i % 3 != 2)
            plain += text[i];
        else if (text[i] != separator)
            return {};
    }
    return plain;
}

} // namespace

std::string to_string(Wwn name) {
    constexpr std::string_view figures = "0123456789abcdef";
    std::string text(digits, '0');
    auto rest = name.value();
    for (auto at = text.rbegin(); at != text.rend(); ++at, rest >>= 4)
        *at = figures[rest & 0xf];
    return text;
}

std::optional<Wwn> parse_wwn_name(std::string_view text) {
    std::string plain;
    if (text.size() == in_pairs)
        plain = without_separators(text);
    else if (text.size() == with_prefix && (text.starts_with("0x") || text.starts_with("0X")))
        plain = text.substr(2);
    else
        plain = text;
    if (plain.size() != digits || !is_hex(plain))
        return {};
    std::uint64_t value = 0;
    std::from_chars(plain.data(), plain.data() + plain.size(), value, 16);
    return value == 0 ? std::nullopt : std::optional(Wwn(value));
}

std::string to_string(const WwnPair& names) {
    return to_string(names.port) + ":" + to_string(names.node);
}

/// A name has colons of its own, or none: where the first one ends is told by its length.
std::optional<WwnPair> parse_wwn_pair(std::string_view text) {
    for (const std::size_t end : {digits, with_prefix, in_pairs}) {
        if (text.size() <= end || text[end] != ':')
            continue;
        const auto port = parse_wwn_name(text.substr(0, end));
        const auto node = parse_wwn_name(text.substr(end + 1));
        if (port && node && *port != *node)
            return WwnPair{*port, *node};
    }
    return {};
}

std::string to_string(const VportChoice& choice) {
    const std::string names = choice.names ? to_string(*choice.names) : "auto";
    return choice.on ? names + "@" + to_string(*choice.on) : names;
}

std::optional<VportChoice> parse_vport_choice(std::string_view text) {
    VportChoice choice;
    const auto at = text.find('@');
    if (at != std::string_view::npos) {
        choice.on = parse_wwn_name(text.substr(at + 1));
        if (!choice.on)
            return {};
        text = text.substr(0, at);
    }
    if (text == "auto")
        return choice;
    choice.names = parse_wwn_pair(text);
    if (!choice.names || choice.names->port == choice.on)
        return {};
    return choice;
}

} // namespace pvscsi::config
