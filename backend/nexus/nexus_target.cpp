#include "backend/nexus/nexus_target.hpp"

#include "backend/worker.hpp"
#include "common/base/bytes.hpp"
#include "common/scsi/opcode.hpp"

#include <algorithm>

namespace pvscsi::backend {

namespace {

using scsi::HostCode;
using scsi::Status;
namespace condition = scsi::condition;
namespace op = scsi::opcode;

constexpr std::array<std::uint8_t, 6> test_unit_ready{op::test_unit_ready};

/// How a command ends that the kernel's error handling has had a hand in.
bool may_follow_reset(HostCode host) noexcept {
    return host == HostCode::time_out || host == HostCode::reset ||
           host == HostCode::transport_disrupted;
}

/// What the device says to the nexus whose registration another host has ended.
bool is_about_reservations(const scsi::Condition& attention) noexcept {
    return attention == condition::reservations_preempted ||
           attention == condition::reservations_released ||
           attention == condition::registrations_preempted;
}

} // namespace

bool needs_nexus(std::uint8_t device_type, bool alone) noexcept {
    constexpr std::uint8_t tape = 0x01, changer = 0x08;
    return !alone || device_type == tape || device_type == changer;
}

NexusTarget::NexusTarget(std::unique_ptr<Target> device, std::shared_ptr<SharedUnit> unit,
                         NexusId id, std::chrono::milliseconds patience)
    : Decorator(std::move(device)), unit_(std::move(unit)), nexus_(id), patience_(patience),
      self_(std::make_shared<NexusTarget*>(this)) {}

NexusTarget::~NexusTarget() {
    detach();
}

void NexusTarget::remember_in(const std::string& path, bool inherited) {
    Decorator::remember_in(path, inherited);
    nexus_.remember_in(path, inherited);
}

void NexusTarget::attach(Worker& worker) {
    Decorator::attach(worker);
    worker_ = &worker;
    timer_.emplace(worker.context());
    nexus_.drain = [&worker, weak = std::weak_ptr(self_)](Nexus::Ticket ticket) {
        worker.post([weak, ticket = std::move(ticket)]() mutable {
            if (const auto self = weak.lock())
                (*self)->hold(std::move(ticket));
        });
    };
    unit_->join(nexus_);
}

void NexusTarget::detach() noexcept {
    if (std::exchange(worker_, nullptr) == nullptr)
        return;
    Decorator::detach();
    unit_->leave(nexus_);
    self_.reset();
    timer_.reset();
    tickets_.clear();
}

Decorator::Verdict NexusTarget::admit(Request& request) noexcept {
    Verdict verdict = Verdict::pass;
    if (const std::uint8_t notices = nexus_.notices(); notices != 0)
        verdict = look_at_notices(request, notices);
    if (verdict == Verdict::pass && keeps_reservations())
        verdict = admit_reservation(request);
    if (verdict == Verdict::pass)
        ++in_flight_;
    return verdict;
}

/// A unit attention comes before a reservation's conflict.
Decorator::Verdict NexusTarget::look_at_notices(Request& request, std::uint8_t notices) noexcept {
    const AttentionRule rule = attention_rule(device_type(), request.cdb());
    if ((notices & Nexus::attention_waits) != 0 && rule != AttentionRule::ignores)
        if (const scsi::Condition attention = unit_->take(nexus_); attention != condition::none) {
            answer_with(request, attention);
            return Verdict::done;
        }
    if ((notices & ~Nexus::attention_waits) == 0)
        return Verdict::pass;
    const Use use = use_of(device_type(), request.cdb());
    const bool reserved = (notices & Nexus::reserved) != 0 && !passes_reserve(request.cdb());
    const bool refused = (use == Use::writes && (notices & Nexus::writes_refused) != 0) ||
                         (use == Use::reads && (notices & Nexus::reads_refused) != 0);
    if (reserved || refused)
        request.outcome.status = Status::reservation_conflict;
    else if (use != Use::harmless && (notices & Nexus::draining) != 0)
        request.outcome.status = Status::busy;
    else
        return Verdict::pass;
    return Verdict::done;
}

bool NexusTarget::ended(Request& request) noexcept {
    one_less_in_flight();
    const Outcome& outcome = request.outcome;
    const ring::Cdb& cdb = request.cdb();
    if (outcome.host != HostCode::ok || outcome.status != Status::good ||
        cdb.opcode() == op::request_sense)
        heed_end(request);
    else if (may_cause_attention(cdb.opcode()))
        if (const auto attention = attention_caused_by(device_type(), cdb))
            unit_->tell_others(nexus_, *attention);
    if (keeps_reservations())
        reservation_ended(request);
    return true;
}

void NexusTarget::heed_end(Request& request) noexcept {
    const Outcome& outcome = request.outcome;
    const bool kept = keeps_reservations() && !unit_->reservations().registrations().empty();
    if (const auto attention = attention_told(request.cdb(), outcome)) {
        if (kept && is_about_reservations(*attention))
            look(*attention, &nexus_);
        else
            unit_->device_told(&nexus_, *attention);
        if (kept &&
            is_reset(*attention)) // one that loses power forgets who has not asked for APTPL
            look(condition::none, nullptr);
    } else if (may_follow_reset(outcome.host)) {
        unit_->was_disrupted();
    } else if (kept && outcome.host == HostCode::ok &&
               outcome.status == Status::reservation_conflict) {
        look(condition::none, nullptr);
    }
}

void NexusTarget::one_less_in_flight() noexcept {
    if (--in_flight_ > 0 || tickets_.empty())
        return;
    unit_->drained(nexus_);
    tickets_.clear();
}

/// What comes of leftovers' end is seen by those who begin after it: none may before.
void NexusTarget::end_leftovers() noexcept {
    unit_->reset_begins();
    Decorator::end_leftovers();
    unit_->was_reset();
}

/// Also where it is said to have failed, for it may have been done, or be done later.
void NexusTarget::reset(std::function<void(bool success)> done) noexcept {
    unit_->reset_begins();
    Decorator::reset([this, done = std::move(done)](bool success) {
        unit_->was_reset();
        take_own_word();
        done(success);
    });
}

/// The device has the reset to tell as well, to the command that comes first. A TEST UNIT READY
/// takes that, so that no guest is told twice; it moves no medium.
void NexusTarget::take_own_word() noexcept {
    if (worker_ == nullptr || own_.busy())
        return unit_->reset_settled();
    own_.fetch(inner(), test_unit_ready, 0, [this](const Outcome& outcome) {
        const auto attention = attention_told(*ring::Cdb::make(test_unit_ready), outcome);
        unit_->reset_settled();
        if (attention && !is_reset(*attention))
            unit_->device_told(nullptr, *attention);
    });
}

/// What is asked of the device for a guest goes on to its end.
void NexusTarget::abort(Request& request) noexcept {
    if (!change_ || change_->request != &request)
        Decorator::abort(request);
}

/// RESERVE ends with the connection (SPC-2 5.5.1), persistent reservations don't.
void NexusTarget::nexus_lost() noexcept {
    Decorator::nexus_lost();
    constexpr std::array<std::uint8_t, 6> release{op::release_6};
    if (!keeps_reservations() || unit_->reservations().legacy_holder != nexus_.id() || own_.busy())
        return;
    unit_->unclaim(nexus_);
    own_.fetch(inner(), release, 0, [](const Outcome&) {});
}

void NexusTarget::keep_house() noexcept {
    Decorator::keep_house();
    if (keeps_reservations() && unit_->look_due())
        look(condition::none, nullptr);
}

} // namespace pvscsi::backend
