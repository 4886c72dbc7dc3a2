// Commands that an injector of faults holds end with ABORT, RESET and the connection, each once.
#include "tests/support/inject_bed.hpp"

#include <algorithm>
#include <thread>

using namespace pvscsi;
using namespace std::chrono_literals;
using test::Bytes;
using test::InjectBed;
using test::read10;
using test::rule;
using test::tur_cdb;
using test::write10;

// Each way in which a command can be here when it is ended from outside.
TEST_CASE("what is held ends with ABORT: once, and not from inside of it") {
    const auto [text, reaches_unit] = GENERATE(table<std::string, bool>({
        {"drop", false},
        {"delay=600000", true},
        {"delay=600000,status=busy", false},
        {"delay=600000,short=1", true},
    }));
    INFO(text);
    InjectBed bed{text};
    auto& flight = bed.host->send(read10, {}, 512);
    bed.go_on();
    CHECK(bed.unit->started == (reaches_unit ? 1 : 0));
    REQUIRE_FALSE(flight.ended());
    bed.host->target().abort(flight.request());
    CHECK_FALSE(flight.ended());
    bed.host->target().abort(flight.request());
    REQUIRE(bed.wait(flight));
    bed.go_on();
    CHECK(flight.endings() == 1);
    CHECK(flight.answer().host == scsi::HostCode::abort);
    CHECK(bed.unit->aborts == 0);
}

TEST_CASE("what is at the unit is the unit's to abort") {
    InjectBed bed{"delay=10"};
    bed.unit->at_once = false;
    auto& flight = bed.host->send(read10, {}, 512);
    bed.host->target().abort(flight.request());
    CHECK(bed.unit->aborts == 1);
    bed.unit->finish_all();
    REQUIRE(bed.wait(flight));
    CHECK(flight.endings() == 1);
    // One without a fault.
    bed.injector->clear();
    auto& other = bed.host->send(read10, {}, 512);
    bed.host->target().abort(other.request());
    CHECK(bed.unit->aborts == 2);
    bed.unit->finish_all();
    CHECK(other.ended());
}

TEST_CASE("a lost ABORT does nothing, but not for good") {
    SECTION("of what is held") {
        InjectBed bed{"drop,lost-abort"};
        auto& flight = bed.host->send(tur_cdb, {});
        bed.host->target().abort(flight.request());
        bed.go_on(20ms);
        CHECK_FALSE(flight.ended());
        REQUIRE(bed.wait(flight));
        CHECK(flight.answer().host == scsi::HostCode::abort);
        CHECK(flight.endings() == 1);
    }
    SECTION("of what is at the unit") {
        InjectBed bed{"lost-abort"};
        bed.unit->at_once = false;
        auto& flight = bed.host->send(tur_cdb, {});
        bed.host->target().abort(flight.request());
        bed.go_on(20ms);
        CHECK(bed.unit->aborts == 0);
        bed.go_on(60ms);
        CHECK(bed.unit->aborts == 1);
        bed.unit->finish_all();
        CHECK(flight.endings() == 1);
    }
    SECTION("what ends before that has its own answer") {
        InjectBed bed{"lost-abort"};
        bed.unit->at_once = false;
        auto& flight = bed.host->send(tur_cdb, {});
        bed.host->target().abort(flight.request());
        bed.unit->finish_all();
        CHECK(flight.answer().good());
        bed.go_on(80ms);
        CHECK(bed.unit->aborts == 0);
        CHECK(flight.endings() == 1);
    }
    SECTION("an earlier end stays as it is") {
        InjectBed bed{"lost-abort,delay=20"};
        auto& flight = bed.host->send(tur_cdb, {});
        bed.host->target().abort(flight.request());
        REQUIRE(bed.wait(flight));
        CHECK(flight.answer().good());
    }
}

TEST_CASE("a RESET ends whatever is here or at the unit") {
    const auto [text, at_once] = GENERATE(table<std::string, bool>({
        {"drop", true},
        {"drop,lost-abort", true},
        {"delay=600000", true},
        {"delay=600000", false},
        {"short=1", false},
        {"lost-abort", false},
        {"delay=600000,sense=3/11/00", true},
    }));
    INFO(text << (at_once ? "" : ", at the unit"));
    InjectBed bed{text};
    bed.unit->at_once = at_once;
    auto& flight = bed.host->send(read10, {}, 512);
    bool done = false;
    bed.host->target().abort(flight.request());
    bed.host->target().reset([&](bool success) { done = success; });
    REQUIRE(bed.wait(flight));
    bed.go_on();
    CHECK(done);
    CHECK(bed.unit->resets == 1);
    CHECK(flight.endings() == 1);
    if (text.find("short") == std::string::npos || !at_once)
        CHECK(flight.answer().host != scsi::HostCode::ok);
    // And the next command is one like any other.
    bed.injector->clear();
    bed.unit->at_once = true;
    CHECK(bed.host->none(tur_cdb).good());
}

TEST_CASE("data-out that never come leave nothing behind") {
    InjectBed bed{"delay=600000"};
    auto& flight = bed.host->send_without_data(write10, 4096);
    bed.host->target().drop(flight.request());
    CHECK(bed.unit->dropped == 1);
    // As many as there can be at once, and more.
    for (int i = 0; i < 100; ++i)
        bed.host->target().drop(bed.host->send_without_data(write10, 4096).request());
    bed.injector->clear();
    bed.injector->add({rule("status=busy")});
    CHECK(bed.host->none(tur_cdb).status == scsi::Status::busy);
}

TEST_CASE("detaching with a timer that has gone off is no trouble") {
    InjectBed bed{"delay=5"};
    auto& flight = bed.host->send(tur_cdb, {});
    bed.host->target().abort(flight.request());
    REQUIRE(bed.wait(flight));
    auto& other = bed.host->send(tur_cdb, {});
    std::this_thread::sleep_for(10ms);
    bed.host->target().reset([](bool) {});
    REQUIRE(bed.wait(other));
    bed.host->target().detach();
    CHECK(bed.unit->detached);
    bed.go_on(10ms);
}

TEST_CASE("more at once than it can hold are left alone") {
    InjectBed bed{"drop"};
    std::vector<test::TargetHost::Flight*> flights;
    for (int i = 0; i < 40; ++i)
        flights.push_back(&bed.host->send(tur_cdb, {}));
    CHECK(std::count_if(flights.begin(), flights.end(), [](auto* f) { return f->ended(); }) == 8);
    CHECK(bed.injector->hits() == 32);
    bed.host->target().reset([](bool) {});
    for (auto* const flight : flights)
        REQUIRE(bed.wait(*flight));
}
