// One physical I_T_L nexus, this host's to a unit by one path, and the guests behind it. The device
// sees one initiator in all of them: what it says once, to whoever's command comes first, is passed
// on to each (SAM-5 5.14: a unit attention condition is established for every I_T nexus).
//
// Each guest's LUN has a target and an open file of its own, on its own vhost's worker; this is all
// that they share. Two paths to one unit are two of these: the device tells them apart itself.
//
// Thread: any. The lock is held for some stores, never while a device or another thread is waited
// for, and not taken on the way of I/O: Nexus::noticed() says when there is something to look at.
// Errors: none, but std::bad_alloc where a nexus joins.
#pragma once

#include "backend/nexus/attentions.hpp"
#include "backend/nexus/reservation_plan.hpp"
#include "backend/nexus/reservation_record.hpp"
#include "backend/unit_memory.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace pvscsi::backend {

/// One guest's nexus with a unit.
class Nexus {
  public:
    /// What has to be looked at before a command goes to the device.
    enum Notice : std::uint8_t {
        attention_waits = 0x01,
        reads_refused = 0x02,  ///< by a persistent reservation
        writes_refused = 0x04, ///< likewise
        reserved = 0x08,       ///< another nexus has the unit by RESERVE
        draining = 0x10,       ///< its commands are to end, as it was preempted
    };
    using Ticket = std::shared_ptr<void>; ///< somebody waits until it is let go of

    /// `id` is 0 where nobody keeps reservations.
    explicit Nexus(NexusId id = 0) : id_(id) {}
    Nexus(const Nexus&) = delete;
    Nexus& operator=(const Nexus&) = delete;

    [[nodiscard]] std::uint8_t notices() const noexcept {
        return notices_.load(std::memory_order_acquire);
    }
    [[nodiscard]] NexusId id() const noexcept { return id_; }
    /// Keeps what nobody has fetched in a file at `path`; `inherited`: goes on with what a
    /// predecessor had there, and if that is lost says so (29h/04h). Before it joins a unit.
    /// Throws std::system_error.
    void remember_in(const std::string& path, bool inherited);
    /// Called under the unit's lock, to hold the ticket until its commands of now have ended.
    std::function<void(Ticket)> drain;

  private:
    friend class SharedUnit;
    void recall(std::span<const std::uint8_t> bytes) noexcept;
    void store() noexcept;

    const NexusId id_;
    // Guarded by the unit's lock, once it has joined one.
    Attentions attentions_;
    std::optional<UnitMemory> memory_;
    bool inherited_ = false;
    bool draining_ = false;

    std::atomic<std::uint8_t> notices_{0};
};

class SharedUnit {
  public:
    /// The one that all nexuses of this process by the node `name` have.
    [[nodiscard]] static std::shared_ptr<SharedUnit> at(const std::string& name);

    void join(Nexus& nexus);
    void leave(Nexus& nexus) noexcept;

    /// The device, or what `told` has done, is a reason for the others to know; `told` knows.
    void tell_others(const Nexus& told, const scsi::Condition& attention) noexcept;
    /// The device has told `told` so; null: this process, by a command of its own.
    void device_told(Nexus* told, const scsi::Condition& attention) noexcept;
    /// Something that concerns `nexus` alone, or that each of them is told by itself.
    void tell_one(Nexus& nexus, const scsi::Condition& attention) noexcept;
    /// What waits for `nexus` first, and does not any more; condition::none if nothing does.
    [[nodiscard]] scsi::Condition take(Nexus& nexus) noexcept;

    /// Commands end from now on until was_reset(), and it is known why.
    void reset_begins() noexcept;
    /// This process has reset the unit, or may have. All nexuses know from now on; the device's own
    /// unit attention, which is still to come by one of them, is no news to the others.
    void was_reset() noexcept;
    /// Nothing of it is to come any more: the device has been asked.
    void reset_settled() noexcept;
    /// The kernel has ended commands, and may have reset the unit for it. Its own TEST UNIT READY
    /// takes the device's word of that (scsi_eh_tur() of Linux' scsi_error.c).
    void was_disrupted() noexcept;

    // shared_reservations.cpp

    /// Keeps the guests' reservations apart from now on, with what is in the file at `path`. Before
    /// the nexuses that ask for it join. Throws std::system_error.
    void keep_reservations(const std::string& path);
    /// What a RESERVE of `nexus` comes to.
    enum class Claim : std::uint8_t {
        refused,
        claimed, ///< nobody had it; take it back if the device refuses
        held,    ///< it had it already
        asked,   ///< of the device, with a registration: it decides
    };
    [[nodiscard]] Claim claim(Nexus& nexus) noexcept;
    /// It has released the unit; nothing where it had not reserved it.
    void unclaim(const Nexus& nexus) noexcept;
    [[nodiscard]] bool claimed_by_other(const Nexus& nexus) noexcept;

    /// Changes of persistent reservations are made one at a time; false: another one is.
    [[nodiscard]] bool begin_change(const Nexus& nexus) noexcept;
    void end_change(const Nexus& nexus) noexcept;
    [[nodiscard]] ReservationTable reservations() noexcept;
    /// Stores them, makes them count for all nexuses and tells the news; `told` knows.
    void commit(const ReservationTable& table, std::span<const News> news = {},
                const Nexus* told = nullptr) noexcept;
    /// The device should be asked whether another host has changed them: it does not say so to a
    /// guest that is not registered, though our registration lets it through.
    [[nodiscard]] bool look_due() noexcept;
    void want_look() noexcept;
    /// `ticket` is let go of when commands of the `victims` have ended that are under way now.
    void drain(std::span<const NexusId> victims, const Nexus& by, const Nexus::Ticket& ticket);
    void drained(Nexus& nexus) noexcept;

  private:
    using Clock = std::chrono::steady_clock;
    /// Commands that one reset has ended come back one after the other.
    static constexpr std::chrono::seconds one_reset{1};
    static constexpr std::chrono::seconds between_looks{4};
    static constexpr std::size_t most_undelivered = 64;

    void publish(Nexus& nexus) const noexcept;
    void publish_all() noexcept;
    void forget_claim() noexcept;
    void deliver(const News& news, const Nexus* told) noexcept;
    void tell(const scsi::Condition& attention, const Nexus* told) noexcept;

    std::mutex mutex_;
    std::vector<Nexus*> nexuses_;
    /// Since this was made, for nexuses that a predecessor of this process served and that join
    /// when others of them have commands at the device already.
    Attentions heard_;
    unsigned resetting_ = 0;
    bool own_word_due_ = false; ///< of the reset that all have been told of
    Clock::time_point reset_told_{};

    std::optional<ReservationRecord> record_;
    ReservationTable table_;
    const Nexus* changing_ = nullptr; ///< who changes it
    std::vector<News> undelivered_;   ///< to nexuses that have not joined
    bool look_wanted_ = false;
    Clock::time_point looked_{};
};

} // namespace pvscsi::backend
