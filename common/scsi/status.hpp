// SAM status codes and the host codes of the wire protocol.
#pragma once

#include <cstdint>
#include <string_view>

namespace pvscsi::scsi {

/// SAM-5 5.3.1.
enum class Status : std::uint8_t {
    good = 0x00,
    check_condition = 0x02,
    condition_met = 0x04,
    busy = 0x08,
    reservation_conflict = 0x18,
    task_set_full = 0x28,
    aca_active = 0x30,
    task_aborted = 0x40,
};

/// XEN_VSCSIIF_RSLT_HOST_*; what became of a command before a SCSI status could be had.
/// 16 to 19 are left out on purpose: Linux' frontend takes them for `error`.
enum class HostCode : std::uint8_t {
    ok = 0,
    no_connect = 1,
    bus_busy = 2,
    time_out = 3,
    bad_target = 4,
    abort = 5,
    parity = 6,
    error = 7,
    reset = 8,
    bad_intr = 9,
    passthrough = 10,
    soft_error = 11,
    imm_retry = 12,
    requeue = 13,
    transport_disrupted = 14,
    transport_failfast = 15,
    transport_marginal = 20,
};

[[nodiscard]] std::string_view to_string(Status status) noexcept;
[[nodiscard]] std::string_view to_string(HostCode code) noexcept;

} // namespace pvscsi::scsi
