// What the daemon counts, for `pvscsictl stats`.
#pragma once

#include "backend/request.hpp"
#include "common/base/strong_id.hpp"

#include <cstdint>

namespace pvscsi::backend {

/// Of one logical unit since this daemon serves it; a command counts when it has ended.
/// Thread: the worker's.
struct LunCounters {
    std::uint64_t commands = 0;
    std::uint64_t read_bytes = 0;       ///< to the guest
    std::uint64_t written_bytes = 0;    ///< from the guest
    std::uint64_t check_conditions = 0; ///< of any sense key, also those that are no failure
    std::uint64_t task_sets_full = 0;   ///< TASK SET FULL and BUSY
    std::uint64_t conflicts = 0;        ///< RESERVATION CONFLICT
    std::uint64_t other_statuses = 0;   ///< ACA ACTIVE, TASK ABORTED
    std::uint64_t host_errors = 0;      ///< ended without a status of the device
    std::uint64_t policy_refused = 0;   ///< by the LUN's policy; check_conditions has them, too
    std::uint64_t policy_noted = 0;     ///< that a policy with audit: would have refused
};

/// One more, with its outcome.
inline void count(LunCounters& counters, const Request& request) noexcept {
    ++counters.commands;
    counters.policy_refused += request.by_policy == PolicyMark::refused;
    counters.policy_noted += request.by_policy == PolicyMark::noted;
    if (request.outcome.host != scsi::HostCode::ok) {
        ++counters.host_errors;
        return;
    }
    if (request.direction() == ring::Direction::from_device)
        counters.read_bytes += request.transferred();
    else
        counters.written_bytes += request.transferred();
    switch (request.outcome.status) {
    case scsi::Status::good:
    case scsi::Status::condition_met:
        break;
    case scsi::Status::check_condition:
        ++counters.check_conditions;
        break;
    case scsi::Status::reservation_conflict:
        ++counters.conflicts;
        break;
    case scsi::Status::task_set_full:
    case scsi::Status::busy:
        ++counters.task_sets_full;
        break;
    case scsi::Status::aca_active:
    case scsi::Status::task_aborted:
        ++counters.other_statuses;
        break;
    }
}

struct LunStatistics {
    DomId guest;
    DevId device;
    ring::Address address;
    unsigned in_flight;   ///< now
    unsigned queue_depth; ///< how many there may be, as it is in force
    LunCounters counters;
    std::uint64_t injected; ///< commands to which a fault was done
};

} // namespace pvscsi::backend
