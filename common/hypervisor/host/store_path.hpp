// Store paths: what is one, and how they relate (docs/misc/xenstore.txt of Xen).
#pragma once

#include "common/base/strong_id.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace pvscsi::hv::host {

inline constexpr std::size_t max_absolute_path = 3072; // XENSTORE_ABS_PATH_MAX
inline constexpr std::size_t max_relative_path = 2048; // XENSTORE_REL_PATH_MAX

inline constexpr std::string_view introduce_domain_path = "@introduceDomain";
inline constexpr std::string_view release_domain_path = "@releaseDomain";

/// "/local/domain/<domain>": what a domain's relative paths are below.
[[nodiscard]] std::string home_path(DomId domain);

/// Absolute, characters and length as allowed, no empty part.
[[nodiscard]] bool is_valid_path(std::string_view path) noexcept;
[[nodiscard]] inline bool is_special_path(std::string_view path) noexcept {
    return path.starts_with('@');
}
/// Below the domain's home when it is relative; empty when it is too long to be allowed.
[[nodiscard]] std::string absolute_path(std::string_view path, DomId domain);

/// Of "/a/b": "/a"; of "/a": "/". Not for the root.
[[nodiscard]] std::string_view parent_path(std::string_view path) noexcept;
[[nodiscard]] std::string_view base_name(std::string_view path) noexcept;
[[nodiscard]] bool is_at_or_below(std::string_view path, std::string_view top) noexcept;

/// Takes the first part off `rest`, which starts with a slash or is empty.
[[nodiscard]] std::string_view next_part(std::string_view& rest) noexcept;

} // namespace pvscsi::hv::host
