// Source: Linux, Documentation/admin-guide/devices.txt; systemd, rules.d/60-cdrom_id.rules.
#include "common/config/pdev.hpp"
#include "common/config/text.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

namespace pvscsi::config {

namespace {

/// Nodes, and links to them, that are numbered in the order in which the kernel or udev meets the
/// devices. Links below /dev/disk, /dev/mapper and the like are made from what a device says of
/// itself.
struct Numbered {
    std::string_view prefix;
    enum { letters, digits, digits_or_nothing } by;
};
constexpr std::array numbered{
    Numbered{"sg", Numbered::digits},
    Numbered{"sd", Numbered::letters},
    Numbered{"st", Numbered::digits},
    Numbered{"nst", Numbered::digits},
    Numbered{"sr", Numbered::digits},
    Numbered{"scd", Numbered::digits},
    Numbered{"sch", Numbered::digits},
    Numbered{"bsg/", Numbered::digits},
    Numbered{"hd", Numbered::letters},
    Numbered{"vd", Numbered::letters},
    Numbered{"xvd", Numbered::letters},
    Numbered{"nvme", Numbered::digits},
    Numbered{"mmcblk", Numbered::digits},
    Numbered{"pmem", Numbered::digits},
    Numbered{"nbd", Numbered::digits},
    Numbered{"rbd", Numbered::digits},
    Numbered{"zd", Numbered::digits},
    Numbered{"bcache", Numbered::digits},
    Numbered{"dm-", Numbered::digits},
    Numbered{"md", Numbered::digits},
    Numbered{"loop", Numbered::digits},
    Numbered{"cdrom", Numbered::digits_or_nothing},
    Numbered{"cdrw", Numbered::digits_or_nothing},
    Numbered{"dvd", Numbered::digits_or_nothing},
    Numbered{"dvdrw", Numbered::digits_or_nothing},
};

bool is_numbered(std::string_view node, const Numbered& names) {
    if (!node.starts_with(names.prefix))
        return false;
    const auto rest = node.substr(names.prefix.size());
    if (rest.find('/') != std::string_view::npos)
        return false;
    if (rest.empty())
        return names.by == Numbered::digits_or_nothing;
    return names.by == Numbered::letters ? is_letter(rest.front()) : is_digit(rest.front());
}

} // namespace

bool is_unstable_name(std::string_view path) {
    const std::string plain = std::filesystem::path(path).lexically_normal();
    constexpr std::string_view folder = "/dev/";
    if (!plain.starts_with(folder))
        return false;
    const auto node = std::string_view(plain).substr(folder.size());
    return std::any_of(numbered.begin(), numbered.end(),
                       [&](const Numbered& names) { return is_numbered(node, names); });
}

bool is_unstable(const Pdev& pdev) {
    return pdev.kind == PdevKind::address || is_unstable_name(pdev.path);
}

} // namespace pvscsi::config
