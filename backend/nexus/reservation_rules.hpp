// Which commands meet a reservation that somebody else has (SPC-5 5.14 and its tables, SBC-4 4.17,
// SSC-5 4.2.16, SMC-3 4.6, MMC-6).
//
// Thread: any. Errors: none.
#pragma once

#include "ring/command.hpp"

#include <cstdint>
#include <optional>

namespace pvscsi::backend {

/// SPC-5 table 73 (TYPE field).
enum class ReservationType : std::uint8_t {
    none = 0, ///< ours: there is no reservation
    write_exclusive = 1,
    exclusive_access = 3,
    write_exclusive_registrants = 5,
    exclusive_access_registrants = 6,
    write_exclusive_all = 7,
    exclusive_access_all = 8,
};

[[nodiscard]] std::optional<ReservationType> reservation_type(std::uint8_t field) noexcept;
/// Each registered nexus holds it.
[[nodiscard]] constexpr bool held_by_all(ReservationType type) noexcept {
    return type >= ReservationType::write_exclusive_all;
}
/// Each registered nexus may do as its holder.
[[nodiscard]] constexpr bool registrants_may(ReservationType type) noexcept {
    return type >= ReservationType::write_exclusive_registrants;
}

/// What a command does to a unit that somebody has reserved.
enum class Use : std::uint8_t {
    harmless, ///< executed under any reservation
    reads,    ///< meets Exclusive Access
    writes,   ///< meets any: changes the medium, the unit or its state; and what nobody knows
};
[[nodiscard]] Use use_of(std::uint8_t device_type, const ring::Cdb& cdb) noexcept;

/// A nexus that does not hold it.
[[nodiscard]] bool refuses(ReservationType type, bool registered, Use use) noexcept;

/// Executed though another nexus has the unit by RESERVE (SPC-2 table 10).
[[nodiscard]] bool passes_reserve(const ring::Cdb& cdb) noexcept;

} // namespace pvscsi::backend
