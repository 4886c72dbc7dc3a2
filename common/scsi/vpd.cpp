#include "common/scsi/vpd.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace pvscsi::scsi {

namespace {

constexpr std::size_t header_size = 4;

/// SPC-5 table 593.
enum Type : std::uint8_t { eui_64 = 0x2, naa = 0x3, name_string = 0x8, uuid = 0xa };

struct Designator {
    std::uint8_t type;
    std::span<const std::byte> name;
};

std::uint8_t byte_at(std::span<const std::byte> bytes, std::size_t i) noexcept {
    return std::to_integer<std::uint8_t>(bytes[i]);
}

/// What stands behind the header, as far as it is there; nothing of another page.
std::span<const std::byte> body_of(std::span<const std::byte> page, std::uint8_t code) noexcept {
    if (page.size() < header_size || byte_at(page, 1) != code)
        return {};
    const std::size_t length = static_cast<std::size_t>(byte_at(page, 2)) << 8 | byte_at(page, 3);
    return page.subspan(header_size, std::min(length, page.size() - header_size));
}

std::string hexadecimal(std::span<const std::byte> bytes) {
    std::string text;
    for (const std::byte byte : bytes)
        text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
    return text;
}

/// The unit's, until `fits` is true of one: then it is, too.
template <typename Fits>
bool any_designator(std::span<const std::byte> page, const Fits& fits) {
    auto rest = body_of(page, page_identification);
    while (rest.size() > header_size) {
        const std::size_t length = byte_at(rest, 3);
        if (length == 0 || header_size + length > rest.size())
            return false;
        const std::uint8_t kind = byte_at(rest, 1);
        const bool of_unit = (kind >> 4 & 3) == 0;
        if (of_unit && fits(Designator{static_cast<std::uint8_t>(kind & 0xf),
                                       rest.subspan(header_size, length)}))
            return true;
        rest = rest.subspan(header_size + length);
    }
    return false;
}

bool is_world_wide(const Designator& one) noexcept {
    return one.type == eui_64 || one.type == naa || one.type == name_string || one.type == uuid;
}

bool has(std::span<const std::byte> page, const Designator& wanted) noexcept {
    return any_designator(page, [&](const Designator& one) {
        return one.type == wanted.type && std::ranges::equal(one.name, wanted.name);
    });
}

bool has_all_of(std::span<const std::byte> page, std::span<const std::byte> of) noexcept {
    return !any_designator(of, [&](const Designator& one) { return !has(page, one); });
}

} // namespace

std::string unit_designators(std::span<const std::byte> page) {
    std::string text;
    any_designator(page, [&](const Designator& one) {
        text += (text.empty() ? "" : "-") + fmt::format("{:x}.", one.type) + hexadecimal(one.name);
        return false;
    });
    return text;
}

bool names_unit(std::span<const std::byte> page) noexcept {
    return any_designator(page, [](const Designator&) { return true; });
}

bool same_unit(std::span<const std::byte> given, std::span<const std::byte> found) noexcept {
    if (any_designator(given, is_world_wide))
        return any_designator(
            given, [&](const Designator& one) { return is_world_wide(one) && has(found, one); });
    return has_all_of(found, given) && has_all_of(given, found);
}

std::string unit_label(std::span<const std::byte> page) {
    constexpr std::size_t most_bytes = 32;
    std::string label;
    const auto take = [&](const char* prefix, const Designator& one) {
        label = prefix + hexadecimal(one.name.first(std::min(one.name.size(), most_bytes)));
        return true;
    };
    const bool named =
        any_designator(page, [&](const auto& one) { return one.type == naa && take("naa.", one); });
    if (!named && !any_designator(page, [&](const auto& one) {
            return one.type == eui_64 && take("eui.", one);
        }))
        any_designator(page, [&](const auto& one) {
            return take(fmt::format("{:x}.", one.type).c_str(), one);
        });
    return label.empty() ? "one without a name" : label;
}

std::string unit_serial_number(std::span<const std::byte> page) {
    const auto body = body_of(page, page_serial_number);
    const bool blank = std::all_of(body.begin(), body.end(), [](std::byte b) {
        return b == std::byte{0x20} || b == std::byte{0};
    });
    return blank ? std::string() : "s." + hexadecimal(body);
}

} // namespace pvscsi::scsi
