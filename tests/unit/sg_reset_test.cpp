// The sg target over a device that does what the test says: RESET, and the commands that it finds.
#include "tests/support/sg_unit.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using scsi::HostCode;
using scsi::Status;

TEST_CASE("a reset of an idle unit") {
    SgUnit unit;
    const auto result = unit.reset();
    unit.settle_until([&] { return result->has_value(); });
    CHECK(result->value());
    CHECK(unit.device->resets == 1);
    CHECK(unit.read(0) == Step::pending);
    CHECK(unit.file(0).running.size() == 1);
}

TEST_CASE("commands that a reset brings back have their own outcome, before the reset's") {
    SgUnit unit(false, 0, {5s, 5s});
    REQUIRE(unit.read(0) == Step::pending);
    REQUIRE(unit.read(1) == Step::pending);
    const auto result = unit.reset();
    unit.settle_until([&] { return unit.device->resets == 1 && unit.device->opened() == 2; });
    CHECK_FALSE(result->has_value());
    const auto as_reset = [](::sg_io_hdr& header) { header.host_status = 8; };
    unit.file().complete({}, as_reset);
    unit.settle_until([&] { return unit.ended(0); });
    CHECK(unit.outcome(0).host == HostCode::reset);
    unit.file().complete({}, as_reset);
    unit.settle_until([&] { return result->has_value(); });
    CHECK(unit.ended(1));
    CHECK(result->value());
}

TEST_CASE("commands that do not come back after a reset are answered, and never heard of again") {
    SgUnit unit(false, 0, {1h, 20ms});
    for (unsigned i = 0; i < 16; ++i)
        REQUIRE(unit.read(i) == Step::pending);
    const auto result = unit.reset();
    unit.settle_until([&] { return result->has_value(); });
    CHECK(result->value());
    for (unsigned i = 0; i < 16; ++i) {
        REQUIRE(unit.owner.times(*unit.requests[i]) == 1);
        CHECK(unit.outcome(i).host == HostCode::reset);
        CHECK(unit.outcome(i).data_in.empty());
    }
    // The unit goes on by another file, in other memory, with room for all 16.
    CHECK_FALSE(unit.file(0).closed);
    for (unsigned i = 0; i < 16; ++i) {
        REQUIRE(unit.read(i) == Step::pending);
        for (const SgCommand& old : unit.file(0).running)
            CHECK(unit.file(1).running.back().header.dxferp != old.header.dxferp);
    }
    // The late results change nothing of the new commands, and the old file is let go.
    while (!unit.file(0).running.empty())
        unit.file(0).complete(Bytes(512, 0xbb));
    unit.settle();
    CHECK(unit.file(0).closed);
    CHECK(unit.owner.ended.empty());
    for (unsigned i = 0; i < 16; ++i)
        unit.file(1).complete(Bytes(512, static_cast<unsigned char>(i)));
    unit.settle();
    for (unsigned i = 0; i < 16; ++i)
        CHECK(unit.data_in(i) == Bytes(512, static_cast<unsigned char>(i)));
}

TEST_CASE("commands that began after a reset are none of its victims") {
    SgUnit unit(false, 0, {5s, 200ms});
    REQUIRE(unit.read(0) == Step::pending);
    const auto result = unit.reset();
    // The first thing that the loop has to do is to hear of the reset's success.
    REQUIRE(unit.context.run_one_for(10s) == 1);
    REQUIRE(unit.device->opened() == 2);
    REQUIRE(unit.read(1) == Step::pending);
    unit.settle_until([&] { return result->has_value(); });
    CHECK(unit.ended(0));
    CHECK_FALSE(unit.ended(1));
    unit.file(0).running.pop_front(); // the first stays where it is
    unit.file(0).complete(Bytes(512, 6));
    unit.settle();
    CHECK(unit.data_in(1) == Bytes(512, 6));
}

