#include "common/scsi/status.hpp"

namespace pvscsi::scsi {

std::string_view to_string(Status status) noexcept {
    switch (status) {
    case Status::good:
        return "GOOD";
    case Status::check_condition:
        return "CHECK CONDITION";
    case Status::condition_met:
        return "CONDITION MET";
    case Status::busy:
        return "BUSY";
    case Status::reservation_conflict:
        return "RESERVATION CONFLICT";
    case Status::task_set_full:
        return "TASK SET FULL";
    case Status::aca_active:
        return "ACA ACTIVE";
    case Status::task_aborted:
        return "TASK ABORTED";
    }
    return "?";
}

std::string_view to_string(HostCode code) noexcept {
    switch (code) {
    case HostCode::ok:
        return "OK";
    case HostCode::no_connect:
        return "NO CONNECT";
    case HostCode::bus_busy:
        return "BUS BUSY";
    case HostCode::time_out:
        return "TIME OUT";
    case HostCode::bad_target:
        return "BAD TARGET";
    case HostCode::abort:
        return "ABORT";
    case HostCode::parity:
        return "PARITY";
    case HostCode::error:
        return "ERROR";
    case HostCode::reset:
        return "RESET";
    case HostCode::bad_intr:
        return "BAD INTERRUPT";
    case HostCode::passthrough:
        return "PASSTHROUGH";
    case HostCode::soft_error:
        return "SOFT ERROR";
    case HostCode::imm_retry:
        return "IMMEDIATE RETRY";
    case HostCode::requeue:
        return "REQUEUE";
    case HostCode::transport_disrupted:
        return "TRANSPORT DISRUPTED";
    case HostCode::transport_failfast:
        return "TRANSPORT FAILFAST";
    case HostCode::transport_marginal:
        return "TRANSPORT MARGINAL";
    }
    return "?";
}

} // namespace pvscsi::scsi
