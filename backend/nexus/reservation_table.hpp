// Who of the guests behind one physical nexus has registered which key, and who of them holds the
// reservation; with what of it the device knows. Plain data, so that it can be stored as it is.
//
// What the device has is one registration for all of them. Its key is that of the guest that holds
// the reservation, else that of one that is registered: other hosts see a key that means somebody.
//
// Thread: whoever owns it. Errors: none.
#pragma once

#include "backend/nexus/reservation_rules.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace pvscsi::backend {

/// A guest's nexus, the same after a restart of the daemon or the guest. Never 0.
using NexusId = std::uint64_t;

struct Registration {
    NexusId nexus;
    std::uint64_t key; ///< never 0
};

class ReservationTable {
  public:
    static constexpr unsigned most = 64; ///< registrations

    [[nodiscard]] std::span<const Registration> registrations() const noexcept {
        return {registrations_.data(), count_};
    }
    [[nodiscard]] bool full() const noexcept { return count_ == most; }
    /// 0: it is not registered.
    [[nodiscard]] std::uint64_t key_of(NexusId nexus) const noexcept;
    /// Who gives the device's registration its key when `leaving` does not any more: the holder,
    /// else the one that has been registered longest. {0, 0}: nobody is left.
    [[nodiscard]] Registration heir(NexusId leaving) const noexcept;
    /// Not while it is full, for one that is not registered.
    void set_key(NexusId nexus, std::uint64_t key) noexcept;
    void remove(NexusId nexus) noexcept;
    /// Registrations and what they hold, here and on the device.
    void clear() noexcept;

    /// What `known` knows of the device.
    void take_device_key(const ReservationTable& known) noexcept;

    [[nodiscard]] bool held() const noexcept { return type != ReservationType::none; }
    /// By one of ours, or all of them.
    [[nodiscard]] bool held_here() const noexcept { return held() && !foreign; }
    [[nodiscard]] bool holds(NexusId nexus) const noexcept;
    void hold(ReservationType new_type, NexusId nexus) noexcept;
    /// Another host's nexus holds it.
    void hold_abroad(ReservationType new_type, std::uint64_t key) noexcept;
    void let_go() noexcept;

    /// Whether `nexus` gets RESERVATION CONFLICT for commands that do `use`. Where nobody here is
    /// registered the device decides.
    [[nodiscard]] bool refuses(NexusId nexus, Use use) const noexcept;

    // The reservation.
    ReservationType type = ReservationType::none;
    std::uint8_t foreign = 0;      ///< another host's nexus holds it
    NexusId holder = 0;            ///< 0: none of ours, or all that are registered
    std::uint64_t foreign_key = 0; ///< its holder's; 0: held by all registrants
    NexusId legacy_holder = 0;     ///< by RESERVE(6) or (10); 0: nobody of ours
    // The device's registration.
    std::uint64_t device_key = 0; ///< 0: it has none
    NexusId device_key_of = 0;
    // What it is being changed to: after a crash it may be either.
    std::uint64_t next_key = 0;
    NexusId next_key_of = 0;
    std::uint8_t changing = 0;
    std::uint8_t persist = 0; ///< APTPL, as the last one to register has said

  private:
    [[nodiscard]] unsigned place_of(NexusId nexus) const noexcept;

    std::uint32_t count_ = 0;
    std::array<Registration, most> registrations_{}; ///< oldest first
};

} // namespace pvscsi::backend
