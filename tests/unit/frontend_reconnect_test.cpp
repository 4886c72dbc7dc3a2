// The frontend's state machine: a backend, a device or a store that goes, and comes back or does
// not.
#include "tests/support/frontend_bed.hpp"

#include <catch2/catch.hpp>

#include <poll.h>

using namespace pvscsi;
using namespace pvscsi::test;
using State = MockBackend::State;
using Kind = Event::Kind;

TEST_CASE("a backend that closes may finish what is in flight; then it can come back") {
    FrontendBed bed;
    bed.backend.serving = false;
    Session& session = bed.open();
    Outcome answered, lost;
    REQUIRE(session.submit(command(test_unit_ready), answered.handler()));
    REQUIRE(session.submit(command(test_unit_ready), lost.handler()));
    session.flush();
    bed.backend.set_state(State::closing);
    session.poll();
    CHECK(session.submit(command(test_unit_ready), lost.handler()).error ==
          SubmitError::not_connected);
    bed.backend.respond(good(bed.backend.next_request()));
    REQUIRE(bed.run_until([&] { return lost.calls == 1; }));
    CHECK(answered.host == Host::ok);
    CHECK(lost.host == Host::transport_disrupted);
    REQUIRE(bed.run_until([&] { return bed.count(Kind::reconnected) == 1; }));
    CHECK(bed.count(Kind::disconnected) == 1);
    CHECK(bed.backend.connections == 2);
    bed.backend.serving = true;
    REQUIRE(session.submit(command(test_unit_ready), answered.handler()));
    REQUIRE(bed.run_until([&] { return answered.calls == 2; }));
}

TEST_CASE("a backend that never invites again gets its connection all the same") {
    FrontendBed bed;
    bed.backend.invites = false;
    bed.open();
    bed.session.reset();
    CHECK(bed.backend.front_state() == State::closed);
    CHECK(bed.open().connected());
    CHECK(bed.backend.connections == 2);
    CHECK(bed.session->luns().size() == 1);
    bed.backend.set_state(State::closing);
    REQUIRE(bed.run_until([&] { return bed.count(Kind::reconnected) == 1; }));
    CHECK(bed.backend.connections == 3);
    // One that closes it instead of connecting has given it up, and is tried again.
    bed.backend.alive = false;
    bed.backend.set_state(State::closing);
    bed.session->poll();
    bed.backend.set_state(State::closed);
    REQUIRE(bed.run_until([&] { return bed.backend.front_state() == State::initialised; }));
    bed.backend.alive = true;
    bed.backend.set_state(State::closing);
    REQUIRE(bed.run_until([&] { return bed.count(Kind::reconnected) == 2; }));
    CHECK(bed.backend.connections == 4);
}

TEST_CASE("a backend that has nothing left of a connection is not waited for") {
    FrontendBed bed;
    bed.timing.drain_grace = std::chrono::hours(1);
    bed.backend.serving = false;
    Session& session = bed.open();
    Outcome lost;
    REQUIRE(session.submit(command(test_unit_ready), lost.handler()));
    session.flush();
    bed.backend.alive = false;
    bed.backend.set_state(State::closing);
    session.poll();
    CHECK(lost.calls == 0); // it might still be answered
    bed.backend.set_state(State::closed);
    REQUIRE(bed.run_until([&] { return lost.calls == 1; }));
    CHECK(lost.host == Host::transport_disrupted);
}

TEST_CASE("a daemon that was killed and starts again gets a new connection") {
    FrontendBed bed;
    bed.backend.serving = false;
    Session& session = bed.open();
    Buffer buffer = session.allocate(4096);
    Outcome outcome;
    REQUIRE(session.submit(command(read_10, DataDirection::from_device, buffer.bytes()),
                           outcome.handler()));
    session.flush();
    bed.backend.alive = false;
    bed.backend.die();
    CHECK(session.poll() == 0);
    CHECK(outcome.calls == 0);
    // The new one undoes the old one's state in these steps; the frontend may see any of them.
    bed.backend.alive = true;
    if (GENERATE(true, false)) {
        bed.backend.alive = false;
        bed.backend.set_state(State::closing);
        bed.backend.set_state(State::closed);
        bed.backend.alive = true;
    }
    bed.backend.set_state(State::init_wait);
    REQUIRE(bed.run_until([&] { return bed.count(Kind::reconnected) == 1; }));
    CHECK(outcome.calls == 1);
    CHECK(outcome.host == Host::transport_disrupted);
    CHECK(session.luns().size() == 1);
    CHECK(bed.count(Kind::lun_added) + bed.count(Kind::lun_removed) == 0);
    bed.backend.serving = true;
    REQUIRE(session.submit(command(read_10, DataDirection::from_device, buffer.bytes()),
                           outcome.handler()));
    REQUIRE(bed.run_until([&] { return outcome.calls == 2; }));
}

