// A connection whose daemon has died, taken up by the next one: the frontend notices nothing but a
// pause. What the predecessor had taken and not answered is begun again where that can do no harm,
// and answered with a truthful error where it can: nobody knows whether the device has executed it.
//
// The predecessor's own commands at the devices must have ended before (Vhost sees to that): else
// an old WRITE could come after what the guest writes next to the same place.
#include "backend/queue.hpp"

#include "backend/repeatable.hpp"
#include "common/base/log.hpp"
#include "common/scsi/device_type.hpp"

#include <algorithm>

namespace pvscsi::backend {

namespace {

/// How `manager`, which came after it, ends `command`; nothing if it doesn't.
std::optional<scsi::HostCode> end_by(const ring::Command& command, const ring::Command& manager) {
    if (command.address() != manager.address())
        return {};
    if (manager.action() == ring::Action::reset)
        return scsi::HostCode::reset;
    if (manager.action() == ring::Action::abort && manager.victim() == command.tag())
        return scsi::HostCode::abort;
    return {};
}

} // namespace

void Queue::take_over() {
    ring_.take_over();
    connection_.channel->notify();
    std::vector<Inherited> inherited;
    ring::SegmentList segments(ring::max_direct_segments);
    for (const auto& open : journal_.open_requests()) {
        free_slots_ &= ~(1u << open.slot);
        const auto command = ring::parse(open.request, limits_, segments);
        inherited.push_back({*slots_[open.slot], open.request,
                             command.value_or(ring::Command::rejected(ring::tag_of(open.request))),
                             command && !command->indirect() ? segments.total() : 0});
    }
    unsigned failed = 0;
    for (std::size_t i = 0; i < inherited.size(); ++i) {
        auto& [slot, request, command, length] = inherited[i];
        if (const auto verdict = verdict_on(command, std::span(inherited).subspan(i + 1))) {
            slot.prepare(command, length);
            if (*verdict == scsi::HostCode::transport_disrupted)
                disown(slot);
            else
                fail(slot, *verdict);
            if (const Lun* const lun = luns_.find(command.address()))
                record_at_once(slot, *lun);
            ++failed;
        } else {
            accept(slot, request);
        }
    }
    if (descriptors_.size() > 0)
        parse_fetched_descriptors();
    log::info("connection taken over requests={} not_repeated={}", inherited.size(), failed);
}

/// Nobody knows what became of it. Where one of a tape or changer may have moved something, the
/// guest is told not to rely on where things were.
void Queue::disown(Slot& slot) noexcept {
    Target& target = *luns_.find(slot.command.address())->target;
    if (scsi::keeps_position(target.device_type()) && may_have_moved(slot.command.cdb()))
        target.tell(scsi::condition::internal_reset);
    slot.outcome.clear();
    slot.outcome.host = scsi::HostCode::transport_disrupted;
    forbid_repetition(target.device_type(), slot.outcome);
    finish(slot);
}

/// The host code to answer it with; nothing: begin it again.
std::optional<scsi::HostCode> Queue::verdict_on(const ring::Command& command,
                                                std::span<const Inherited> later) const {
    if (command.action() != ring::Action::cdb || command.cdb().bytes().empty())
        return {};
    for (const auto& other : later)
        if (const auto end = end_by(command, other.command))
            return end;
    const Lun* const lun = luns_.find(command.address());
    if (lun != nullptr &&
        (lun->unsettled || !may_repeat(lun->target->device_type(), command.cdb(), lun->shared)))
        return scsi::HostCode::transport_disrupted;
    return {};
}

} // namespace pvscsi::backend
