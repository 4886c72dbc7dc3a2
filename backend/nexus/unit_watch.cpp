#include "backend/nexus/unit_watch.hpp"

#include "backend/nexus/attentions.hpp"
#include "common/scsi/opcode.hpp"
#include "common/scsi/vpd.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>

namespace pvscsi::backend {

namespace {

namespace fs = std::filesystem;
using scsi::HostCode;
using scsi::SenseKey;
using scsi::Status;

constexpr scsi::Condition not_supported{SenseKey::illegal_request, 0x25, 0x00};

bool reported_luns_changed(const scsi::Condition& attention) noexcept {
    return attention.asc == 0x3f && attention.ascq == 0x0e;
}

bool casts_doubt(const scsi::Condition& attention) noexcept {
    return attention.asc == 0x29 ||
           (attention.asc == 0x3f &&
            (attention.ascq == 0x03 || attention.ascq == 0x05 || attention.ascq == 0x0e));
}

bool is_not_supported(const Outcome& outcome) noexcept {
    return outcome.host == HostCode::ok && outcome.status == Status::check_condition &&
           outcome.sense.key() == not_supported.key && outcome.sense.asc() == not_supported.asc;
}

} // namespace

TargetDoubts doubts_at(const std::string& node, const fs::path& sysfs) {
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<std::atomic<unsigned>>> all;
    std::error_code error;
    const fs::path device = fs::canonical(
        sysfs / "class" / "scsi_generic" / fs::path(node).filename() / "device", error);
    const std::string target = error ? node : device.parent_path().string();
    const std::lock_guard lock(mutex);
    std::erase_if(all, [](const auto& entry) { return entry.second.expired(); });
    auto doubts = all[target].lock();
    if (!doubts) {
        doubts = std::make_shared<std::atomic<unsigned>>(0);
        all[target] = doubts;
    }
    return doubts;
}

UnitWatch::UnitWatch(std::unique_ptr<Target> inner, std::vector<std::byte> page,
                     TargetDoubts doubts, std::string remedy)
    : Decorator(std::move(inner)), given_(std::move(page)), doubts_(std::move(doubts)),
      remedy_(std::move(remedy)), seen_(doubts_->load(std::memory_order_relaxed)) {}

Decorator::Verdict UnitWatch::admit(Request& request) noexcept {
    heed_others();
    if (state_ == State::known)
        return pass(request);
    if (state_ == State::another)
        return refuse(request);
    if (attention_rule(device_type(), request.cdb()) == AttentionRule::ignores)
        return pass(request);
    if (question_.busy()) {
        request.outcome.status = Status::busy;
        return Verdict::done;
    }
    if (ask_for(request, false))
        return Verdict::pending;
    return state_ == State::known ? pass(request) : refuse(request);
}

/// The unit may have become another one while the data were on their way from the guest.
Decorator::Verdict UnitWatch::admit_data(Request& request) noexcept {
    heed_others();
    if (state_ == State::known)
        return Verdict::pass;
    (void)forget(request);
    return refuse(request);
}

Decorator::Verdict UnitWatch::pass(Request& request) noexcept {
    if (count_ == passed_.size()) { // more than a ring has
        request.outcome.status = Status::busy;
        return Verdict::done;
    }
    passed_[count_++] = {&request};
    return Verdict::pass;
}

UnitWatch::Passed UnitWatch::forget(const Request& request) noexcept {
    auto* const end = passed_.data() + count_;
    auto* const place = std::find_if(
        passed_.data(), end, [&](const Passed& passed) { return passed.request == &request; });
    if (place == end)
        return {};
    --count_;
    return std::exchange(*place, passed_[count_]);
}

Decorator::Verdict UnitWatch::refuse(Request& request) const noexcept {
    switch (state_) {
    case State::gone:
        answer_with(request, not_supported);
        break;
    case State::unanswered:
        request.outcome.host = trouble_;
        break;
    case State::another:
        request.outcome.host = HostCode::no_connect;
        break;
    case State::known:
    case State::doubtful:
        request.outcome.status = Status::busy;
    }
    return Verdict::done;
}

/// What another unit of the target has said.
void UnitWatch::heed_others() noexcept {
    const unsigned doubts = doubts_->load(std::memory_order_relaxed);
    if (doubts == seen_)
        return;
    seen_ = doubts;
    doubt(State::doubtful);
}

void UnitWatch::doubt(State state) noexcept {
    if (state_ == State::another)
        return;
    state_ = state;
    again_ = question_.busy();
    for (Passed& passed : std::span(passed_).first(count_)) {
        passed.taken_back = true;
        inner().abort(*passed.request); // nothing to one that is at the device
    }
}

bool UnitWatch::ended(Request& request) noexcept {
    const Passed passed = forget(request);
    heed_others();
    Outcome& outcome = request.outcome;
    const bool good = outcome.host == HostCode::ok && outcome.status == Status::good;
    if (good && request.cdb().opcode() != scsi::opcode::request_sense)
        return true;
    if (passed.taken_back && !passed.aborted && outcome.host == HostCode::abort) {
        outcome.clear();
        (void)refuse(request);
        return true;
    }
    return !heed(request) || question_.busy() || !ask_for(request, true);
}

/// Whether the unit is to be asked because of what it has said.
bool UnitWatch::heed(const Request& request) noexcept {
    if (state_ == State::another)
        return false;
    if (is_not_supported(request.outcome)) {
        doubt(State::gone); // it is asked for the next command
        return false;
    }
    const auto attention = attention_told(request.cdb(), request.outcome);
    if (!attention || !casts_doubt(*attention))
        return false;
    if (reported_luns_changed(*attention))
        seen_ = doubts_->fetch_add(1, std::memory_order_relaxed) + 1;
    doubt(State::doubtful);
    return true;
}

/// True: `request` is kept until the answer is there.
bool UnitWatch::ask_for(Request& request, bool executed) noexcept {
    ask();
    if (!question_.busy())
        return false;
    kept_ = {&request, executed};
    return true;
}

void UnitWatch::ask() noexcept {
    question_.fetch(inner(), scsi::inquiry_identification, scsi::identification_room,
                    [this](const Outcome& outcome) { answered_with(outcome); });
}

UnitWatch::State UnitWatch::judge(const Outcome& outcome) const noexcept {
    if (outcome.host != HostCode::ok)
        return State::unanswered;
    // Also of one that does not have the page: whoever has no name is not the one.
    if (outcome.status == Status::check_condition &&
        outcome.sense.key() == SenseKey::illegal_request)
        return State::gone;
    if (outcome.status != Status::good || outcome.data_in.empty())
        return State::doubtful;
    const bool no_unit = std::to_integer<unsigned>(outcome.data_in[0]) >> 5 != 0;
    if (no_unit || !scsi::names_unit(outcome.data_in))
        return State::gone;
    return scsi::same_unit(given_, outcome.data_in) ? State::known : State::another;
}

void UnitWatch::answered_with(const Outcome& outcome) noexcept {
    if (std::exchange(again_, false))
        return ask();
    state_ = judge(outcome);
    trouble_ = outcome.host;
    // INQUIRY does not report one; a device that does it all the same has the guest in mind.
    const auto attention = attention_told(*ring::Cdb::make(scsi::inquiry_identification), outcome);
    if (attention)
        inner().tell(*attention);
    if (state_ == State::another && on_failure)
        on_failure("another unit is at its address now, " + scsi::unit_label(outcome.data_in) +
                   "; the guest was given " + scsi::unit_label(given_) + ": " + remedy_);
    finish_kept();
}

void UnitWatch::finish_kept() noexcept {
    const Kept kept = std::exchange(kept_, {});
    if (kept.request == nullptr)
        return;
    if (kept.aborted && !kept.executed)
        kept.request->outcome.host = HostCode::abort;
    else if (!kept.executed)
        (void)refuse(*kept.request);
    kept.request->finish();
}

/// One that is kept ends with the question.
void UnitWatch::abort(Request& request) noexcept {
    if (kept_.request == &request) {
        kept_.aborted = true;
        return;
    }
    for (Passed& passed : std::span(passed_).first(count_))
        if (passed.request == &request)
            passed.aborted = true;
    Decorator::abort(request);
}

void UnitWatch::keep_house() noexcept {
    const bool gone = state_ == State::gone;
    if (std::exchange(warned_, gone) != gone && on_warning)
        on_warning(gone ? "no unit answers to its address, or one without a name" : "");
    Decorator::keep_house();
}

} // namespace pvscsi::backend