TEST_CASE("with too many commands kept aside the unit is BUSY, until some come back") {
    SgUnit unit;
    for (unsigned round = 0; round < 3; ++round) {
        for (unsigned i = 0; i < 16; ++i)
            REQUIRE(unit.read(i) == Step::pending);
        const auto result = unit.reset();
        unit.settle_until([&] { return result->has_value(); });
        REQUIRE(result->value());
    }
    REQUIRE(unit.read(0) == Step::done);
    CHECK(unit.outcome(0).host == HostCode::ok);
    CHECK(unit.outcome(0).status == Status::busy);
    // The third round stayed on its file, for no more than two are put aside.
    CHECK_FALSE(unit.file(2).closed);
    unit.file(2).complete(Bytes(512, 1));
    unit.settle();
    CHECK(unit.read(0) == Step::pending);
    CHECK(unit.file(2).running.size() == 16);
    CHECK(unit.file(3).closed);
    unit.file(2).running.clear();
    while (!unit.file(0).running.empty())
        unit.file(0).complete();
    unit.settle();
    CHECK(unit.file(0).closed);
}

TEST_CASE("a reset that the device refuses fails, and its commands stay") {
    SgUnit unit;
    unit.device->reset_error = EIO;
    REQUIRE(unit.read(0) == Step::pending);
    const auto result = unit.reset();
    unit.settle_until([&] { return result->has_value(); });
    CHECK_FALSE(result->value());
    CHECK_FALSE(unit.ended(0));
    unit.file().complete(Bytes(512, 2));
    unit.settle();
    CHECK(unit.data_in(0) == Bytes(512, 2));
}

TEST_CASE("a reset that does not end fails in time, and so do others until it has ended") {
    SgUnit unit(false, 0, {50ms, 20ms});
    unit.device->hold_reset();
    const auto first = unit.reset();
    const auto second = unit.reset();
    unit.settle_until([&] { return first->has_value() && second->has_value(); });
    CHECK_FALSE(first->value());
    CHECK_FALSE(second->value());
    CHECK(unit.reset()->value() == false);
    REQUIRE(unit.read(0) == Step::pending); // the unit works on meanwhile
    unit.file().complete(Bytes(512, 3));
    unit.settle();
    CHECK(unit.data_in(0) == Bytes(512, 3));
    CHECK(unit.device->resets == 1);

    unit.device->release_reset();
    std::shared_ptr<std::optional<bool>> again;
    unit.settle_until([&] {
        if (!again || (again->has_value() && !again->value()))
            again = unit.reset();
        return again->has_value() && again->value();
    });
    CHECK(unit.device->resets == 2);
}

TEST_CASE("the fresh file of a reset is for what does not come back") {
    SgUnit unit(false, 0, {5s, 100ms});
    const bool all = GENERATE(true, false);
    REQUIRE(unit.read(0) == Step::pending);
    REQUIRE(unit.read(1) == Step::pending);
    const auto result = unit.reset();
    unit.settle_until([&] { return unit.device->opened() == 2; });
    unit.file().complete();
    unit.settle_until([&] { return unit.ended(0); });
    if (all)
        unit.file().complete();
    unit.settle_until([&] { return result->has_value(); });
    CHECK(unit.ended(1));
    CHECK(unit.file(1).closed == all);
    REQUIRE(unit.read(2) == Step::pending);
    CHECK(unit.file(all ? 0 : 1).running.size() == 1);
}

TEST_CASE("what was given up is not waited for by the next reset") {
    SgUnit unit;
    REQUIRE(unit.read(0) == Step::pending);
    for (int i = 0; i < 2; ++i) {
        const auto result = unit.reset();
        unit.settle_until([&] { return result->has_value(); });
        CHECK(result->value());
    }
    // The second one found nothing, so its fresh file was not needed.
    REQUIRE(unit.read(1) == Step::pending);
    CHECK(unit.file(1).running.size() == 1);
    CHECK(unit.file(2).closed);
}

TEST_CASE("a reset asked for during another begins after it") {
    SgUnit unit;
    unit.device->hold_reset();
    const auto first = unit.reset();
    unit.settle_until([&] { return unit.device->resets == 1; });
    const auto second = unit.reset();
    unit.device->release_reset();
    unit.settle_until([&] { return first->has_value() && second->has_value(); });
    CHECK(first->value());
    CHECK(second->value());
    CHECK(unit.device->resets == 2);
}

TEST_CASE("without a fresh file after a reset the old one goes on") {
    SgUnit unit;
    REQUIRE(unit.read(0) == Step::pending);
    unit.device->open_error = EACCES;
    const auto result = unit.reset();
    unit.settle_until([&] { return result->has_value(); });
    CHECK(result->value());
    CHECK(unit.outcome(0).host == HostCode::reset);
    REQUIRE(unit.read(1) == Step::pending);
    CHECK(unit.file(0).running.size() == 2);
    for (unsigned i = 2; i < 16; ++i)
        REQUIRE(unit.read(i) == Step::pending);
    REQUIRE(unit.read(0) == Step::done);
    CHECK(unit.outcome(0).status == Status::task_set_full);
}

