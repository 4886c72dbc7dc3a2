// What PERSISTENT RESERVE OUT of one guest comes to: what the device is to be asked for, and what
// is so for the guests when it has done that (SPC-5 5.14, 6.16). No I/O: values in, values out.
//
// Thread: any. Errors: as the status and sense that the guest gets.
#pragma once

#include "backend/nexus/reservation_table.hpp"
#include "common/scsi/condition.hpp"
#include "common/scsi/status.hpp"

#include <vector>

namespace pvscsi::backend {

/// Service actions (SPC-5 table 214).
enum class PrAction : std::uint8_t {
    enroll = 0x00, ///< REGISTER
    reserve = 0x01,
    release = 0x02,
    clear = 0x03,
    preempt = 0x04,
    preempt_and_abort = 0x05,
    enroll_anyway = 0x06, ///< REGISTER AND IGNORE EXISTING KEY
};

/// What the guest asks for.
struct PrOut {
    static constexpr std::uint32_t list_length = 24;

    PrAction action{};
    std::uint8_t scope = 0, type = 0;              ///< as they are in the CDB
    std::uint64_t key = 0;                         ///< RESERVATION KEY
    std::uint64_t action_key = 0;                  ///< SERVICE ACTION RESERVATION KEY
    bool persist = false;                          ///< APTPL
    bool all_ports = false, other_nexuses = false; ///< ALL_TG_PT, SPEC_I_PT

    [[nodiscard]] static PrOut parse(const ring::Cdb& cdb, std::span<const std::uint8_t> list);
    /// REGISTER AND MOVE and REPLACE LOST RESERVATION are not served.
    [[nodiscard]] static bool served(std::uint8_t action) noexcept { return action <= 0x06; }
};

/// What the device says, to be asked before anything is decided: other hosts may have changed it.
struct DeviceView {
    std::vector<std::uint64_t> keys;
    ReservationType type = ReservationType::none;
    std::uint64_t holder_key = 0;

    [[nodiscard]] unsigned count(std::uint64_t key) const noexcept;
    /// Of READ KEYS; false: there are more than were read.
    [[nodiscard]] bool take_keys(std::span<const std::uint8_t> data);
    /// Of READ RESERVATION.
    void take_reservation(std::span<const std::uint8_t> data) noexcept;
};

/// A unit attention for one guest.
struct News {
    NexusId nexus;
    scsi::Condition what;
};

/// PERSISTENT RESERVE OUT for the device.
struct DeviceStep {
    PrAction action;
    std::uint64_t key, action_key;
    ReservationType type;
    bool persist;
    NexusId key_of; ///< whose the key is that the device's registration has then
};

struct Plan {
    scsi::Status status = scsi::Status::good;
    scsi::Sense sense;
    // The rest of a good one.
    std::vector<DeviceStep> steps; ///< one after the other; the first that fails is the answer
    ReservationTable after;        ///< but for what is known of the device
    std::vector<News> news;
    std::vector<NexusId> victims; ///< whose commands are to end before the answer
};

[[nodiscard]] Plan plan_for(const PrOut& out, NexusId nexus, const ReservationTable& now,
                            const DeviceView& device);

/// Brings `table` to what the device has, where another host has changed it or a dead daemon did
/// not come to store what it had done. `why` is what the device gave as the reason, if it did.
[[nodiscard]] std::vector<News> reconcile(ReservationTable& table, const DeviceView& device,
                                          const scsi::Condition& why = scsi::condition::none);

} // namespace pvscsi::backend
