#include "backend/targets/sg/result.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <scsi/sg.h>

namespace pvscsi::backend {

namespace {

using scsi::HostCode;
using scsi::Status;

constexpr unsigned did_time_out = 3, did_bad_intr = 9;

/// The kernel's DID_ codes 0 to 15 and 20 are the protocol's. But for two of them a Linux guest
/// stops all units of the vhost and calls its error handler; with one processor it even stops for
/// good (README.md). The command is over: to say that it may be repeated is all that is needed.
HostCode known_host(unsigned value) noexcept {
    if (value == did_time_out)
        return HostCode::transport_disrupted;
    if (value == did_bad_intr)
        return HostCode::error;
    return value <= 15 || value == 20 ? static_cast<HostCode>(value) : HostCode::error;
}

/// Codes that Linux' error handling sets beside a status, which says it better; a guest's frontend
/// does not know them (protocol: 16 target failure, 18 allocation failure, 19 medium error).
bool doubles_a_status(unsigned host) noexcept {
    return host == 16 || host == 18 || host == 19;
}
constexpr unsigned did_nexus_failure = 17; // a reservation conflict

constexpr std::uint8_t mode_sense6 = 0x1a, mode_sense10 = 0x5a;

/// In the mode parameter header: SBC-4 6.5.1, SSC-5 8.5.1.
bool has_write_protect_bit(std::uint8_t device_type) noexcept {
    constexpr auto types = std::to_array<std::uint8_t>({0x00, 0x01, 0x04, 0x07, 0x0e, 0x14});
    return std::find(types.begin(), types.end(), device_type) != types.end();
}

std::optional<scsi::Sense> sense_of(std::span<const std::uint8_t> bytes) noexcept {
    return is_sense(bytes) ? std::optional(scsi::Sense::from_bytes(bytes)) : std::nullopt;
}

} // namespace

std::optional<Status> known_status(std::uint8_t value) noexcept {
    switch (const auto status = static_cast<Status>(value)) {
    case Status::good:
    case Status::check_condition:
    case Status::condition_met:
    case Status::busy:
    case Status::reservation_conflict:
    case Status::task_set_full:
    case Status::aca_active:
    case Status::task_aborted:
        return status;
    }
    return {};
}

bool is_sense(std::span<const std::uint8_t> bytes) noexcept {
    return !bytes.empty() && (bytes[0] & 0x7f) >= 0x70 && (bytes[0] & 0x7f) <= 0x73;
}

void mark_write_protected(std::uint8_t device_type, std::uint8_t opcode,
                          std::span<std::byte> data) noexcept {
    const std::size_t device_specific = opcode == mode_sense6 ? 2 : 3;
    if ((opcode == mode_sense6 || opcode == mode_sense10) && data.size() > device_specific &&
        has_write_protect_bit(device_type))
        data[device_specific] |= std::byte{0x80};
}

Outcome host_outcome(HostCode host) noexcept {
    Outcome outcome;
    outcome.host = host;
    return outcome;
}

Outcome status_outcome(Status status) noexcept {
    Outcome outcome;
    outcome.status = status;
    return outcome;
}

Outcome sense_outcome(scsi::SenseKey key, std::uint8_t asc, std::uint8_t ascq) noexcept {
    Outcome outcome = status_outcome(Status::check_condition);
    outcome.sense = scsi::Sense::fixed(key, asc, ascq);
    return outcome;
}

Outcome outcome_of(const ::sg_io_hdr& header, ring::Direction direction,
                   std::span<const std::byte> data, std::span<const std::uint8_t> sense) noexcept {
    const auto status = known_status(header.status);
    if (header.host_status == did_nexus_failure)
        return status_outcome(Status::reservation_conflict);
    const bool by_status =
        header.host_status == 0 || (doubles_a_status(header.host_status) && status != Status::good);
    const auto sense_told =
        sense_of(sense.first(std::min<std::size_t>(header.sb_len_wr, sense.size())));
    if (!by_status || !status) {
        Outcome outcome = host_outcome(header.host_status == 0 ? HostCode::error
                                                               : known_host(header.host_status));
        // Beside a host error the status and the residual are left-overs of anything, but for a
        // status that has sense data: an adapter says so why it has ended the command.
        if (header.host_status != 0 && status == Status::check_condition && sense_told) {
            outcome.status = *status;
            outcome.sense = *sense_told;
        }
        return outcome;
    }

    Outcome outcome = status_outcome(*status);
    const auto length = static_cast<std::int64_t>(data.size());
    // One that exceeds the length is what there would have been beyond it: libiscsi sets it so for
    // RFC 7143 11.4.5.1's overflow, where all of the room is used.
    const bool overflow = header.resid > length;
    const auto residual = overflow ? 0 : std::max<std::int64_t>(header.resid, 0);
    const auto moved = static_cast<std::uint32_t>(length - residual);
    if (direction == ring::Direction::from_device)
        outcome.data_in = data.first(moved);
    else if (direction == ring::Direction::to_device)
        outcome.consumed = moved;
    if (sense_told)
        outcome.sense = *sense_told;
    return outcome;
}

Outcome outcome_of_refusal(int error, std::uint32_t length) noexcept {
    switch (error) {
    case EDOM: // more at once than the driver queues
        return status_outcome(Status::task_set_full);
    case ENOMEM:
    case EAGAIN:
    case EBUSY:
        return status_outcome(Status::busy);
    case ENODEV:
    case ENXIO:
        return host_outcome(HostCode::no_connect);
    case EINVAL:
    case E2BIG:
        // More data than the host adapter transfers in one command: the answer of a unit to more
        // than its MAXIMUM TRANSFER LENGTH (SBC-4 6.6.4), INVALID FIELD IN CDB.
        if (length > 0)
            return sense_outcome(scsi::SenseKey::illegal_request, 0x24, 0x00);
        [[fallthrough]];
    default:
        return host_outcome(HostCode::error);
    }
}

} // namespace pvscsi::backend
