#include "common/xenbus/nodes.hpp"

#include <array>
#include <charconv>
#include <limits>

namespace pvscsi::xenbus {

namespace {
std::string number(std::uint64_t value) {
    return std::to_string(value);
}
} // namespace

std::string domain_path(DomId domain) {
    return "/local/domain/" + number(domain.value());
}

std::string backend_root(DomId backend) {
    return domain_path(backend) + "/backend/vscsi";
}

std::string backend_path(DomId backend, DomId guest, DevId device) {
    return backend_root(backend) + "/" + number(guest.value()) + "/" + number(device.value());
}

std::string frontend_root(DomId guest) {
    return domain_path(guest) + "/device/vscsi";
}

std::string frontend_path(DomId guest, DevId device) {
    return frontend_root(guest) + "/" + number(device.value());
}

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max) noexcept {
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc{} || stop != end || value > max)
        return {};
    return value;
}

std::optional<VirtualAddress> parse_address(std::string_view text) noexcept {
    constexpr std::array<std::uint64_t, 4> max{
        std::numeric_limits<std::uint32_t>::max(), std::numeric_limits<std::uint16_t>::max(),
        std::numeric_limits<std::uint16_t>::max(), std::numeric_limits<std::uint16_t>::max()};
    std::array<std::uint64_t, 4> part{};
    for (std::size_t i = 0; i < part.size(); ++i) {
        const auto colon = i + 1 < part.size() ? text.find(':') : text.size();
        if (colon == std::string_view::npos)
            return {};
        const auto value = parse_number(text.substr(0, colon), max[i]);
        if (!value)
            return {};
        part[i] = *value;
        text.remove_prefix(i + 1 < part.size() ? colon + 1 : colon);
    }
    return VirtualAddress{static_cast<std::uint32_t>(part[0]), static_cast<std::uint16_t>(part[1]),
                          static_cast<std::uint16_t>(part[2]), static_cast<std::uint16_t>(part[3])};
}

std::string to_string(const VirtualAddress& address) {
    return number(address.host) + ":" + number(address.channel) + ":" + number(address.target) +
           ":" + number(address.lun);
}

} // namespace pvscsi::xenbus
