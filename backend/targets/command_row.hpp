// The table of an emulated unit's commands: one row drives dispatch, the check of every bit of a
// CDB, REPORT SUPPORTED OPERATION CODES, and the tests.
#pragma once

#include "backend/target.hpp"

#include <array>
#include <cstdint>
#include <initializer_list>

namespace pvscsi::backend {

class EmulatedUnit;

/// What the unit looks at before the handler runs.
enum CommandTraits : std::uint8_t {
    plain = 0,
    ignores_attention = 1, ///< runs although a unit attention waits (SAM-5 5.14)
    needs_medium = 2,      ///< fails while the unit is not ready
    changes_medium = 4,    ///< fails while the unit is write protected
    needs_it_alone = 8,    ///< not offered where other units write to the medium as well
};

using CommandHandler = Step (*)(EmulatedUnit&, Request&) noexcept;

struct CommandRow {
    static constexpr std::int16_t no_service_action = -1;

    /// CDB USAGE DATA (SPC-5 6.38.3): byte 0 is the opcode, then a 1 for every bit that may be
    /// set. A service action stands as a number in its field.
    std::array<std::uint8_t, 16> usage{};
    std::uint8_t size = 0;
    std::uint8_t traits = plain;
    std::int16_t service_action = no_service_action;
    CommandHandler handler = nullptr;

    [[nodiscard]] constexpr std::uint8_t opcode() const { return usage[0]; }
    [[nodiscard]] constexpr bool has_service_action() const { return service_action >= 0; }
};

constexpr CommandRow row(std::initializer_list<std::uint8_t> usage, unsigned traits,
                         CommandHandler handler) {
    CommandRow made;
    for (const std::uint8_t byte : usage)
        made.usage[made.size++] = byte;
    // Not a constant expression unless the size is one that a CDB has.
    if (made.size != 6 && made.size != 10 && made.size != 12 && made.size != 16)
        throw "CDB size";
    made.traits = static_cast<std::uint8_t>(traits);
    made.handler = handler;
    return made;
}

/// The same for a command with a service action, in the low five bits of byte 1.
constexpr CommandRow service_row(std::initializer_list<std::uint8_t> usage, unsigned traits,
                                 CommandHandler handler) {
    CommandRow made = row(usage, traits, handler);
    made.service_action = made.usage[1] & 0x1f;
    return made;
}

/// A member function as a CommandHandler.
template <auto Member>
struct HandlerOf;
template <class Unit, Step (Unit::*Member)(Request&) noexcept>
struct HandlerOf<Member> {
    static Step call(EmulatedUnit& unit, Request& request) noexcept {
        return (static_cast<Unit&>(unit).*Member)(request);
    }
};
template <auto Member>
inline constexpr CommandHandler handler = &HandlerOf<Member>::call;

} // namespace pvscsi::backend
