// Short terms for the tables of commands.
#pragma once

#include "backend/policy/commands.hpp"

namespace pvscsi::backend::policy::terms {

using enum config::CommandClass;
using enum Inspect;

inline constexpr int all = any_action;
inline constexpr Transfer unknown{};
inline constexpr Transfer none{Moves::nothing};
inline constexpr Transfer some_in{Moves::in_some};
inline constexpr Transfer some_out{Moves::out_some};
constexpr Transfer in(std::uint8_t at, std::uint8_t width) {
    return {Moves::in, at, width};
}
constexpr Transfer out(std::uint8_t at, std::uint8_t width) {
    return {Moves::out, at, width};
}
constexpr Transfer blocks_in(std::uint8_t at, std::uint8_t width) {
    return {Moves::in_blocks, at, width, width == 1};
}
constexpr Transfer blocks_out(std::uint8_t at, std::uint8_t width) {
    return {Moves::out_blocks, at, width, false};
}
constexpr Transfer verified(std::uint8_t at, std::uint8_t width) {
    return {Moves::verified, at, width};
}

} // namespace pvscsi::backend::policy::terms
