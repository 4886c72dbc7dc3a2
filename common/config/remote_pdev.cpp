// Sources: RFC 7143 4.2.7 (iSCSI names) and 4.1 (the port 3260), RFC 4173 (the host in brackets);
// SAM-5 4.7 for LUNs: 14 bits of flat addressing, 16384 units.
#include "common/config/remote_pdev.hpp"

#include "common/config/text.hpp"
#include "common/config/wwn.hpp"

#include <algorithm>
#include <optional>

namespace pvscsi::config {

namespace {

constexpr std::uint64_t max_lun = 16'383;
constexpr std::size_t max_iscsi_name = 223; // RFC 7143 4.2.7.2
constexpr std::size_t max_host = 253;       // RFC 1035 2.3.4, without the final dot
constexpr std::string_view lun_range = "a LUN from 0 to 16383";
constexpr std::string_view iscsi_form = "iscsi://[USER@]PORTAL/TARGET/LUN";
constexpr std::size_t max_user = 255;

tl::unexpected<Refusal> refuse(std::string reason, std::string_view remedy) {
    return unexpected(Refusal{std::move(reason), std::string(remedy)});
}

Expected<std::uint64_t, Refusal> parse_lun(std::string_view text) {
    if (text.empty())
        return refuse("the LUN is missing", lun_range);
    const auto lun = parse_decimal(text, max_lun);
    if (!lun)
        return refuse("the LUN is no number in range", lun_range);
    return *lun;
}

/// What a name of 16 digits has wrong.
std::optional<Refusal> wrong_name(std::string_view digits, std::string_view form) {
    if (!is_hex(digits))
        return Refusal{"the name is not hexadecimal", std::string(form)};
    if (digits.size() != 16)
        return Refusal{"the name has " + std::to_string(digits.size()) + " of 16 digits",
                       digits.size() == 32 ? "a unit with a name of 32 digits as "
                                             "/dev/disk/by-id/wwn-0x..."
                                           : std::string(form)};
    return {};
}

bool is_host(std::string_view text) {
    if (text.starts_with('['))
        return text.ends_with(']') && text.size() > 4 &&
               text.substr(1, text.size() - 2).find_first_not_of("0123456789abcdefABCDEF:.%") ==
                   std::string_view::npos;
    return !text.empty() && text.size() <= max_host && text.front() != '-' &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '-'; });
}

bool is_portal(std::string_view text) {
    const auto bracket = text.rfind(']');
    const auto colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
    if (colon == std::string_view::npos)
        return is_host(text);
    const auto port = parse_decimal(text.substr(colon + 1), 65'535);
    return is_host(text.substr(0, colon)) && port && *port != 0;
}

bool is_target(std::string_view text) {
    const bool known =
        text.starts_with("iqn.") || text.starts_with("eui.") || text.starts_with("naa.");
    return known && text.size() > 4 && text.size() <= max_iscsi_name &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == ':' ||
                      (static_cast<unsigned char>(c) & 0x80) != 0; // UTF-8
           });
}

/// What can stand in a file of secrets and is no secret itself.
bool is_user(std::string_view text) {
    return !text.empty() && text.size() <= max_user &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_letter(c) || is_digit(c) ||
                      std::string_view("._-:+").find(c) != std::string_view::npos;
           });
}

} // namespace

Expected<Pdev, Refusal> parse_wwn(std::string_view text) {
    constexpr std::string_view prefix = "naa.";
    constexpr std::string_view form = "naa.<16hex>:<lun>";
    const auto rest = text.substr(prefix.size());
    const auto colon = rest.find(':');
    const auto digits = rest.substr(0, colon);
    if (auto refusal = wrong_name(digits, form))
        return unexpected(std::move(*refusal));
    if (colon == std::string_view::npos)
        return refuse("the LUN is missing", form);
    const auto lun = parse_lun(rest.substr(colon + 1));
    if (!lun)
        return unexpected(lun.error());
    Pdev pdev;
    pdev.kind = PdevKind::wwn;
    pdev.name = std::string(prefix) + lower_case(digits);
    pdev.address.lun = *lun;
    return pdev;
}

