// The frontend's state machine: opening a session and closing it, and what a predecessor left.
#include "tests/support/frontend_bed.hpp"

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

TEST_CASE("a failed opening tells what the backend says is wrong") {
    FrontendBed bed;
    bed.backend.alive = false;
    bed.options.connect_timeout = std::chrono::milliseconds(20);
    bed.backend.set("/error", "no space left\x1b[31m" + std::string(2000, 'x'));
    try {
        bed.open();
        FAIL("it has opened");
    } catch (const std::runtime_error& error) {
        const std::string text = error.what();
        CHECK(text.find("the backend says: no space left?[31mxx") != std::string::npos);
        CHECK(text.size() < 500);
    }
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
        CHECK_THROWS_WITH(bed.open(), Catch::Contains("max_event_channels="));
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

TEST_CASE("waiting ends when its time is over, and the descriptor tells of events") {
    FrontendBed bed;
    Session& session = bed.open();
    const auto start = std::chrono::steady_clock::now();
    CHECK(session.wait(std::chrono::milliseconds(5)) == 0);
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(5));
    CHECK(session.wait(std::chrono::milliseconds(0)) == 0);
    CHECK(session.fd() >= 0);
}