TEST_CASE("removal while a reset runs and commands are kept aside") {
    SgUnit unit;
    REQUIRE(unit.read(0) == Step::pending);
    const auto result = unit.reset();
    unit.settle_until([&] { return result->has_value(); });
    unit.device->hold_reset();
    const auto second = unit.reset();
    REQUIRE(unit.read(1) == Step::pending);
    unit.file(0).hung_up = true;
    unit.file(0).wake();
    unit.settle_until([&] { return second->has_value(); });
    CHECK_FALSE(second->value());
    CHECK(unit.owner.times(*unit.requests[0]) == 1);
    CHECK(unit.outcome(1).host == HostCode::no_connect);
    CHECK(unit.failures.size() == 1);
    CHECK(unit.file(0).closed);
    CHECK(unit.file(1).closed);
    unit.device->release_reset();
}

TEST_CASE("a unit may go while its reset hangs") {
    auto unit = std::make_unique<SgUnit>();
    const auto device = unit->device;
    device->hold_reset();
    const auto result = unit->reset();
    unit->settle_until([&] { return device->resets == 1; });
    unit.reset();
    CHECK_FALSE(result->value());
    device->release_reset();
}

namespace {

/// Two guests' units on one device that may have the commands of a dead daemon.
struct SharedDevice {
    std::shared_ptr<SgDeviceDouble> device = std::make_shared<SgDeviceDouble>();
    std::shared_ptr<SgLeftovers> leftovers = std::make_shared<SgLeftovers>();
    SgBench one, other;

    SharedDevice() {
        one.attach(device, false, {5s, 20ms}, {}, leftovers);
        other.attach(device, false, {5s, 20ms}, {}, leftovers);
    }
    Leftovers of(SgBench& unit) const { return unit.target->leftovers(); }
};

} // namespace

TEST_CASE("a device that was seen idle once has no dead daemon's commands, however busy it gets") {
    SharedDevice shared;
    shared.device->commands_at_it = true;
    CHECK(shared.of(shared.one) == Leftovers::some);
    CHECK(shared.of(shared.other) == Leftovers::some);
    shared.device->commands_at_it = false;
    CHECK(shared.of(shared.one) == Leftovers::none);
    shared.device->commands_at_it = true; // those of the first guest
    CHECK(shared.of(shared.one) == Leftovers::none);
    CHECK(shared.of(shared.other) == Leftovers::none);
    CHECK(shared.device->resets == 0);
}

TEST_CASE("a device that keeps a dead daemon's commands is reset once for all units on it") {
    SharedDevice shared;
    shared.device->commands_at_it = true;
    REQUIRE(shared.of(shared.one) == Leftovers::some);
    SECTION("and no unit begins before that is over") {
        shared.device->hold_reset();
        shared.one.target->end_leftovers();
        shared.one.settle_until([&] { return shared.device->resets == 1; });
        CHECK(shared.of(shared.other) == Leftovers::resetting);
        shared.device->commands_at_it = false;
        CHECK(shared.of(shared.other) == Leftovers::resetting);
        shared.device->release_reset();
        shared.one.settle_until([&] { return shared.of(shared.other) == Leftovers::disowned; });
    }
    SECTION("also if the unit goes meanwhile") {
        shared.device->hold_reset();
        shared.one.target->end_leftovers();
        shared.one.settle_until([&] { return shared.device->resets == 1; });
        shared.one.target->detach();
        CHECK(shared.of(shared.other) == Leftovers::disowned);
        shared.device->release_reset();
    }
    SECTION("also if it fails") {
        shared.device->reset_error = EIO;
        shared.one.target->end_leftovers();
        shared.one.settle_until([&] { return shared.of(shared.other) == Leftovers::disowned; });
    }
    CHECK(shared.device->resets == 1);
}

TEST_CASE("all units on one node share what is known of it") {
    CHECK(leftovers_at("/dev/sg7") == leftovers_at("/dev/sg7"));
    CHECK(leftovers_at("/dev/sg7") != leftovers_at("/dev/sg8"));
}