Expected<Pdev, Refusal> parse_fc(std::string_view text) {
    constexpr std::string_view prefix = "fc.";
    constexpr std::string_view form = "fc.<16hex>:<lun>[@<16hex>]";
    auto rest = text.substr(prefix.size());
    Pdev pdev;
    pdev.kind = PdevKind::fc;
    if (const auto at = rest.find('@'); at != std::string_view::npos) {
        const auto through = parse_wwn_name(rest.substr(at + 1));
        if (!through)
            return refuse("the name of the host's port after the @ has not 16 hexadecimal digits",
                          form);
        pdev.through = *through;
        rest = rest.substr(0, at);
    }
    // The name may have colons of its own.
    const auto colon = rest.rfind(':');
    const auto target = parse_wwn_name(rest.substr(0, colon));
    if (!target) {
        if (parse_wwn_name(rest))
            return refuse("the LUN is missing", form);
        const auto digits = rest.substr(0, rest.find(':'));
        if (auto refusal = wrong_name(digits, form))
            return unexpected(std::move(*refusal));
        return refuse("the name is zero", form);
    }
    if (colon == std::string_view::npos)
        return refuse("the LUN is missing", form);
    const auto lun = parse_lun(rest.substr(colon + 1));
    if (!lun)
        return unexpected(lun.error());
    pdev.name = std::string(prefix) + to_string(*target);
    pdev.address.lun = *lun;
    return pdev;
}

Expected<Pdev, Refusal> parse_guest_port(std::string_view text) {
    constexpr std::string_view prefix = "vport:";
    const auto choice = parse_vport_choice(text.substr(prefix.size()));
    if (!choice)
        return refuse("there are no names of a port after vport:",
                      "'auto', or two different names of 16 hexadecimal digits, the port's and "
                      "then the node's, with a colon between them; then nothing, or @ and the name "
                      "of a port of the host");
    Pdev pdev;
    pdev.kind = PdevKind::vport;
    pdev.name = to_string(*choice);
    return pdev;
}

Expected<Pdev, Refusal> parse_iscsi(std::string_view text) {
    constexpr std::string_view prefix = "iscsi://";
    if (!text.starts_with(prefix))
        return refuse("two slashes are missing after iscsi:", iscsi_form);
    const auto rest = text.substr(prefix.size());
    const auto first = rest.find('/');
    const auto last = rest.rfind('/');
    if (first == std::string_view::npos || first == last)
        return refuse("PORTAL, TARGET or LUN is missing", iscsi_form);
    auto portal = rest.substr(0, first);
    std::string user;
    if (const auto at = portal.find('@'); at != std::string_view::npos) {
        user = portal.substr(0, at);
        portal.remove_prefix(at + 1);
        if (user.find('%') != std::string::npos)
            return refuse("a secret has no place in an entry, which anybody may read",
                          "USER@, and its secret in the file of pvscsid.toml(5), [iscsi] secrets");
        if (!is_user(user))
            return refuse("the user is not one of CHAP",
                          "letters, digits and '._-:+', at most 255");
    }
    const auto target = rest.substr(first + 1, last - first - 1);
    if (!is_portal(portal))
        return refuse("the portal is not an address",
                      "HOST or HOST:PORT; an IPv6 address in brackets");
    if (!is_target(target))
        return refuse("the target has no iSCSI name",
                      "a name that begins with 'iqn.', 'eui.' or 'naa.', at most 223 characters");
    const auto lun = parse_lun(rest.substr(last + 1));
    if (!lun)
        return unexpected(lun.error());
    Pdev pdev;
    pdev.kind = PdevKind::iscsi;
    pdev.portal = lower_case(portal);
    pdev.user = std::move(user);
    pdev.name = lower_case(target); // RFC 7143 4.2.7.1: case is folded
    pdev.address.lun = *lun;
    return pdev;
}

} // namespace pvscsi::config
