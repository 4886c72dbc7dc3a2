// Constants and values that all hypervisor interfaces share.
#pragma once

#include "common/base/strong_id.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pvscsi::hv {

inline constexpr std::size_t page_size = 4096;

/// What the granted-to domain may do with a page.
enum class Access : std::uint8_t { read_only, read_write };

/// Why a grant operation failed; after the GNTST_ codes of xen/include/public/grant_table.h.
enum class GrantStatus : std::uint8_t {
    ok,
    bad_domain,  ///< no such domain, or the page is granted to another one
    bad_ref,     ///< no such entry, or it grants nothing (any more)
    read_only,   ///< writing was asked for, reading was granted
    bad_range,   ///< offset + length passes the end of the page
    busy,        ///< the page is still mapped or being copied
    no_space,    ///< no grant entry, page or map handle is left
    unavailable, ///< the hypervisor or its driver refused for a reason of its own
};

[[nodiscard]] std::string_view to_string(GrantStatus status) noexcept;

} // namespace pvscsi::hv
