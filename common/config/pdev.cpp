#include "common/config/pdev.hpp"

#include "common/config/remote_pdev.hpp"
#include "common/config/text.hpp"
#include "common/config/wwn.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace pvscsi::config {

namespace {

constexpr std::string_view size_form = "a size such as 64M or 1G (K, M, G, T are powers of 1024)";
constexpr std::string_view address_form = "h:c:t:l in decimal, such as 1:0:2:0";

using Parsed = Expected<Pdev, Refusal>;

tl::unexpected<Refusal> refuse(std::string reason, std::string_view remedy) {
    return unexpected(Refusal{std::move(reason), std::string(remedy)});
}

bool has_control_character(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
}

/// Without the empty and "." parts, which lead nowhere; ".." stays, it depends on links.
std::string without_detours(std::string_view path) {
    std::string plain;
    while (!path.empty()) {
        const auto end = std::min(path.find('/'), path.size());
        if (const auto part = path.substr(0, end); !part.empty() && part != ".")
            plain.append("/").append(part);
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return plain.empty() ? "/" : plain;
}

Parsed with_path(PdevKind kind, std::string_view path) {
    if (path.empty())
        return refuse("the path is missing", "an absolute path after the colon");
    if (path.front() != '/')
        return refuse("the path is relative, and the daemon runs elsewhere",
                      "an absolute path, beginning with '/'");
    if (path.back() == '/')
        return refuse("the path names a directory", "the path of a file");
    return Pdev{kind, without_detours(path), 0};
}

Parsed with_size(PdevKind kind, std::string_view text) {
    const auto size = parse_size(text);
    if (!size)
        return unexpected(size.error());
    return Pdev{kind, {}, *size};
}

Parsed parse_address(std::string_view text) {
    std::array<std::uint64_t, 4> numbers{};
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const auto colon = i == 3 ? text.size() : text.find(':');
        if (colon == std::string_view::npos)
            return refuse("the address has fewer than 4 numbers", address_form);
        const bool lun = i == 3;
        const auto number =
            parse_decimal(text.substr(0, colon), lun ? std::numeric_limits<std::uint64_t>::max()
                                                     : std::numeric_limits<std::uint32_t>::max());
        if (!number)
            return refuse(lun && text.find(':') != std::string_view::npos
                              ? "the address has more than 4 numbers"
                              : "a number of the address is missing or out of range",
                          address_form);
        numbers[i] = *number;
        text.remove_prefix(std::min(colon + 1, text.size()));
    }
    Pdev pdev;
    pdev.kind = PdevKind::address;
    const auto narrow = [](std::uint64_t n) { return static_cast<std::uint32_t>(n); };
    pdev.address = {narrow(numbers[0]), narrow(numbers[1]), narrow(numbers[2]), numbers[3]};
    return pdev;
}

unsigned shift_of(char suffix) {
    constexpr std::string_view suffixes = "KMGT";
    const auto upper = static_cast<char>(suffix & ~0x20);
    const auto at = suffixes.find(upper);
    return at == std::string_view::npos ? 0 : static_cast<unsigned>(10 * (at + 1));
}

/// What a row of the table is known by, and read with.
struct Row {
    PdevForm form;
    bool (*claims)(std::string_view text);
    Parsed (*parse)(std::string_view text);
};

template <PdevKind Kind>
Parsed path_after_colon(std::string_view text) {
    return with_path(Kind, text.substr(text.find(':') + 1));
}
template <PdevKind Kind>
Parsed size_after_colon(std::string_view text) {
    return with_size(Kind, text.substr(text.find(':') + 1));
}

constexpr std::array rows{
    Row{{PdevKind::device, "/dev/NODE",
         "a SCSI device (an sg, sd, st, nst, sr or sch node, or a link to one) is passed through; "
         "another block device is an emulated disk",
         "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4", ""},
        [](std::string_view text) { return text.starts_with("/dev/"); },
        [](std::string_view text) { return with_path(PdevKind::device, text); }},
    Row{{PdevKind::address, "h:c:t:l",
         "the SCSI device at this address of the host, passed through", "1:0:2:0", ""},
        [](std::string_view text) {
            return !text.empty() &&
                   text.find_first_not_of("0123456789:") == std::string_view::npos &&
                   text.find(':') != std::string_view::npos;
        },
        parse_address},
    Row{{PdevKind::wwn, "naa.<16hex>:<lun>",
         "the SCSI device with this name in its VPD page 83h and this LUN, passed through",
         "naa.5000c500a1b2c3d4:0", ""},
        [](std::string_view text) { return text.starts_with("naa."); },
        parse_wwn},
    Row{{PdevKind::file, "file:PATH",
         "an emulated disk on a file, or on a block device even if it is a SCSI one",
         "file:/srv/images/a.img", ""},
        [](std::string_view text) { return text.starts_with("file:"); },
        path_after_colon<PdevKind::file>},
    Row{{PdevKind::iso, "iso:PATH", "a CD/DVD drive with this image in it", "iso:/srv/a.iso", ""},
        [](std::string_view text) { return text.starts_with("iso:"); },
        path_after_colon<PdevKind::iso>},
    Row{{PdevKind::ram, "ram:SIZE",
         "a disk in the daemon's memory; its contents end with the daemon", "ram:64M", ""},
        [](std::string_view text) { return text.starts_with("ram:"); },
        size_after_colon<PdevKind::ram>},
    Row{{PdevKind::null, "null:SIZE", "a disk that moves no data, for measuring", "null:1T", ""},
        [](std::string_view text) { return text.starts_with("null:"); },
        size_after_colon<PdevKind::null>},
    Row{{PdevKind::iscsi, "iscsi://[USER@]PORTAL/TARGET/LUN",
         "a unit of an iSCSI target, without a node on this host, passed through; USER is one of "
         "the CHAP secrets of pvscsid.toml(5)",
         "iscsi://10.0.0.1:3260/iqn.2003-01.org.example:disks/0", ""},
        [](std::string_view text) { return text.starts_with("iscsi:"); },
        parse_iscsi},
    Row{{PdevKind::fc, "fc.<16hex>:<lun>[@<16hex>]",
         "the SCSI device with this LUN behind the Fibre Channel target port with this name, "
         "passed "
         "through; reached by the host's port whose name is after the @, else by the only one that "
         "it is behind. Names may also be written with 0x before them, or with colons",
         "fc.500507680120a1b2:0", ""},
        [](std::string_view text) { return text.starts_with("fc."); },
        parse_fc},
    Row{{PdevKind::vport, "vport:auto|WWPN:WWNN[@PORT]",
         "all SCSI devices that the fabric shows to a Fibre Channel port of the guest's own, which "
         "is made as with the option vport=; those that come are added. With VDEV 'host', which "
         "is vhost 0 here, or with feature-host",
         "vport:2100001b32a1b2c3:2000001b32a1b2c3", ""},
        [](std::string_view text) { return text.starts_with("vport:"); },
        parse_guest_port},
};

constexpr auto forms = [] {
    std::array<PdevForm, rows.size()> result{};
    for (std::size_t i = 0; i < rows.size(); ++i)
        result[i] = rows[i].form;
    return result;
}();

std::string known_forms() {
    std::string text;
    for (const PdevForm& form : forms)
        text += (text.empty()             ? ""
                 : &form == &forms.back() ? " or "
                                          : ", ") +
                std::string(form.form);
    return text;
}

} // namespace

