// What is in the flight recorder's file while its daemon runs, and when the next one has begun.
#include "tests/support/flight_bed.hpp"

#include <csignal>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace pvscsi;
using namespace pvscsi::backend::flight;
using namespace std::chrono_literals;
using test::FlightBed;
using test::is_whole;
using test::numbered;
using test::prepare;

TEST_CASE("a command is there with all that became of it") {
    FlightBed bed;
    const unsigned place = bed.begin(7);
    bed.request.outcome.status = scsi::Status::check_condition;
    bed.request.outcome.sense = scsi::Sense::fixed(scsi::SenseKey::medium_error, 0x11, 2);
    bed.request.outcome.unmoved = 100;
    bed.recorder->end(place, bed.request, End::answered, test::record_start + 1500us);
    const auto events = bed.events();
    REQUIRE(events.size() == 2);
    CHECK(events[0].kind == Kind::daemon);
    CHECK(events[0].pid == static_cast<std::uint64_t>(::getpid()));
    const Event& event = events[1];
    CHECK(event.kind == Kind::command);
    CHECK(event.state == State::ended);
    CHECK(is_whole(event));
    CHECK(event.begun == 1s);
    CHECK(event.ended - event.begun == 1500us);
    CHECK(event.host == scsi::HostCode::ok);
    CHECK(event.status == scsi::Status::check_condition);
    CHECK(event.sense_size == 18);
    CHECK(event.sense.key() == scsi::SenseKey::medium_error);
    CHECK(event.sense.asc() == 0x11);
    CHECK(event.sense.ascq() == 2);
    CHECK(event.residual == 412);
    CHECK(event.end == End::answered);
    CHECK(bed.read().unit() == test::recorded_unit);
    CHECK(bed.read().live());
}

TEST_CASE("of long sense the beginning is kept, and how long it was") {
    FlightBed bed;
    const unsigned place = bed.begin(1);
    std::array<std::uint8_t, 96> sense{0x72, 4, 0x44, 1};
    sense[31] = 0xaa;
    sense[32] = 0xbb;
    bed.request.outcome.status = scsi::Status::check_condition;
    bed.request.outcome.sense = scsi::Sense::from_bytes(sense);
    bed.recorder->end(place, bed.request, End::answered, test::record_start);
    const Event event = bed.events().back();
    CHECK(event.sense_size == 96);
    REQUIRE(event.sense.bytes().size() == sense_kept);
    CHECK(event.sense.bytes()[31] == 0xaa);
    CHECK(event.sense.asc() == 0x44);
    bed.run(2); // one without, in another place
    CHECK(bed.events().back().sense.empty());
}

TEST_CASE("task management is there with its victim and how it ended") {
    FlightBed bed;
    prepare(bed.request, numbered(9, ring::WireAction::abort));
    bed.recorder->end(bed.recorder->begin(bed.request, test::record_start), bed.request,
                      End::failed, test::record_start);
    prepare(bed.request, numbered(10, ring::WireAction::reset));
    bed.recorder->end(bed.recorder->begin(bed.request, test::record_start), bed.request,
                      End::answered, test::record_start);
    const auto events = bed.events();
    REQUIRE(events.size() == 3);
    CHECK(events[1].kind == Kind::abort);
    CHECK(events[1].victim == 77);
    CHECK(events[1].end == End::failed);
    CHECK(events[2].kind == Kind::reset);
    CHECK(events[2].tag == 10);
    CHECK(events[2].end == End::answered);
}

TEST_CASE("the oldest make room, but one that is under way stays") {
    FlightBed bed;
    const unsigned held = bed.begin(1);
    for (std::uint32_t i = 2; i < 1000; ++i)
        bed.run(i);
    auto events = bed.events();
    REQUIRE(events.size() == 64);
    CHECK(events.front().state == State::under_way);
    CHECK_FALSE(events.front().lost);
    CHECK(events.front().tag == 1);
    CHECK(events.back().tag == 999);
    for (std::size_t i = 1; i < events.size(); ++i) {
        CHECK(is_whole(events[i]));
        CHECK(events[i].sequence == 1001 - 64 + i);
    }
    prepare(bed.request, numbered(1));
    bed.recorder->end(held, bed.request, End::cut_short, test::record_start + 1s);
    events = bed.events();
    CHECK(events.front().state == State::ended);
    CHECK(events.front().end == End::cut_short);
    for (std::uint32_t i = 0; i < 64; ++i)
        bed.run(i);
    CHECK(bed.events().front().sequence > 2);
}

TEST_CASE("when all are under way no other is recorded, and nothing breaks") {
    FlightBed bed;
    for (std::uint32_t i = 0; i < 64; ++i)
        REQUIRE(bed.begin(i) != Recorder::none);
    CHECK(bed.begin(64) == Recorder::none);
    CHECK(bed.events().size() == 64);
}

