// Faults on purpose: what they do to commands, and how often.
#include "tests/support/inject_bed.hpp"

using namespace pvscsi;
using namespace std::chrono_literals;
using test::Bytes;
using test::InjectBed;
using test::read10;
using test::tur_cdb;
using test::write10;

TEST_CASE("an error that is asked for, in the unit's place") {
    SECTION("sense") {
        InjectBed bed{"opcode=read,sense=3/11/02"};
        CHECK(bed.host->in(read10, 4096).is(scsi::SenseKey::medium_error, 0x11, 2));
        CHECK(bed.host->none(tur_cdb).good());
        CHECK(bed.unit->started == 1);
    }
    SECTION("status") {
        InjectBed bed{"status=busy"};
        const auto answer = bed.host->in(read10, 4096);
        CHECK(answer.status == scsi::Status::busy);
        CHECK(answer.host == scsi::HostCode::ok);
        CHECK(answer.residual == 4096);
        CHECK(bed.unit->started == 0);
    }
    SECTION("task set full by its number") {
        InjectBed bed{"status=0x28"};
        CHECK(bed.host->none(tur_cdb).status == scsi::Status::task_set_full);
    }
    SECTION("host code") {
        InjectBed bed{"host=time-out"};
        CHECK(bed.host->out(write10, Bytes(4096)).host == scsi::HostCode::time_out);
        CHECK(bed.unit->started == 0);
    }
    SECTION("late") {
        InjectBed bed{"status=busy,delay=20"};
        const auto begin = std::chrono::steady_clock::now();
        CHECK(bed.host->none(tur_cdb).status == scsi::Status::busy);
        CHECK(std::chrono::steady_clock::now() - begin >= 20ms);
        CHECK(bed.unit->started == 0);
    }
}

TEST_CASE("a short transfer, both ways, whenever the unit ends it") {
    InjectBed bed{"short=512"};
    bed.unit->at_once = GENERATE(true, false);
    const auto run = [&](const Bytes& cdb, const Bytes& out, std::uint32_t in) {
        auto& flight = bed.host->send(cdb, out, in);
        bed.unit->finish_all();
        REQUIRE(flight.ended());
        return flight.answer();
    };
    auto answer = run(read10, {}, 4096);
    CHECK(answer.good());
    CHECK(answer.residual == 512);
    CHECK(answer.data.size() == 4096 - 512);
    CHECK(run(write10, Bytes(4096), 0).residual == 512);
    CHECK(run(write10, Bytes(100), 0).residual == 100);
    CHECK(run(tur_cdb, {}, 0).good());
    CHECK(bed.unit->started == 4);
}

TEST_CASE("a short transfer that the unit tells of") {
    InjectBed bed{"short=1024,sense=3/11/00"};
    const auto answer = bed.host->in(read10, 4096);
    CHECK(answer.is(scsi::SenseKey::medium_error, 0x11, 0));
    CHECK(answer.residual == 1024);
    CHECK(bed.unit->started == 1);
}

TEST_CASE("a delay holds the answer of what the unit has done") {
    InjectBed bed{"delay=20"};
    bed.unit->at_once = GENERATE(true, false);
    const auto begin = std::chrono::steady_clock::now();
    auto& flight = bed.host->send(read10, {}, 4096);
    bed.unit->finish_all();
    CHECK(bed.unit->started == 1);
    CHECK_FALSE(flight.ended());
    REQUIRE(bed.wait(flight));
    CHECK(std::chrono::steady_clock::now() - begin >= 20ms);
    CHECK(flight.answer().good());
    CHECK(flight.answer().data.size() == 4096);
    CHECK(flight.endings() == 1);
}

TEST_CASE("delays of different lengths end in their order") {
    InjectBed bed{"opcode=read,delay=60", "opcode=write,delay=15"};
    auto& slow = bed.host->send(read10, {}, 512);
    auto& fast = bed.host->send(write10, Bytes(512));
    REQUIRE(bed.wait(fast));
    CHECK_FALSE(slow.ended());
    REQUIRE(bed.wait(slow));
}

TEST_CASE("how often: skip, count, chance") {
    SECTION("skip and count") {
        InjectBed bed{"skip=2,count=3,status=busy"};
        std::string seen;
        for (int i = 0; i < 8; ++i)
            seen += bed.host->none(tur_cdb).good() ? 'g' : 'b';
        CHECK(seen == "ggbbbggg");
        const auto report = bed.injector->report();
        CHECK(report[0].hit == 3);
        CHECK(report[0].fitted == 5);
        CHECK(bed.injector->hits() == 3);
    }
    SECTION("chance") {
        InjectBed bed{"probability=0.25,status=busy"};
        int busy = 0;
        for (int i = 0; i < 4000; ++i)
            busy += bed.host->none(tur_cdb).good() ? 0 : 1;
        CHECK(busy > 850);
        CHECK(busy < 1150);
    }
    SECTION("the first that fires is the only one") {
        InjectBed bed{"count=1,status=busy", "status=task-set-full"};
        CHECK(bed.host->none(tur_cdb).status == scsi::Status::busy);
        CHECK(bed.host->none(tur_cdb).status == scsi::Status::task_set_full);
    }
    SECTION("cleared") {
        InjectBed bed{"status=busy"};
        CHECK_FALSE(bed.host->none(tur_cdb).good());
        bed.injector->clear();
        CHECK(bed.host->none(tur_cdb).good());
        CHECK(bed.injector->report().empty());
        CHECK(bed.injector->hits() == 1);
    }
}
