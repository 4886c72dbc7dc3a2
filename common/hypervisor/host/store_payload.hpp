// What stands in the payloads of the xenstore wire protocol: strings that end with NUL, decimal
// numbers, permissions, the names of errors (xen/include/public/io/xs_wire.h,
// docs/misc/xenstore.txt).
//
// Thread: any. Errors: what a client has written wrong is nothing.
#pragma once

#include "common/hypervisor/store.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pvscsi::hv::host {

/// Splits off the string at the front; nothing if no NUL ends it.
[[nodiscard]] std::optional<std::string_view> take_string(std::string_view& payload);
/// The only string of a payload.
[[nodiscard]] std::optional<std::string_view> sole_string(std::string_view payload);

/// A whole text that is a number and nothing else.
template <class Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text) {
    Number value{};
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc{} || stop != end)
        return {};
    return value;
}
[[nodiscard]] std::optional<DomId> parse_domain(std::optional<std::string_view> text);

/// "r3": a letter of n, r, w, b, and a domain.
[[nodiscard]] std::optional<StorePermission> parse_permission(std::string_view text);
[[nodiscard]] std::string to_text(const StorePermission& permission);

/// Each with its NUL.
[[nodiscard]] std::string join(const std::vector<std::string>& texts);

/// The payload of an ERROR: the name of an errno.
[[nodiscard]] std::string error_payload(int error);

} // namespace pvscsi::hv::host
