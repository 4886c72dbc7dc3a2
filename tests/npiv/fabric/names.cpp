#include "tests/npiv/fabric/names.hpp"

#include <fmt/core.h>

#include <charconv>

namespace pvscsi::fabric {

namespace {

std::optional<std::uint64_t> hexadecimal(std::string_view text, std::size_t digits) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.begin(), text.end(), value, 16);
    if (text.size() != digits || error != std::errc{} || end != text.end())
        return {};
    return value;
}

} // namespace

Mac provided_mac(PortId id) {
    const auto byte = [](std::uint32_t value) { return static_cast<std::uint8_t>(value); };
    return {byte(fc_map >> 16),     byte(fc_map >> 8),     byte(fc_map),
            byte(id.value() >> 16), byte(id.value() >> 8), byte(id.value())};
}

std::string to_string(PortId id) {
    return fmt::format("{:06x}", id.value());
}

std::string to_string(Wwn name) {
    return fmt::format("{:016x}", name.value());
}

std::optional<PortId> port_id_of(std::string_view text) {
    const auto value = hexadecimal(text, 6);
    return value ? std::optional(PortId{static_cast<std::uint32_t>(*value)}) : std::nullopt;
}

std::optional<Wwn> wwn_of(std::string_view text) {
    std::string digits;
    if (text.starts_with("0x"))
        text.remove_prefix(2);
    const bool colons = text.size() == 23;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (!colons || i % 3 != 2)
            digits += text[i];
        else if (text[i] != ':')
            return {};
    const auto value = hexadecimal(digits, 16);
    return value ? std::optional(Wwn{*value}) : std::nullopt;
}

} // namespace pvscsi::fabric
