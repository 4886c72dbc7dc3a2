// PREEMPT AND ABORT among the guests behind one nexus. The device can't abort the commands of one
// of them, nor can sg: so the preempted begin nothing more, and the answer waits until what they
// have at the unit has ended. What does not end in time is ended by a LOGICAL UNIT RESET.
#include "backend/nexus/nexus_target.hpp"
#include "backend/worker.hpp"

namespace pvscsi::backend {

namespace {

/// Let go of on a victim's worker, the last one says so on ours.
Nexus::Ticket ticket_for(Worker& worker, std::weak_ptr<NexusTarget*> self,
                         void (*tell)(NexusTarget&, std::uint64_t), std::uint64_t change) {
    return {nullptr, [&worker, self = std::move(self), tell, change](std::nullptr_t) {
                if (const auto alive = self.lock())
                    worker.post([self, tell, change] {
                        if (const auto target = self.lock())
                            tell(**target, change);
                    });
            }};
}

} // namespace

void NexusTarget::drain_victims() noexcept {
    change_->draining = true;
    const std::uint64_t change = changes_;
    timer_->expires_after(patience_);
    timer_->async_wait(
        [weak = std::weak_ptr(self_), change](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (!error && self)
                (*self)->drain_overdue(change);
        });
    const auto tell = [](NexusTarget& target, std::uint64_t number) { target.drain_ended(number); };
    unit_->drain(change_->plan.victims, nexus_, ticket_for(*worker_, self_, tell, change));
}

void NexusTarget::drain_ended(std::uint64_t change) noexcept {
    if (!change_ || changes_ != change || !change_->draining)
        return;
    timer_->cancel();
    finish_change({});
}

void NexusTarget::drain_overdue(std::uint64_t change) noexcept {
    if (!change_ || changes_ != change || !change_->draining)
        return;
    reset([this, change](bool success) {
        if (!change_ || changes_ != change || !change_->draining)
            return;
        Outcome outcome;
        if (!success) {
            outcome.status = scsi::Status::check_condition;
            outcome.sense = scsi::sense_of(scsi::condition::internal_failure);
        }
        finish_change(outcome);
    });
}

/// The commands that are under way here are to end before `ticket` is let go of.
void NexusTarget::hold(Nexus::Ticket ticket) noexcept {
    if (in_flight_ == 0)
        return unit_->drained(nexus_);
    tickets_.push_back(std::move(ticket));
}

} // namespace pvscsi::backend
