#include "common/xenbus/state.hpp"

#include <array>

namespace pvscsi::xenbus {

namespace {
constexpr std::array<std::string_view, 9> names{
    "unknown", "initialising", "init-wait",     "initialised",  "connected",
    "closing", "closed",       "reconfiguring", "reconfigured",
};
}

std::string to_node(State state) {
    return std::to_string(static_cast<unsigned>(state));
}

std::optional<State> state_from_node(std::string_view text) noexcept {
    if (text.size() != 1 || text[0] < '0' || text[0] > '8')
        return {};
    return static_cast<State>(text[0] - '0');
}

std::string_view to_string(State state) noexcept {
    return names[static_cast<unsigned>(state)];
}

} // namespace pvscsi::xenbus
