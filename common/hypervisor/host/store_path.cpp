#include "common/hypervisor/host/store_path.hpp"

#include <algorithm>

namespace pvscsi::hv::host {

namespace {
constexpr bool is_path_character(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '/' || c == '_' || c == '@';
}
} // namespace

std::string home_path(DomId domain) {
    return "/local/domain/" + std::to_string(domain.value());
}

bool is_valid_path(std::string_view path) noexcept {
    if (path == "/")
        return true;
    return path.starts_with('/') && !path.ends_with('/') && path.size() <= max_absolute_path &&
           path.find("//") == std::string_view::npos &&
           std::all_of(path.begin(), path.end(), is_path_character);
}

std::string absolute_path(std::string_view path, DomId domain) {
    if (path.empty() || path.starts_with('/') || is_special_path(path))
        return std::string(path);
    if (path.size() > max_relative_path)
        return {};
    return home_path(domain) + "/" + std::string(path);
}

std::string_view parent_path(std::string_view path) noexcept {
    const auto slash = path.rfind('/');
    return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string_view base_name(std::string_view path) noexcept {
    return path.substr(path.rfind('/') + 1);
}

bool is_at_or_below(std::string_view path, std::string_view top) noexcept {
    if (top == "/")
        return path.starts_with('/');
    return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/');
}

std::string_view next_part(std::string_view& rest) noexcept {
    rest.remove_prefix(std::min<std::size_t>(1, rest.size()));
    const std::string_view part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(part.size());
    return part;
}

} // namespace pvscsi::hv::host