TEST_CASE("the next daemon goes on in the file, and what was under way is lost") {
    FlightBed bed;
    bed.run(1);
    static_cast<void>(bed.begin(2));
    bed.recorder.reset();
    bed.recorder = Recorder::open(bed.path, test::recorded_unit, 64);
    bed.run(3);
    static_cast<void>(bed.begin(4));
    const auto events = bed.events();
    REQUIRE(events.size() == 6);
    CHECK(events[1].state == State::ended);
    CHECK(events[2].state == State::under_way);
    CHECK(events[2].lost);
    CHECK(events[3].kind == Kind::daemon);
    CHECK(events[4].tag == 3);
    CHECK_FALSE(events[5].lost);
    for (std::size_t i = 0; i < events.size(); ++i)
        CHECK(events[i].sequence == i + 1);
    // What is lost makes room.
    for (std::uint32_t i = 0; i < 100; ++i)
        bed.run(i);
    CHECK_FALSE(bed.events().front().lost);
}

TEST_CASE("the record of another unit, or of another length, is begun anew") {
    FlightBed bed;
    bed.run(1);
    bed.recorder.reset();
    Unit other = test::recorded_unit;
    SECTION("another backing") {
        other.pdev = "file:/srv/other.img";
    }
    SECTION("another address") {
        other.address.lun = 6;
    }
    SECTION("another guest of that number") {
        other.guest_name = "mail";
    }
    SECTION("another length") {
        bed.recorder = Recorder::open(bed.path, test::recorded_unit, 100);
        CHECK(bed.read().length() == 100);
        CHECK(bed.events().size() == 1);
        return;
    }
    bed.recorder = Recorder::open(bed.path, other, 64);
    CHECK(bed.events().size() == 1);
    CHECK(bed.read().unit() == other);
}

TEST_CASE("names that are too long are cut, and are the same unit's all the same") {
    test::Folder folder;
    Unit longer = test::recorded_unit;
    longer.pdev = "file:/" + std::string(3000, 'x');
    const auto path = folder.path("x.trace");
    Recorder::open(path, longer, 64);
    Recorder::open(path, longer, 64);
    const auto recording = Recording::open(path);
    REQUIRE(recording);
    CHECK(recording->unit().pdev == longer.pdev.substr(0, 1024));
    CHECK(recording->events().size() == 2);
}

TEST_CASE("the file is its owner's, and no record where it is damaged") {
    FlightBed bed;
    struct ::stat info {};
    REQUIRE(::stat(bed.path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    CHECK(static_cast<std::size_t>(info.st_size) == file_size(64));
    bed.recorder.reset();
    SECTION("cut") {
        std::filesystem::resize_file(bed.path, 5000);
    }
    SECTION("empty") {
        std::filesystem::resize_file(bed.path, 0);
    }
    SECTION("longer") {
        std::filesystem::resize_file(bed.path, file_size(64) + 96);
    }
    SECTION("something else") {
        bed.folder.file("3-1.dev-0.trace", std::string(file_size(64), 'x'));
    }
    SECTION("not there") {
        std::filesystem::remove(bed.path);
    }
    CHECK_FALSE(Recording::open(bed.path));
    bed.recorder = Recorder::open(bed.path, test::recorded_unit, 64);
    CHECK(bed.events().size() == 1);
}

TEST_CASE("a folder that is not there is an error that says so") {
    CHECK_THROWS_AS(Recorder::open("/nonexistent/x.trace", test::recorded_unit, 64),
                    std::system_error);
}

/// Of the process that the test steps through.
[[noreturn]] static void record_two_and_end(FlightBed& bed) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    bed.run(1001);
    bed.run(1002);
    ::_exit(0);
}

TEST_CASE("after every single instruction each entry is whole, or known to be torn") {
    FlightBed bed;
    for (std::uint32_t i = 1; i < 200; ++i)
        bed.run(i);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0)
        record_two_and_end(bed);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (!WIFSTOPPED(status))
        FAIL("processes can't be traced here");
    const Recording recording = bed.read();
    bool torn = false, under_way = false;
    for (;;) {
        REQUIRE(::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0);
        REQUIRE(::waitpid(child, &status, 0) == child);
        if (!WIFSTOPPED(status))
            break;
        for (const Event& event : recording.events()) {
            if (event.kind == Kind::command && !is_whole(event))
                FAIL("torn: #" << event.sequence);
            under_way |= event.state == State::under_way;
        }
        // One that is being written is left out while its daemon lives.
        torn |= recording.events().size() == 63;
    }
    CHECK(WIFEXITED(status));
    CHECK(torn);
    CHECK(under_way);
    CHECK(bed.events().back().tag == 1002);
}
