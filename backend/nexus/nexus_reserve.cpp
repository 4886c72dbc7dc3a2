// RESERVE and RELEASE of a guest, and which of the persistent ones need more than to be passed on.
#include "backend/nexus/nexus_target.hpp"

#include "common/base/bytes.hpp"
#include "common/scsi/opcode.hpp"

#include <algorithm>

namespace pvscsi::backend {

using scsi::HostCode;
using scsi::Status;
namespace condition = scsi::condition;
namespace op = scsi::opcode;

namespace {

enum PrIn : std::uint8_t { read_keys = 0x00, report_capabilities = 0x02, read_full_status = 0x03 };

std::uint8_t service_action(const Request& request) noexcept {
    return request.cdb().padded()[1] & 0x1f;
}

/// Nothing if it is as it should be: a parameter list of 24 bytes, which the guest sends.
std::optional<scsi::Sense> fault_of_pr_out(const Request& request) noexcept {
    if (!PrOut::served(service_action(request)))
        return scsi::Sense::illegal_field(0x24, 0x00, true, 1, 4);
    const bool sent =
        request.direction() == ring::Direction::to_device && request.length() >= PrOut::list_length;
    if (!sent || load_be32(request.cdb().padded(), 5) != PrOut::list_length)
        return scsi::sense_of(condition::parameter_list_length);
    return {};
}

} // namespace

Decorator::Verdict NexusTarget::admit_reservation(Request& request) noexcept {
    switch (request.cdb().opcode()) {
    case op::reserve_6:
    case op::reserve_10: {
        const auto claim = unit_->claim(nexus_);
        if (claim == SharedUnit::Claim::claimed)
            claiming_ = true;
        if (claim != SharedUnit::Claim::refused)
            return Verdict::pass;
        request.outcome.status = Status::reservation_conflict;
        return Verdict::done;
    }
    case op::release_6:
    case op::release_10:
        return admit_release(request);
    case op::persistent_reserve_in:
        return admit_report(request);
    case op::persistent_reserve_out:
        if (const auto fault = fault_of_pr_out(request)) {
            request.outcome.status = Status::check_condition;
            request.outcome.sense = *fault;
            return Verdict::done;
        }
        return Verdict::pass; // its data-out are needed first
    default:
        return Verdict::pass;
    }
}

/// The device would take another guest's reservation for this one's.
Decorator::Verdict NexusTarget::admit_release(Request&) noexcept {
    return unit_->claimed_by_other(nexus_) ? Verdict::done : Verdict::pass;
}

/// With one guest registered the device's own report is right.
Decorator::Verdict NexusTarget::admit_report(Request& request) noexcept {
    const std::uint8_t action = service_action(request);
    if (action != read_keys && action != read_full_status)
        return Verdict::pass;
    if (unit_->reservations().registrations().size() < 2)
        return Verdict::pass;
    return begin_change(request, {});
}

Decorator::Verdict NexusTarget::admit_data(Request& request) noexcept {
    if (!keeps_reservations() || request.cdb().opcode() != op::persistent_reserve_out)
        return Verdict::pass;
    one_less_in_flight();
    return begin_change(request, PrOut::parse(request.cdb(), as_u8(request.data())));
}

void NexusTarget::reservation_ended(Request& request) noexcept {
    const bool good =
        request.outcome.host == HostCode::ok && request.outcome.status == Status::good;
    switch (request.cdb().opcode()) {
    case op::reserve_6:
    case op::reserve_10:
        if (std::exchange(claiming_, false) && !good)
            unit_->unclaim(nexus_);
        break;
    case op::release_6:
    case op::release_10:
        if (good)
            unit_->unclaim(nexus_);
        break;
    case op::persistent_reserve_in:
        if (good && service_action(request) == report_capabilities)
            hide_capabilities(request);
        break;
    default:
        break;
    }
}

/// What is refused here is not there: SPEC_I_PT and ALL_TG_PT, which name ports that the guest is
/// not behind, and REPLACE LOST RESERVATION.
void NexusTarget::hide_capabilities(Request& request) noexcept {
    const auto told = request.outcome.data_in;
    const auto data = request.buffer(told.size());
    if (told.size() < 3 || data.size() < told.size())
        return;
    std::copy(told.begin(), told.end(), data.begin());
    data[2] &= ~std::byte{0x80 | 0x08 | 0x04};
    request.outcome.data_in = data;
}

} // namespace pvscsi::backend
