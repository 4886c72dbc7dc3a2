#include "backend/inject/injector.hpp"

#include "backend/worker.hpp"

#include <algorithm>
#include <cassert>

namespace pvscsi::backend::inject {

namespace {

/// What the device is not asked for.
void answer(Outcome& outcome, const Effect& effect) noexcept {
    outcome.clear();
    if (effect.host)
        outcome.host = *effect.host;
    if (effect.status)
        outcome.status = static_cast<scsi::Status>(*effect.status);
    if (!effect.sense.empty()) {
        outcome.status = scsi::Status::check_condition;
        outcome.sense = effect.sense;
    }
}

/// The last bytes were not moved.
void shorten(Request& request, std::uint32_t missing) noexcept {
    Outcome& outcome = request.outcome;
    const std::uint32_t moved = request.transferred() - std::min(request.transferred(), missing);
    outcome.consumed = std::min(outcome.consumed, moved);
    outcome.data_in = outcome.data_in.first(std::min<std::size_t>(outcome.data_in.size(), moved));
    outcome.unmoved = std::min(outcome.unmoved, moved);
}

void end_by(Request& request, scsi::HostCode code) noexcept {
    request.outcome.clear();
    request.outcome.host = code;
}

} // namespace

void Injector::add(const std::vector<Rule>& rules) {
    assert(rules_.size() + rules.size() <= most_rules);
    for (const Rule& rule : rules)
        rules_.push_back({rule});
}

void Injector::clear() noexcept {
    rules_.clear();
}

std::vector<RuleReport> Injector::report() const {
    std::vector<RuleReport> report;
    for (const Armed& armed : rules_)
        report.push_back({armed.rule.text(), armed.fitted, armed.hit});
    return report;
}

void Injector::attach(Worker& worker) {
    timer_.emplace(worker.context());
    Decorator::attach(worker);
}

void Injector::detach() noexcept {
    timer_.reset();
    alive_.reset();
    Decorator::detach();
}

/// xorshift64*: the faults need no better.
std::uint32_t Injector::random() noexcept {
    random_ ^= random_ >> 12;
    random_ ^= random_ << 25;
    random_ ^= random_ >> 27;
    return static_cast<std::uint32_t>(random_ * 0x2545f4914f6cdd1du >> 32);
}

/// Of the first rule that fires.
const Effect* Injector::choose(const Request& request) noexcept {
    for (Armed& armed : rules_) {
        const Rule& rule = armed.rule;
        if (!rule.fits(request.cdb()) || armed.hit >= rule.count() || random() >= rule.chance())
            continue;
        if (armed.fitted++ < rule.skip())
            continue;
        ++armed.hit;
        ++hits_;
        return &rule.effect();
    }
    return nullptr;
}

Injector::Flight* Injector::find(const Request& request) noexcept {
    if (flying_ == 0)
        return nullptr;
    auto* const place = std::find_if(flights_.begin(), flights_.end(),
                                     [&](const auto& f) { return f.request == &request; });
    return place == flights_.end() ? nullptr : place;
}

Injector::Flight* Injector::unused() noexcept {
    auto* const place = std::find_if(flights_.begin(), flights_.end(),
                                     [](const auto& f) { return f.request == nullptr; });
    return place == flights_.end() ? nullptr : place;
}

Decorator::Verdict Injector::admit(Request& request) noexcept {
    if (rules_.empty())
        return Verdict::pass;
    Flight* const flight = unused();
    const Effect* const effect = flight == nullptr ? nullptr : choose(request);
    if (effect == nullptr)
        return Verdict::pass;
    const bool late = effect->delay.count() != 0;
    if (effect->instead() && !effect->drop) {
        answer(request.outcome, *effect);
        if (!late)
            return Verdict::done;
    }
    flight->request = &request;
    flight->effect = *effect;
    ++flying_;
    if (!effect->instead())
        return Verdict::pass;
    hold(*flight, late ? Clock::now() + effect->delay : never);
    return Verdict::pending;
}

bool Injector::ended(Request& request) noexcept {
    Flight* const flight = find(request);
    if (flight == nullptr)
        return true;
    const Effect& effect = flight->effect;
    if (effect.missing != 0)
        shorten(request, effect.missing);
    const bool good =
        request.outcome.host == scsi::HostCode::ok && request.outcome.status == scsi::Status::good;
    if (effect.missing != 0 && good) {
        if (effect.status)
            request.outcome.status = static_cast<scsi::Status>(*effect.status);
        if (!effect.sense.empty()) {
            request.outcome.status = scsi::Status::check_condition;
            request.outcome.sense = effect.sense;
        }
    }
    if (effect.delay.count() == 0) {
        release(*flight);
        return true;
    }
    hold(*flight, Clock::now() + effect.delay);
    return false;
}

void Injector::dropped(Request& request) noexcept {
    if (Flight* const flight = find(request))
        release(*flight);
}

void Injector::hold(Flight& flight, Clock::time_point due) noexcept {
    flight.held = true;
    flight.due = due;
    arm();
}

void Injector::abort(Request& request) noexcept {
    Flight* const flight = find(request);
    if (flight == nullptr)
        return Decorator::abort(request);
    const bool lost = flight->effect.lost_abort;
    if (!lost && !flight->held)
        return Decorator::abort(request);
    // Not from inside this call: by the timer.
    const auto when = lost ? Clock::now() + patience_ : Clock::now();
    if (flight->held && when < flight->due)
        end_by(request, scsi::HostCode::abort);
    flight->due = std::min(flight->due, when);
    arm();
}

void Injector::reset(std::function<void(bool success)> done) noexcept {
    for (Flight& flight : flights_) {
        if (flight.request == nullptr)
            continue;
        if (!flight.held) { // the unit ends it
            release(flight);
            continue;
        }
        end_by(*flight.request, scsi::HostCode::reset);
        flight.due = Clock::now();
    }
    arm();
    Decorator::reset(std::move(done));
}

void Injector::arm() noexcept {
    auto first = never;
    for (const Flight& flight : flights_)
        if (flight.request != nullptr)
            first = std::min(first, flight.due);
    if (first == armed_for_ || !timer_)
        return;
    armed_for_ = first;
    if (first == never) {
        timer_->cancel();
        return;
    }
    timer_->expires_at(first);
    timer_->async_wait(
        [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
            if (!error && alive.lock())
                expire();
        });
}

void Injector::expire() noexcept {
    armed_for_ = never;
    const auto now = Clock::now();
    for (Flight& flight : flights_) {
        if (flight.request == nullptr || flight.due > now)
            continue;
        Request& request = *flight.request;
        const bool held = flight.held;
        release(flight);
        if (held)
            request.finish();
        else
            Decorator::abort(request);
    }
    arm();
}

} // namespace pvscsi::backend::inject
