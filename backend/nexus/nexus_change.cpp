// A change of persistent reservations, one at a time for all nexuses of a unit: the device is asked
// what it has, for other hosts may have changed it; then what is to be done is decided, done, and
// counts. Each command of it is the device's answer away from the next; nothing waits.
#include "backend/nexus/nexus_target.hpp"

#include "common/base/bytes.hpp"
#include "common/scsi/opcode.hpp"

namespace pvscsi::backend {

using scsi::HostCode;
using scsi::Status;
namespace condition = scsi::condition;
namespace op = scsi::opcode;

namespace {

constexpr std::uint8_t read_keys = 0x00, read_reservation = 0x01, read_full_status = 0x03;
/// A device that has more of them to tell than that has lost its way.
constexpr unsigned most_attentions = 8;

bool is_good(const Outcome& outcome) noexcept {
    return outcome.host == HostCode::ok && outcome.status == Status::good;
}

Outcome failure(Status status, const scsi::Sense& sense = {}) noexcept {
    Outcome outcome;
    outcome.status = status;
    outcome.sense = sense;
    return outcome;
}

} // namespace

Decorator::Verdict NexusTarget::begin_change(Request& request, std::optional<PrOut> out) noexcept {
    if (change_ || own_.busy() || !unit_->begin_change(nexus_)) {
        request.outcome.status = Status::busy;
        return Verdict::done;
    }
    ++changes_;
    change_.emplace();
    change_->request = &request;
    change_->out = out;
    starting_ = true;
    ask(read_keys, &NexusTarget::take_keys);
    starting_ = false;
    return change_ ? Verdict::pending : Verdict::done;
}

/// Whether another host has changed something; `why` is what the device has told `told`.
void NexusTarget::look(const scsi::Condition& why, const Nexus* told) noexcept {
    if (worker_ == nullptr || change_ || own_.busy() || !unit_->begin_change(nexus_))
        return unit_->want_look();
    ++changes_;
    change_.emplace();
    change_->why = why;
    change_->told = told;
    ask(read_keys, &NexusTarget::take_keys);
}

void NexusTarget::ask(std::uint8_t action, Next next) noexcept {
    std::array<std::uint8_t, 10> cdb{op::persistent_reserve_in, action};
    store_be16(cdb, 7, OwnCommand::room);
    own_.fetch(inner(), cdb, OwnCommand::room, [this, action, next](const Outcome& outcome) {
        if (heard_attention(outcome))
            return ask(action, next);
        if (!is_good(outcome))
            return finish_change(outcome);
        (this->*next)(outcome);
    });
}

/// Then the command was not executed, and can be sent again.
bool NexusTarget::heard_attention(const Outcome& outcome) noexcept {
    constexpr std::array<std::uint8_t, 6> test_unit_ready{op::test_unit_ready};
    const auto attention = attention_told(*ring::Cdb::make(test_unit_ready), outcome);
    if (!attention)
        return false;
    if (*attention == condition::reservations_preempted ||
        *attention == condition::reservations_released ||
        *attention == condition::registrations_preempted)
        change_->why = *attention;
    else
        unit_->device_told(nullptr, *attention);
    return ++change_->attentions <= most_attentions;
}

void NexusTarget::take_keys(const Outcome& outcome) noexcept {
    const auto data = as_u8(outcome.data_in);
    if (!change_->view.take_keys(data)) // more than there is room for: a key could be among those
        return finish_change(
            failure(Status::check_condition, scsi::sense_of(condition::internal_failure)));
    change_->generation = load_be32(data, 0);
    ask(read_reservation, &NexusTarget::take_reservation);
}

void NexusTarget::take_reservation(const Outcome& outcome) noexcept {
    change_->view.take_reservation(as_u8(outcome.data_in));
    ReservationTable table = unit_->reservations();
    const auto news = reconcile(table, change_->view, change_->why);
    unit_->commit(table, news, change_->told);
    if (change_->request == nullptr)
        return finish_change({});
    if (!change_->out) {
        if ((change_->request->cdb().padded()[1] & 0x1f) == read_keys)
            return report_keys();
        return ask(read_full_status, &NexusTarget::report_full_status);
    }
    change_->plan = plan_for(*change_->out, nexus_.id(), table, change_->view);
    if (change_->plan.status != Status::good)
        return finish_change(failure(change_->plan.status, change_->plan.sense));
    next_step();
}

void NexusTarget::next_step() noexcept {
    if (change_->step == change_->plan.steps.size())
        return complete();
    const DeviceStep& step = change_->plan.steps[change_->step];
    if (step.action == PrAction::enroll_anyway) {
        ReservationTable table = unit_->reservations();
        table.next_key = step.action_key;
        table.next_key_of = step.key_of;
        table.changing = 1;
        unit_->commit(table);
    }
    std::array<std::uint8_t, 10> cdb{op::persistent_reserve_out,
                                     static_cast<std::uint8_t>(step.action),
                                     static_cast<std::uint8_t>(step.type)};
    store_be32(cdb, 5, PrOut::list_length);
    std::array<std::uint8_t, PrOut::list_length> list{};
    store_be64(list, 0, step.key);
    store_be64(list, 8, step.action_key);
    const bool enrolls = step.action == PrAction::enroll_anyway;
    list[20] = enrolls && step.persist ? 0x01 : 0x00;
    own_.send(inner(), cdb, list, [this](const Outcome& outcome) { step_ended(outcome); });
}

void NexusTarget::step_ended(const Outcome& outcome) noexcept {
    if (heard_attention(outcome))
        return next_step();
    const DeviceStep& step = change_->plan.steps[change_->step];
    ReservationTable table = unit_->reservations();
    if (!is_good(outcome)) {
        if (outcome.host == HostCode::ok) { // else it may have been executed
            table.changing = 0;
            unit_->commit(table);
        }
        unit_->want_look();
        return finish_change(outcome);
    }
    if (step.action == PrAction::enroll_anyway) {
        table.device_key = step.action_key;
        table.device_key_of = step.key_of;
        table.changing = 0;
    } else if (step.action == PrAction::clear) {
        table.device_key = table.device_key_of = 0;
    }
    if (++change_->step < change_->plan.steps.size())
        unit_->commit(table);
    else // what the last one brings counts together with the rest of it
        change_->plan.after.take_device_key(table);
    next_step();
}

void NexusTarget::complete() noexcept {
    Plan& plan = change_->plan;
    if (!plan.steps.empty())
        unit_->commit(plan.after, plan.news);
    if (!plan.victims.empty())
        return drain_victims();
    finish_change({});
}

void NexusTarget::finish_change(const Outcome& outcome) noexcept {
    Request* const request = change_->request;
    const bool is_out = change_->out.has_value();
    change_.reset();
    unit_->end_change(nexus_);
    if (request == nullptr)
        return;
    request->outcome = outcome;
    if (is_out) {
        request->outcome.data_in = {};
        request->outcome.consumed = is_good(outcome) ? request->length() : 0;
    } else if (!is_good(outcome)) {
        request->outcome.data_in = {};
    }
    if (!starting_)
        request->finish();
}

} // namespace pvscsi::backend
