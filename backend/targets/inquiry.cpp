// INQUIRY: standard data and the vital product data pages that every device type has (SPC-5 6.6,
// 7.7).
#include "backend/targets/unit.hpp"

#include "common/base/bytes.hpp"
#include "common/base/fnv.hpp"

#include <algorithm>
#include <string_view>

namespace pvscsi::backend {

namespace condition = scsi::condition;

namespace {

constexpr std::string_view vendor = "PVSCSI";
constexpr std::string_view revision = "0001";
constexpr std::size_t most_vpd_data = 512;

constexpr std::uint8_t page_supported = 0x00;
constexpr std::uint8_t page_serial = 0x80;
constexpr std::uint8_t page_identification = 0x83;
constexpr std::uint8_t page_extended = 0x86;
constexpr std::uint8_t common_pages[] = {page_supported, page_serial, page_identification,
                                         page_extended};

/// Left-aligned ASCII, padded with spaces (SPC-5 4.3.1); what isn't printable becomes a '?'.
void put_ascii(std::span<std::uint8_t> to, std::string_view text) {
    std::ranges::fill(to, std::uint8_t{' '});
    std::transform(text.begin(),
                   text.begin() + static_cast<std::ptrdiff_t>(std::min(text.size(), to.size())),
                   to.begin(), [](char c) {
                       const auto byte = static_cast<std::uint8_t>(c);
                       return byte >= 0x20 && byte <= 0x7e ? byte : std::uint8_t{'?'};
                   });
}

/// Designation descriptor header, for the logical unit (SPC-5 7.7.6.1).
std::size_t put_designator(std::span<std::uint8_t> to, std::uint8_t code_set, std::uint8_t type,
                           std::size_t length) {
    to[0] = code_set;
    to[1] = type;
    to[3] = static_cast<std::uint8_t>(length);
    return 4 + length;
}

constexpr std::uint8_t binary = 1;
constexpr std::uint8_t ascii = 2;

std::size_t put_designators(std::span<std::uint8_t> to, const UnitIdentity& identity) {
    constexpr std::uint8_t vendor_specific = 0;
    constexpr std::uint8_t t10_vendor_id = 1;
    constexpr std::uint8_t naa = 3;
    constexpr std::uint64_t naa_locally_assigned = 0x3ull << 60;

    std::size_t size = put_designator(to, binary, naa, 8);
    store_be64(to, 4, naa_locally_assigned | fnv1a(identity.serial) >> 4);

    const std::size_t serial = std::min<std::size_t>(identity.serial.size(), 64);
    auto at = to.subspan(size);
    size += put_designator(at, ascii, t10_vendor_id, 8 + serial);
    put_ascii(at.subspan(4, 8), vendor);
    put_ascii(at.subspan(12, serial), identity.serial);

    if (!identity.name.empty()) {
        const std::size_t name = std::min<std::size_t>(identity.name.size(), 64);
        at = to.subspan(size);
        size += put_designator(at, ascii, vendor_specific, name);
        put_ascii(at.subspan(4, name), identity.name);
    }
    return size;
}

} // namespace

Step EmulatedUnit::inquiry(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    const std::size_t allocation_length = load_be16(cdb, 3);
    if ((cdb[1] & 0x01) != 0)
        return vpd_inquiry(request, cdb[2], allocation_length);
    if (cdb[2] != 0)
        return fail_field(request, 2, 7);
    return standard_inquiry(request, allocation_length);
}

Step EmulatedUnit::standard_inquiry(Request& request, std::size_t allocation_length) noexcept {
    constexpr std::size_t size = 96; // 16 version descriptors would end at 74; padded as usual
    const auto data = parameter_data(request, size);
    if (data.empty())
        return fail(request, condition::internal_failure);
    data[0] = device_type();
    data[1] = removable() ? 0x80 : 0;
    data[2] = 0x06; // SPC-4
    data[3] = 0x02; // response data format, the only one
    data[4] = size - 5;
    data[7] = 0x02; // CMDQUE
    put_ascii(data.subspan(8, 8), vendor);
    put_ascii(data.subspan(16, 16), identity_.product);
    put_ascii(data.subspan(32, 4), revision);
    store_be16(data, 58, 0x00a0); // SAM-5
    store_be16(data, 60, 0x0460); // SPC-4
    store_be16(data, 62, command_set_version());
    return answer(request, data, allocation_length);
}

Step EmulatedUnit::vpd_inquiry(Request& request, std::uint8_t page,
                               std::size_t allocation_length) noexcept {
    const auto data = parameter_data(request, most_vpd_data);
    if (data.empty())
        return fail(request, condition::internal_failure);
    const auto body = data.subspan(4);
    auto size = common_vpd(page, body);
    if (!size)
        size = vpd(page, body);
    if (!size)
        return fail_field(request, 2, 7);
    data[0] = device_type();
    data[1] = page;
    store_be16(data, 2, *size);
    return answer(request, data.first(4 + *size), allocation_length);
}

std::optional<std::size_t> EmulatedUnit::common_vpd(std::uint8_t page,
                                                    std::span<std::uint8_t> body) const noexcept {
    switch (page) {
    case page_supported: {
        auto end = std::ranges::copy(common_pages, body.begin()).out;
        end = std::ranges::copy(own_vpd_pages(), end).out;
        std::sort(body.begin(), end);
        return static_cast<std::size_t>(end - body.begin());
    }
    case page_serial: {
        const std::size_t size = std::min<std::size_t>(identity_.serial.size(), 252);
        put_ascii(body.first(size), identity_.serial);
        return size;
    }
    case page_identification:
        return put_designators(body, identity_);
    case page_extended:
        body[1] = 0x01;                                  // SIMPSUP: all tasks are simple ones
        body[2] = limits().volatile_cache ? 0x01 : 0x00; // V_SUP
        return 0x3c;
    default:
        return {};
    }
}

std::optional<std::size_t> EmulatedUnit::vpd(std::uint8_t, std::span<std::uint8_t>) const noexcept {
    return {};
}

std::size_t EmulatedUnit::block_descriptor(bool, std::span<std::uint8_t>) const noexcept {
    return 0;
}

} // namespace pvscsi::backend
