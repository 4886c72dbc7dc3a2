#include "backend/ctl/cells.hpp"

#include "common/base/printable.hpp"

#include <array>
#include <fmt/format.h>

namespace pvscsi::ctl {

namespace {

/// With one digit behind the point below `exact`.
std::string scaled(std::uint64_t bytes, double step, double exact,
                   const std::array<const char*, 7>& units) {
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= step && unit + 1 < units.size(); ++unit)
        value /= step;
    return fmt::format("{:.{}f} {}", value, unit > 0 && value < exact ? 1 : 0, units[unit]);
}

} // namespace

std::string or_dash(const std::string& text) {
    return text.empty() ? "-" : printable(text);
}

std::string memory_text(std::uint64_t bytes) {
    return scaled(bytes, 1024, 1024, {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"});
}

std::string capacity_text(std::uint64_t bytes) {
    return bytes == 0 ? "-" : scaled(bytes, 1000, 10, {"B", "kB", "MB", "GB", "TB", "PB", "EB"});
}

} // namespace pvscsi::ctl
