#include "backend/targets/iscsi/memory.hpp"

#include "common/base/small_file.hpp"

#include <fmt/format.h>
#include <sstream>

namespace pvscsi::backend {

namespace {
constexpr std::string_view magic = "pvscsi-iscsi-unit-1";
constexpr std::string_view nameless = "-";
} // namespace

std::optional<IscsiUnit> read_iscsi_unit(const std::string& path) {
    const auto text = read_small_file(path);
    if (!text || !text->ends_with('\n'))
        return {};
    std::istringstream stream(*text);
    std::string word, identity;
    unsigned type = 0;
    if (!(stream >> word >> type >> identity) || word != magic || type > 0x1f)
        return {};
    return IscsiUnit{static_cast<std::uint8_t>(type), identity == nameless ? "" : identity};
}

void write_iscsi_unit(const std::string& path, const IscsiUnit& unit) {
    replace_small_file(path, fmt::format("{} {} {}\n", magic, unsigned{unit.type},
                                         unit.identity.empty() ? nameless : unit.identity));
}

} // namespace pvscsi::backend