std::string_view to_string(PdevKind kind) noexcept {
    constexpr std::array<std::string_view, 10> names{"device", "address", "wwn",   "file", "iso",
                                                     "ram",    "null",    "iscsi", "fc",   "vport"};
    return names[static_cast<std::size_t>(kind)];
}

std::string to_string(const ScsiAddress& address) {
    return std::to_string(address.host) + ":" + std::to_string(address.channel) + ":" +
           std::to_string(address.target) + ":" + std::to_string(address.lun);
}

std::span<const PdevForm> pdev_forms() noexcept {
    return forms;
}

std::string_view unserved(PdevKind kind) noexcept {
    for (const PdevForm& form : forms)
        if (form.kind == kind)
            return form.unserved;
    return {};
}

Expected<std::uint64_t, Refusal> parse_size(std::string_view text) {
    std::uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (text.empty())
        return refuse("the size is missing", size_form);
    if (error == std::errc::result_out_of_range)
        return refuse("the size is too large", "a size of at most 4194304T");
    if (error != std::errc{} || end - stop > 1)
        return refuse("this is not a size", size_form);
    const unsigned shift = stop == end ? 0 : shift_of(*stop);
    if (stop != end && shift == 0)
        return refuse("the unit of the size is not known", size_form);
    if (number > (max_pdev_size >> shift))
        return refuse("the size is too large", "a size of at most 4194304T");
    const std::uint64_t bytes = number << shift;
    if (bytes == 0)
        return refuse("the size is zero", size_form);
    if (bytes % pdev_block_size != 0)
        return refuse("the size is not a multiple of 512", "a multiple of the block size, 512");
    return bytes;
}

