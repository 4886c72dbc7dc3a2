// The frontend's state machine: connecting, left-overs, hot add and remove, a backend that goes
// and comes back.
#include "tests/support/frontend_bed.hpp"

#include <poll.h>

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::test;
using State = MockBackend::State;
using Kind = Event::Kind;

TEST_CASE("opening a device that is not there says so") {
    FrontendBed bed;
    bed.options.device = 5;
    CHECK_THROWS_WITH(bed.open(), Catch::Contains("there is no vscsi device"));
}

TEST_CASE("a backend domain that is no number is refused") {
    FrontendBed bed;
    bed.host.set(bed.backend.front + "/backend-id", GENERATE("", "-1", "32752", "0x0", "zero"));
    CHECK_THROWS_WITH(bed.open(), Catch::Contains("is not a domain number"));
}

TEST_CASE("opening gives up when no backend comes, and leaves the device closed") {
    FrontendBed bed;
    bed.backend.alive = false;
    bed.options.connect_timeout = std::chrono::milliseconds(20);
    CHECK_THROWS_WITH(bed.open(), Catch::Contains("did not connect in time"));
    CHECK(bed.backend.front_state() == State::closed);
    CHECK(bed.host.granted_pages() == 0);
}

TEST_CASE("a backend that comes late finds the ring ready") {
    FrontendBed bed;
    bed.backend.alive = false;
    bed.backend.set_state(State::initialising);
    // The daemon starts when the frontend has written what it needs.
    FakeStore late(bed.host);
    late.hook = [&](const hv::WatchEvent&) {
        if (bed.backend.front_state() == State::initialised && !bed.backend.alive) {
            bed.backend.alive = true;
            bed.host.fire(bed.backend.front + "/state");
        }
    };
    REQUIRE(late.watch(bed.backend.front + "/state", ""));
    CHECK(bed.open().connected());
}

TEST_CASE("a session opened without waiting connects when the backend comes") {
    FrontendBed bed;
    bed.options.connect_later = true;
    bed.backend.alive = false;
    Session& session = bed.open();
    CHECK_FALSE(session.connected());
    CHECK(session.luns().empty());
    Outcome outcome;
    CHECK(session.submit(command(test_unit_ready), outcome.handler()).error ==
          SubmitError::not_connected);
    // What goes wrong before the first connection is tried again, and thrown by nothing.
    bed.host.shares_to_fail = 1;
    bed.backend.set_state(State::closed);
    REQUIRE(bed.run_until([&] { return bed.backend.front_state() == State::initialising; }));
    bed.backend.alive = true;
    bed.backend.set_state(State::init_wait);
    REQUIRE(bed.run_until([&] { return bed.count(Kind::reconnected) == 1; }));
    CHECK(bed.host.shares_to_fail == 0);
    CHECK(session.luns().size() == 1);
    REQUIRE(session.submit(command(test_unit_ready), outcome.handler()));
    REQUIRE(bed.run_until([&] { return outcome.calls == 1; }));
}

TEST_CASE("what a dead predecessor left is reset first") {
    FrontendBed bed;
    const auto [front, back] = GENERATE(table<const char*, const char*>({{"3", "4"},
                                                                         {"4", "4"},
                                                                         {"4", "2"},
                                                                         {"5", "5"},
                                                                         {"6", "6"},
                                                                         {"7", "7"},
                                                                         {"4", "5"},
                                                                         {"6", "2"},
                                                                         {"1", "6"},
                                                                         {"1", "5"},
                                                                         {"1", "4"},
                                                                         {"rubbish", "4"}}));
    CAPTURE(front, back);
    bed.backend.alive = false;
    bed.host.set(bed.backend.front + "/state", front);
    bed.backend.set("/state", back);
    bed.backend.alive = true;
    CHECK(bed.open().connected());
    CHECK(bed.backend.connections == 1);
}

TEST_CASE("transactions that conflict are repeated, but not for ever") {
    FrontendBed bed;
    bed.host.commits_to_conflict = GENERATE(3, 100);
    if (bed.host.commits_to_conflict == 3)
        CHECK(bed.open().connected());
    else
        CHECK_THROWS_AS(bed.open(), std::system_error);
}

TEST_CASE("opening fails cleanly when the hypervisor has nothing left") {
    FrontendBed bed;
    SECTION("pages") {
        bed.host.shares_to_fail = 1;
        CHECK_THROWS_AS(bed.open(), std::bad_alloc);
    }
    SECTION("event channels") {
        bed.host.channels_to_fail = 1;
        CHECK_THROWS_AS(bed.open(), std::system_error);
    }
    SECTION("the store") {
        bed.host.store_error = EIO;
        CHECK_THROWS_AS(bed.open(), std::system_error);
    }
    bed.host.store_error = 0;
    CHECK(bed.host.granted_pages() == 0);
    CHECK(bed.host.ports.empty());
}

TEST_CASE("closing goes through Closing and Closed and takes all grants back") {
    FrontendBed bed;
    std::vector<std::string> states;
    FakeStore observer(bed.host);
    observer.hook = [&](const hv::WatchEvent&) {
        states.push_back(bed.host.get(bed.backend.front + "/state"));
    };
    bed.open();
    REQUIRE(observer.watch(bed.backend.front + "/state", ""));
    bed.session.reset();
    CHECK(states == std::vector<std::string>{"4", "5", "6"});
    CHECK(bed.host.granted_pages() == 0);
    CHECK(bed.host.ports.size() == 0);
    SECTION("another session can have the device") {
        CHECK(bed.open().connected());
    }
}