TEST_CASE("LUNs that changed while there was no backend are told at the reconnection") {
    FrontendBed bed({"0:0:0:0", "0:0:1:0"});
    Session& session = bed.open();
    bed.backend.alive = false;
    bed.backend.die();
    bed.host.remove(bed.backend.back + "/vscsi-devs/dev-0");
    bed.backend.set_lun(2, "0:0:2:0", State::initialising);
    bed.backend.alive = true;
    bed.backend.set_state(State::init_wait);
    REQUIRE(bed.run_until([&] { return bed.count(Kind::lun_added) == 1; }));
    CHECK(bed.count(Kind::lun_removed) == 1);
    CHECK(session.luns() == std::vector<Hctl>{{0, 0, 1, 0}, {0, 0, 2, 0}});
}

TEST_CASE("a device that is removed is closed for good") {
    FrontendBed bed;
    Session& session = bed.open();
    Outcome outcome;
    bed.backend.serving = false;
    REQUIRE(session.submit(command(test_unit_ready), outcome.handler()));
    session.flush();
    SECTION("by the toolstack, in order") {
        bed.backend.remove_vhost();
    }
    SECTION("frontend's nodes first") {
        bed.host.remove(bed.backend.front);
    }
    SECTION("taken over by another program") {
        bed.host.set(bed.backend.front + "/state", "3");
    }
    REQUIRE(bed.run_until([&] { return bed.count(Kind::closed) == 1; }));
    CHECK(outcome.calls == 1);
    CHECK(outcome.host == Host::transport_disrupted);
    CHECK_FALSE(session.connected());
    CHECK(session.submit(command(test_unit_ready), outcome.handler()).error ==
          SubmitError::not_connected);
    CHECK(session.wait(std::chrono::milliseconds(1)) == 0);
}

TEST_CASE("connections that come to nothing are tried again after pauses that grow") {
    FrontendBed bed;
    bed.timing.backoff_min = std::chrono::milliseconds(20);
    bed.timing.backoff_max = std::chrono::milliseconds(80);
    bed.options.connect_later = true;
    bed.backend.alive = false;
    bed.backend.set_state(State::closed);
    // A backend that closes before, or when, it has connected.
    const bool connects = GENERATE(false, true);
    unsigned attempts = 0;
    FakeStore other(bed.host);
    other.hook = [&](const hv::WatchEvent&) {
        switch (bed.backend.front_state()) {
        case State::initialising:
            return bed.backend.set_state(State::init_wait);
        case State::initialised:
            ++attempts;
            return bed.backend.set_state(connects ? State::connected : State::closing);
        case State::connected:
            return bed.backend.set_state(State::closing);
        case State::closed:
            return bed.backend.set_state(State::closed);
        default:
            return;
        }
    };
    REQUIRE(other.watch(bed.backend.front + "/state", ""));
    const auto begin = std::chrono::steady_clock::now();
    bed.open();
    REQUIRE(bed.run_until([&] { return attempts == 6; }));
    // The second one comes at once.
    CHECK(std::chrono::steady_clock::now() - begin >=
          std::chrono::milliseconds(20 + 40 + 80 + 80 - 5));
}

TEST_CASE("I/O goes on when the store is lost") {
    FrontendBed bed;
    Session& session = bed.open();
    bed.host.store_error = EIO;
    bed.host.fire(bed.backend.back + "/state");
    session.wait(std::chrono::milliseconds(2));
    Outcome outcome;
    REQUIRE(session.submit(command(test_unit_ready), outcome.handler()));
    REQUIRE(bed.run_until([&] { return outcome.calls == 1; }));
    CHECK(session.connected());
    CHECK(bed.count(Kind::store_lost) == 1);
}

TEST_CASE("a session that has lost both store and backend sleeps") {
    FrontendBed bed;
    Session& session = bed.open();
    bed.backend.serving = false;
    bed.host.store_error = EIO;
    Outcome outcome;
    ScsiCommand slow = command(test_unit_ready);
    slow.timeout = std::chrono::milliseconds(1);
    REQUIRE(session.submit(slow, outcome.handler()));
    REQUIRE(bed.run_until([&] { return bed.count(Kind::failed) == 1; }));
    CHECK(outcome.host == Host::time_out);
    // Nothing is left that it could wait for, so nothing may wake it for ever.
    pollfd sleeper{session.fd(), POLLIN, 0};
    bool sleeps = false;
    for (int i = 0; i < 20 && !sleeps; ++i) {
        sleeps = session.prepare_to_sleep() && ::poll(&sleeper, 1, 30) == 0;
        session.poll();
    }
    CHECK(sleeps);
}

TEST_CASE("reconnecting waits for memory that is short") {
    FrontendBed bed;
    bed.open();
    bed.host.shares_to_fail = 2;
    bed.backend.set_state(State::closed);
    REQUIRE(bed.run_until([&] { return bed.count(Kind::reconnected) == 1; }));
    CHECK(bed.host.shares_to_fail == 0);
}

TEST_CASE("a ring that the store did not take is not offered") {
    FrontendBed bed;
    bed.open();
    constexpr int many = 1'000; // more than one attempt's
    bed.host.commits_to_conflict = many;
    bed.backend.set_state(State::closed);
    REQUIRE(bed.run_until([&] { return bed.host.commits_to_conflict < many; }));
    CHECK(bed.backend.front_state() == State::initialising);
    CHECK(bed.backend.connections == 1);
    bed.host.commits_to_conflict = 0;
    REQUIRE(bed.run_until([&] { return bed.count(Kind::reconnected) == 1; }));
}
