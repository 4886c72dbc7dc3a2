// Parameter lists: what in them reaches beyond the unit. The list is a private copy.
#include "backend/policy/rules.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>

namespace pvscsi::backend::policy {

namespace {

using Bytes = std::span<const std::uint8_t>;

std::uint16_t place(std::size_t at) noexcept {
    return static_cast<std::uint16_t>(std::min<std::size_t>(at, 0xffff));
}

/// As much of the list as the CDB says it is; what the guest's buffer has beyond is not sent.
Bytes cut(Bytes data, std::size_t length) noexcept {
    return data.first(std::min(data.size(), length));
}

/// Nothing: the page is of the unit alone.
std::optional<CommandClass> class_of_page(std::uint8_t page) noexcept {
    switch (page) {
    case 0x02: // Disconnect-Reconnect: the target port's (SPC-5 7.5.10)
    case 0x19: // Protocol Specific Port (SPC-5 7.5.16)
        return CommandClass::ports;
    case 0x00: // vendor specific, of no page format
        return CommandClass::vendor;
    case 0x2a: // MM Capabilities and Mechanical Status of a CD drive (MMC-6 annex E)
        return {};
    default:
        return page >= 0x20 && page <= 0x3e ? std::optional(CommandClass::vendor) : std::nullopt;
    }
}

/// SPC-5 7.5.5 and 7.5.6: header, block descriptors, pages.
void mode_pages(const CdbBytes& cdb, Bytes data, Findings& findings) noexcept {
    const bool six = cdb[0] == 0x15;
    data = cut(data, six ? cdb[4] : load_be16(cdb, 7));
    const std::size_t header = six ? 4 : 8;
    if (data.size() < header)
        return;
    std::size_t at = header + (six ? data[3] : load_be16(data, 6));
    while (at < data.size()) {
        const std::uint8_t page = data[at] & 0x3f;
        const bool long_form = (data[at] & 0x40) != 0;
        if (const auto value = class_of_page(page))
            if (!findings.take({*value, place(at)}))
                return;
        const std::size_t length_at = at + (long_form ? 2 : 1);
        if (length_at + (long_form ? 2 : 1) > data.size())
            return;
        at = long_form ? at + 4 + load_be16(data, length_at) : at + 2 + data[length_at];
    }
}

/// SPC-5 6.6.6.4: an identification descriptor that names the unit itself.
bool names_own(Bytes descriptor, const OwnName& own) noexcept {
    constexpr std::uint8_t identification = 0xe4, binary = 0x01;
    const std::size_t length = descriptor[7];
    return descriptor[0] == identification && !own.bytes.empty() &&
           (descriptor[4] & 0x0f) == binary && (descriptor[5] & 0x3f) == own.type &&
           length == own.bytes.size() && 8 + length <= descriptor.size() &&
           std::equal(own.bytes.begin(), own.bytes.end(), descriptor.begin() + 8);
}

/// SPC-5 6.6.3 (LID1): each CSCD descriptor has 32 bytes. Segments of none refer to the unit that
/// got the command.
void copy_descriptors(const CdbBytes& cdb, Bytes data, const OwnName& own,
                      Findings& findings) noexcept {
    constexpr std::size_t header = 16, size = 32;
    data = cut(data, load_be32(cdb, 10));
    if (data.size() < header)
        return;
    const std::size_t end = std::min(data.size(), header + load_be16(data, 2));
    for (std::size_t at = header; at < end; at += size) {
        const bool own_one = at + size <= data.size() && names_own(data.subspan(at, size), own);
        if (!own_one && !findings.take({CommandClass::copy_others, place(at)}))
            return;
    }
}

/// SPC-5 6.42, SES-3 6.1: one page; without PF its format is the vendor's.
void diagnostic_page(const CdbBytes& cdb, Bytes data, Findings& findings) noexcept {
    data = cut(data, load_be16(cdb, 3));
    if (data.empty())
        return;
    const bool page_format = (cdb[1] & 0x10) != 0;
    CommandClass value = CommandClass::device;
    if (!page_format || data[0] >= 0x80)
        value = CommandClass::vendor;
    else if (data[0] == 0x00 || data[0] == 0x40) // Supported Pages, Translate Address
        value = CommandClass::diagnose;
    else if (data[0] == 0x0e) // Download Microcode Control
        value = CommandClass::firmware;
    (void)findings.take({value, 0});
}

/// SPC-5 6.16.3: SPEC_I_PT registers initiators that the list names.
void registration_flags(const CdbBytes& cdb, Bytes data, Findings& findings) noexcept {
    constexpr std::size_t flags = 20;
    constexpr std::uint8_t spec_i_pt = 0x08;
    data = cut(data, load_be32(cdb, 5));
    if (data.size() > flags && (data[flags] & spec_i_pt) != 0)
        (void)findings.take({CommandClass::reserve_others, place(flags)});
}

} // namespace

void look_at_parameters(Inspect what, const CdbBytes& cdb, Bytes data, const OwnName& own,
                        Findings& findings) noexcept {
    switch (what) {
    case Inspect::mode_pages:
        return mode_pages(cdb, data, findings);
    case Inspect::copy_descriptors:
        return copy_descriptors(cdb, data, own, findings);
    case Inspect::diagnostic_page:
        return diagnostic_page(cdb, data, findings);
    case Inspect::registration_flags:
        return registration_flags(cdb, data, findings);
    case Inspect::nothing:
        return;
    }
}

} // namespace pvscsi::backend::policy