TEST_CASE("closing does not wait for ever for a dead backend") {
    FrontendBed bed;
    bed.open();
    bed.backend.alive = false;
    Outcome outcome;
    bed.backend.serving = false;
    REQUIRE(bed.session->submit(command(test_unit_ready), outcome.handler()));
    bed.session.reset();
    CHECK(outcome.calls == 1);
    CHECK(outcome.host == Host::transport_disrupted);
    CHECK(bed.backend.front_state() == State::closed);
}

TEST_CASE("answers that came before the close are still told") {
    FrontendBed bed;
    bed.open();
    Outcome outcome;
    REQUIRE(bed.session->submit(command(test_unit_ready), outcome.handler()));
    bed.session->flush();
    bed.session.reset();
    CHECK(outcome.host == Host::ok);
}

TEST_CASE("a LUN can be added and removed while the session runs") {
    FrontendBed bed;
    Session& session = bed.open();
    bed.backend.set_lun(1, "0:0:1:0", State::initialising);
    bed.backend.request_change();
    REQUIRE(bed.run_until([&] { return bed.count(Kind::lun_added) == 1; }));
    CHECK(bed.events.front().address == Hctl{0, 0, 1, 0});
    CHECK(session.luns().size() == 2);
    CHECK(bed.backend.lun_state(1) == "4");
    CHECK(bed.host.get(bed.backend.back + "/state") == "4");
    CHECK(bed.host.get(bed.backend.back + "/vscsi-devs/dev-1/state") == "4");

    bed.backend.set_lun(0, "0:0:0:0", State::closing);
    bed.backend.request_change();
    REQUIRE(bed.run_until([&] { return bed.count(Kind::lun_removed) == 1; }));
    REQUIRE(bed.run_until([&] { return bed.host.get(bed.backend.back + "/state") == "4"; }));
    CHECK(bed.backend.lun_state(0) == "6");
    CHECK(session.luns() == std::vector<Hctl>{{0, 0, 1, 0}});
    CHECK(bed.host.get(bed.backend.back + "/vscsi-devs/dev-0/state") == "6");
}

TEST_CASE("a removal waits for the LUN's commands, within bounds") {
    FrontendBed bed;
    bed.backend.serving = false;
    Session& session = bed.open();
    Outcome outcome;
    REQUIRE(session.submit(command(test_unit_ready), outcome.handler()));
    session.flush();
    bed.backend.set_lun(0, "0:0:0:0", State::closing);
    bed.backend.request_change();
    session.poll();
    session.poll();
    CHECK(bed.count(Kind::lun_removed) == 1);
    CHECK(bed.backend.front_state() == State::connected);
    if (GENERATE(true, false)) {
        bed.backend.respond(good(bed.backend.next_request()));
        session.poll();
        CHECK(outcome.calls == 1);
    }
    REQUIRE(bed.run_until([&] { return bed.backend.lun_state(0) == "6"; }));
}

TEST_CASE("a change asked for before the frontend is connected is not lost") {
    FrontendBed bed;
    FakeStore toolstack(bed.host);
    bool asked = false;
    toolstack.hook = [&](const hv::WatchEvent&) {
        if (!asked && bed.host.get(bed.backend.back + "/state") == "4") {
            asked = true;
            bed.backend.set_lun(1, "0:0:1:0", State::initialising);
            bed.backend.request_change();
        }
    };
    REQUIRE(toolstack.watch(bed.backend.back + "/state", ""));
    bed.open();
    REQUIRE(bed.run_until([&] { return bed.session->luns().size() == 2; }));
    CHECK(bed.host.get(bed.backend.back + "/state") == "4");
}

TEST_CASE("LUNs that make no sense are refused one by one") {
    const auto address = GENERATE("", "0:0:0", "0:0:0:0:0", "0:0:65536:0", "a:b:c:d", "0:0:0:0");
    FrontendBed bed({"0:0:0:0", address});
    Session& session = bed.open();
    CHECK(session.luns().size() == 1);
    CHECK(bed.backend.lun_state(0) == "4");
    CHECK(bed.backend.lun_state(1) == "6");
}

TEST_CASE("limits that make no sense are taken for the least") {
    FrontendBed bed;
    const auto [text, pages] = GENERATE(table<const char*, std::size_t>({{"", 25},
                                                                         {"-1", 25},
                                                                         {"25", 25},
                                                                         {"abc", 25},
                                                                         {"128", 127},
                                                                         {"99999999999", 25},
                                                                         {"65535", 1019}}));
    bed.backend.set("/feature-sg-grant", text);
    CHECK(bed.open().max_transfer() == pages * 4096);
}

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

TEST_CASE("waiting ends when its time is over, and the descriptor tells of events") {
    FrontendBed bed;
    Session& session = bed.open();
    const auto start = std::chrono::steady_clock::now();
    CHECK(session.wait(std::chrono::milliseconds(5)) == 0);
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(5));
    CHECK(session.wait(std::chrono::milliseconds(0)) == 0);
    CHECK(session.fd() >= 0);
}
