// The iscsi target over a SAN that does what the test says: ABORT, RESET, and commands whose time
// is over.
#include "tests/support/iscsi_unit.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using scsi::HostCode;

TEST_CASE("ABORT is the target's, and ends the command when that says so") {
    SanUnit unit;
    REQUIRE(unit.read(0) == Step::pending);
    REQUIRE(unit.read(1) == Step::pending);
    auto& connection = unit.san.last();
    unit.target->abort(*unit.requests[0]);
    unit.target->abort(*unit.requests[0]); // once is enough
    REQUIRE(connection.aborts.size() == 1);
    const auto [task, number] = connection.aborts.front();
    CHECK(task == connection.commands[0].task);
    unit.settle();
    CHECK_FALSE(unit.ended(0));

    SECTION("it was done") {
        connection.all_sent = false; // part of it may be on its way still
        connection.manage(number, 0);
        unit.settle();
        CHECK(unit.outcome(0).host == HostCode::abort);
        CHECK(unit.owner.times(*unit.requests[0]) == 1);
        // Its memory is not used before the library lets go of it.
        REQUIRE(unit.read(0) == Step::pending);
        CHECK(connection.commands.back().data.data() != connection.commands[0].data.data());
        CHECK(task->known);
        unit.target->keep_house();
        CHECK(task->known);
        connection.all_sent = true;
        unit.target->keep_house();
        CHECK_FALSE(task->known);
    }
    SECTION("it was answered first") {
        connection.complete(Bytes(512, 1));
        connection.manage(number, 1);
        unit.settle();
        CHECK(unit.outcome(0).host == HostCode::ok);
        CHECK(unit.data_in(0) == Bytes(512, 1));
    }
    SECTION("the target knows of no such command, or can't") {
        connection.manage(number, GENERATE(1u, 5u, 255u));
        unit.settle();
        CHECK_FALSE(unit.ended(0));
        connection.complete(Bytes(512, 1));
        unit.settle();
        CHECK(unit.data_in(0) == Bytes(512, 1));
    }
    SECTION("an answer that comes late all the same is nobody's") {
        connection.manage(number, 0);
        unit.settle();
        connection.complete(Bytes(512, 1));
        unit.settle();
        CHECK(unit.owner.times(*unit.requests[0]) == 1);
    }
    SECTION("the session is lost first") {
        connection.die();
        unit.come_back(2);
        CHECK(unit.outcome(0).host == HostCode::transport_disrupted);
    }
    CHECK(unit.san.connections[0]->resets.empty());
}

TEST_CASE("a command that was not sent is aborted here") {
    SanUnit unit;
    unit.san.connects = false;
    unit.san.last().die();
    unit.settle();
    REQUIRE(unit.read(0) == Step::pending);
    unit.target->abort(*unit.requests[0]);
    CHECK_FALSE(unit.ended(0)); // not from inside
    unit.settle();
    CHECK(unit.outcome(0).host == HostCode::abort);
    CHECK(unit.owner.times(*unit.requests[0]) == 1);
}

TEST_CASE("LUN RESET ends what was under way, and is answered after it") {
    SanUnit unit;
    REQUIRE(unit.read(0) == Step::pending);
    const auto result = unit.reset();
    auto& connection = unit.san.last();
    REQUIRE(connection.resets.size() == 1);
    REQUIRE(unit.read(1) == Step::pending); // later than it
    unit.settle();
    CHECK_FALSE(*result);
    SECTION("done") {
        bool before = false;
        unit.target->reset([&](bool) { before = unit.ended(0); });
        CHECK(connection.resets.size() == 1); // waits for its turn
        connection.manage(connection.resets[0], 0);
        unit.settle();
        CHECK(*result == true);
        CHECK(unit.outcome(0).host == HostCode::reset);
        CHECK_FALSE(unit.ended(1));
        REQUIRE(connection.resets.size() == 2);
        connection.manage(connection.resets[1], 0);
        unit.settle();
        CHECK(before);
        CHECK(unit.outcome(1).host == HostCode::reset);
    }
    SECTION("refused") {
        connection.manage(connection.resets[0], 5);
        unit.settle();
        CHECK(*result == false);
        CHECK_FALSE(unit.ended(0));
    }
    SECTION("the session is lost") {
        connection.die();
        unit.come_back(2);
        CHECK(*result == false);
        CHECK(unit.outcome(0).host == HostCode::transport_disrupted);
    }
}

TEST_CASE("a RESET that is not answered has failed, and costs the session") {
    SanUnit unit(false, little_patience);
    REQUIRE(unit.read(0, 512, 3600) == Step::pending);
    const auto result = unit.reset();
    unit.settle_until([&] { return result->has_value(); });
    CHECK(*result == false);
    CHECK(unit.outcome(0).host == HostCode::transport_disrupted);
    unit.come_back(2);
}

TEST_CASE("without a session there is nothing to reset") {
    SanUnit unit;
    unit.san.connects = false;
    unit.san.last().die();
    unit.settle();
    CHECK(*unit.reset() == false);
}

TEST_CASE("a command whose time is over is aborted at the target") {
    SanUnit unit(false, little_patience);
    REQUIRE(unit.read(0, 512, 1) == Step::pending);
    REQUIRE(unit.read(1, 512, 3600) == Step::pending);
    auto& connection = unit.san.last();
    unit.settle_until([&] { return connection.aborts.size() == 1; });
    CHECK_FALSE(unit.ended(0));
    SECTION("and ends there") {
        connection.manage(connection.aborts[0].second, 0);
        unit.settle();
        CHECK(unit.outcome(0).host == HostCode::transport_disrupted);
        CHECK_FALSE(unit.ended(1));
        CHECK(unit.san.connections.size() == 1);
    }
    SECTION("and costs the session if that gives no answer") {
        unit.come_back(2);
        CHECK(unit.outcome(0).host == HostCode::transport_disrupted);
        CHECK(unit.outcome(1).host == HostCode::transport_disrupted);
    }
    SECTION("or does not know of it") {
        connection.manage(connection.aborts[0].second, 1);
        unit.come_back(2);
        CHECK(unit.outcome(0).host == HostCode::transport_disrupted);
    }
}

TEST_CASE("the entry's timeout bounds a command's own") {
    SanUnit unit(false, little_patience);
    unit.target->limit_time(1s);
    REQUIRE(unit.read(0, 512, 3600) == Step::pending);
    unit.settle_until([&] { return unit.san.last().aborts.size() == 1; });
}
