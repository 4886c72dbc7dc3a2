// What a decorator sees of a command, in which order, and what becomes of it.
#include "backend/decorator.hpp"

#include "tests/support/target_host.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace pvscsi;
using backend::Request;
using backend::Step;
using test::TargetHost;

namespace {

using Diary = std::vector<std::string>;

const test::Bytes test_unit_ready{0, 0, 0, 0, 0, 0};
const test::Bytes write6{0x0a, 0, 0, 0, 1, 0};

/// Ends commands at once, or when it is told.
class Unit final : public backend::Target {
  public:
    explicit Unit(Diary& diary) : diary_(diary) {}
    Step start(Request& request) noexcept override {
        diary_.emplace_back("unit");
        if (request.direction() == ring::Direction::to_device) {
            request.want_data(request.buffer(request.length()));
            return Step::need_data;
        }
        held = &request;
        return at_once ? Step::done : Step::pending;
    }
    Step resume(Request& request) noexcept override {
        diary_.emplace_back("unit's data");
        request.outcome.consumed = request.length();
        held = &request;
        return at_once ? Step::done : Step::pending;
    }
    void drop(Request& /*request*/) noexcept override { diary_.emplace_back("unit drops"); }
    [[nodiscard]] std::uint8_t device_type() const noexcept override { return 0; }

    bool at_once = true;
    Request* held = nullptr;

  private:
    Diary& diary_;
};

class Layer final : public backend::Decorator {
  public:
    using Decorator::Verdict;

    Layer(std::string name, Diary& diary, std::unique_ptr<Target> inner)
        : Decorator(std::move(inner)), name_(std::move(name)), diary_(diary) {}

    Verdict verdict = Verdict::pass, data_verdict = Verdict::pass;
    bool keeps = false;

  private:
    Verdict admit(Request& request) noexcept override {
        diary_.push_back(name_ + "?");
        if (verdict == Verdict::done)
            request.outcome.status = scsi::Status::busy;
        return verdict;
    }
    Verdict admit_data(Request& request) noexcept override {
        diary_.push_back(name_ + " data?");
        if (data_verdict == Verdict::done)
            request.outcome.status = scsi::Status::reservation_conflict;
        return data_verdict;
    }
    bool ended(Request& /*request*/) noexcept override {
        diary_.push_back(name_ + "!");
        return !keeps;
    }
    void dropped(Request& /*request*/) noexcept override { diary_.push_back(name_ + " dropped"); }

    std::string name_;
    Diary& diary_;
};

struct Bed {
    Bed() {
        auto own_unit = std::make_unique<Unit>(diary);
        unit = own_unit.get();
        auto own_inner = std::make_unique<Layer>("inner", diary, std::move(own_unit));
        inner = own_inner.get();
        auto own_outer = std::make_unique<Layer>("outer", diary, std::move(own_inner));
        outer = own_outer.get();
        host = std::make_unique<TargetHost>(std::move(own_outer));
    }

    Diary diary;
    Unit* unit = nullptr;
    Layer *inner = nullptr, *outer = nullptr;
    std::unique_ptr<TargetHost> host;
};

} // namespace

TEST_CASE("the way in is from without, the way back from within") {
    Bed bed;
    SECTION("a unit that answers at once") {
        CHECK(bed.host->none(test_unit_ready).good());
    }
    SECTION("a unit that answers later") {
        bed.unit->at_once = false;
        auto& flight = bed.host->send(test_unit_ready, {});
        CHECK_FALSE(flight.ended());
        bed.unit->held->finish();
        CHECK(flight.endings() == 1);
    }
    CHECK(bed.diary == Diary{"outer?", "inner?", "unit", "inner!", "outer!"});
}

TEST_CASE("data-out are seen before the unit gets them") {
    Bed bed;
    CHECK(bed.host->out(write6, test::Bytes(512)).good());
    CHECK(bed.diary == Diary{"outer?", "inner?", "unit", "outer data?", "inner data?",
                             "unit's data", "inner!", "outer!"});
}

TEST_CASE("a command that a layer answers is not seen by those within") {
    Bed bed;
    bed.inner->verdict = Layer::Verdict::done;
    CHECK(bed.host->none(test_unit_ready).status == scsi::Status::busy);
    CHECK(bed.diary == Diary{"outer?", "inner?", "outer!"});
}

TEST_CASE("data-out that a layer refuses are not given to the unit") {
    Bed bed;
    bed.inner->data_verdict = Layer::Verdict::done;
    CHECK(bed.host->out(write6, test::Bytes(512)).status == scsi::Status::reservation_conflict);
    CHECK(bed.diary ==
          Diary{"outer?", "inner?", "unit", "outer data?", "inner data?", "unit drops", "outer!"});
}

TEST_CASE("data-out that never come are every layer's end of the command") {
    Bed bed;
    auto& flight = bed.host->send_without_data(write6, 512);
    bed.host->target().drop(flight.request());
    CHECK(bed.diary ==
          Diary{"outer?", "inner?", "unit", "unit drops", "inner dropped", "outer dropped"});
}

TEST_CASE("an end that is kept back goes on outwards when it is let go") {
    Bed bed;
    bed.inner->keeps = true;
    bed.unit->at_once = GENERATE(true, false);
    auto& flight = bed.host->send(test_unit_ready, {});
    if (!bed.unit->at_once)
        bed.unit->held->finish();
    CHECK_FALSE(flight.ended());
    CHECK(bed.diary == Diary{"outer?", "inner?", "unit", "inner!"});
    flight.request().finish();
    CHECK(flight.endings() == 1);
    CHECK(bed.diary == Diary{"outer?", "inner?", "unit", "inner!", "outer!"});
}

TEST_CASE("what a unit says of itself is heard outside") {
    Bed bed;
    std::string heard;
    bed.host->target().on_failure = [&](const std::string& reason) { heard += reason; };
    bed.host->target().on_warning = [&](const std::string& what) { heard += what; };
    bed.unit->on_failure("gone ");
    bed.unit->on_warning("late");
    CHECK(heard == "gone late");
}
