// The xenbus states (xen/include/public/io/xenbus.h) and what a node's text says of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pvscsi::xenbus {

enum class State : std::uint8_t {
    unknown = 0,
    initialising = 1,
    init_wait = 2,
    initialised = 3,
    connected = 4,
    closing = 5,
    closed = 6,
    reconfiguring = 7,
    reconfigured = 8,
};

/// "1" for initialising, and so on; what is written to a `state` node.
[[nodiscard]] std::string to_node(State state);
/// A peer's text: decimal 0 to 8 and nothing else.
[[nodiscard]] std::optional<State> state_from_node(std::string_view text) noexcept;
/// "connected", for logs and lists.
[[nodiscard]] std::string_view to_string(State state) noexcept;

} // namespace pvscsi::xenbus
