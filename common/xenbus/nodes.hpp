// Where the nodes of a vhost are, for both ends. xenstore-schemas/ says what is in them.
//
//   B = /local/domain/<backend>/backend/vscsi/<guest>/<devid>
//   F = /local/domain/<guest>/device/vscsi/<devid>
//
// Paths are computed from ids, never taken from what a peer wrote (XSA-175).
#pragma once

#include "common/base/strong_id.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pvscsi::xenbus {

[[nodiscard]] std::string domain_path(DomId domain);
/// `backend/vscsi` of the backend domain: what its daemon watches.
[[nodiscard]] std::string backend_root(DomId backend);
[[nodiscard]] std::string backend_path(DomId backend, DomId guest, DevId device);
[[nodiscard]] std::string frontend_root(DomId guest);
[[nodiscard]] std::string frontend_path(DomId guest, DevId device);

/// A v-dev: "h:c:t:l" in decimal; the host number is the vhost's in the configuration.
struct VirtualAddress {
    std::uint32_t host = 0;
    std::uint16_t channel = 0;
    std::uint16_t target = 0;
    std::uint16_t lun = 0;
    friend auto operator<=>(const VirtualAddress&, const VirtualAddress&) = default;
};

[[nodiscard]] std::optional<VirtualAddress> parse_address(std::string_view text) noexcept;
[[nodiscard]] std::string to_string(const VirtualAddress& address);

/// A peer's decimal number: digits only, at most `max`.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text,
                                                        std::uint64_t max) noexcept;

} // namespace pvscsi::xenbus
