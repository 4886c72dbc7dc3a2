// The frontend's state machine: hot add, hot remove, and what a backend offers.
#include "tests/support/frontend_bed.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::test;
using State = MockBackend::State;
using Kind = Event::Kind;

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