namespace {

/// xend looked below /dev for what was no path, and took what scsi_id(8) prints; neither tells for
/// sure what is meant, so it is only proposed.
std::string probably_meant(std::string_view text) {
    constexpr std::array<std::string_view, 6> nodes{"sg", "sd", "st", "nst", "sr", "scd"};
    constexpr std::size_t naa_digits = 16;
    const auto is_hex = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    };
    const std::string name(text);
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
    });
    const bool hex = std::all_of(text.begin(), text.end(), is_hex);
    if (plain && !hex && std::any_of(nodes.begin(), nodes.end(), [&](std::string_view node) {
            return text.size() > node.size() && text.starts_with(node);
        }))
        return "/dev/" + name + " if that is meant; else ";
    if (text.starts_with("wwn-0x") || text.starts_with("scsi-"))
        return "/dev/disk/by-id/" + name + " if that is meant; else ";
    if (hex && text.size() == naa_digits)
        return "naa." + name + ":LUN if that is meant; else ";
    // The type of the designator, and 16 or 32 digits.
    if (hex && (text.size() == naa_digits + 1 || text.size() == 2 * naa_digits + 1))
        return "/dev/disk/by-id/scsi-" + name + " if that is meant; else ";
    return "";
}

} // namespace

Expected<Pdev, Refusal> parse_pdev(std::string_view text) {
    if (text.empty())
        return refuse("PDEV is missing", known_forms());
    if (has_control_character(text))
        return refuse("PDEV holds a control character", "printable characters only");
    for (const Row& row : rows)
        if (row.claims(text))
            return row.parse(text);
    if (text.front() == '/')
        return refuse("a path outside /dev needs to say what it is",
                      "file:PATH for a disk, iso:PATH for a CD/DVD drive");
    return refuse("PDEV has no form that is known", probably_meant(text) + known_forms());
}

std::string backing_key(const Pdev& pdev) {
    switch (pdev.kind) {
    case PdevKind::device:
    case PdevKind::file:
    case PdevKind::iso:
        return pdev.path;
    case PdevKind::address:
        return to_string(pdev.address);
    case PdevKind::wwn:
        return pdev.name + ":" + std::to_string(pdev.address.lun);
    case PdevKind::fc:
        // Behind each port of the host it is a device of its own.
        return pdev.name + ":" + std::to_string(pdev.address.lun) +
               (pdev.through.is_none() ? "" : "@" + to_string(pdev.through));
    case PdevKind::iscsi:
        // A target's name is its own in the whole world, whichever portal it is reached by.
        return pdev.name + "/" + std::to_string(pdev.address.lun);
    case PdevKind::vport:
        return "vport:" + pdev.name;
    case PdevKind::ram:
    case PdevKind::null:
        break;
    }
    return {};
}

} // namespace pvscsi::config
