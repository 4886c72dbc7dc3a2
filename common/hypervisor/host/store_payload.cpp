#include "common/hypervisor/host/store_payload.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace pvscsi::hv::host {

namespace {

/// The errors that have a name on the wire (xsd_errors); anything else is EINVAL.
constexpr std::array<std::pair<int, std::string_view>, 16> error_names{{
    {EINVAL, "EINVAL"},
    {EACCES, "EACCES"},
    {EEXIST, "EEXIST"},
    {EISDIR, "EISDIR"},
    {ENOENT, "ENOENT"},
    {ENOMEM, "ENOMEM"},
    {ENOSPC, "ENOSPC"},
    {EIO, "EIO"},
    {ENOTEMPTY, "ENOTEMPTY"},
    {ENOSYS, "ENOSYS"},
    {EROFS, "EROFS"},
    {EBUSY, "EBUSY"},
    {EAGAIN, "EAGAIN"},
    {EISCONN, "EISCONN"},
    {E2BIG, "E2BIG"},
    {EPERM, "EPERM"},
}};

char letter_of(const StorePermission& permission) {
    if (permission.read)
        return permission.write ? 'b' : 'r';
    return permission.write ? 'w' : 'n';
}

} // namespace

std::optional<std::string_view> take_string(std::string_view& payload) {
    const auto end = payload.find('\0');
    if (end == std::string_view::npos)
        return {};
    const std::string_view text = payload.substr(0, end);
    payload.remove_prefix(end + 1);
    return text;
}

std::optional<std::string_view> sole_string(std::string_view payload) {
    const auto text = take_string(payload);
    return payload.empty() ? text : std::nullopt;
}

std::optional<DomId> parse_domain(std::optional<std::string_view> text) {
    const auto number = text ? parse_number<DomId::rep>(*text) : std::nullopt;
    return number ? std::optional(DomId(*number)) : std::nullopt;
}

std::optional<StorePermission> parse_permission(std::string_view text) {
    const auto domain = parse_domain(text.substr(std::min<std::size_t>(1, text.size())));
    if (!domain || std::string_view("rwbn").find(text[0]) == std::string_view::npos)
        return {};
    return StorePermission{*domain, text[0] == 'r' || text[0] == 'b',
                           text[0] == 'w' || text[0] == 'b'};
}

std::string to_text(const StorePermission& permission) {
    return letter_of(permission) + std::to_string(permission.domain.value());
}

std::string join(const std::vector<std::string>& texts) {
    std::string all;
    for (const std::string& text : texts)
        all.append(text).push_back('\0');
    return all;
}

std::string error_payload(int error) {
    const auto* const known = std::find_if(error_names.begin(), error_names.end(),
                                           [error](const auto& e) { return e.first == error; });
    std::string name(known != error_names.end() ? known->second : error_names[0].second);
    name.push_back('\0');
    return name;
}

} // namespace pvscsi::hv::host
