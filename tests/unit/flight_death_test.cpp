// The flight recorder's file is whole whoever reads it while it is written, and whatever its daemon
// dies at.
#include "tests/support/flight_bed.hpp"

#include <atomic>
#include <csignal>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace pvscsi;
using namespace pvscsi::backend::flight;
using namespace std::chrono_literals;
using test::FlightBed;
using test::is_whole;

TEST_CASE("who reads while it is written sees whole entries only") {
    FlightBed bed;
    std::atomic<bool> stop{false};
    std::atomic<std::uint32_t> written{0};
    std::thread writer([&] {
        for (std::uint32_t i = 1; !stop; ++i) {
            bed.run(i);
            written = i;
        }
    });
    std::size_t seen = 0;
    const auto until = std::chrono::steady_clock::now() + 300ms;
    const Recording recording = bed.read();
    while (std::chrono::steady_clock::now() < until || written < 10'000) {
        for (const Event& event : recording.events()) {
            if (event.kind == Kind::daemon)
                continue;
            ++seen;
            if (!is_whole(event) || event.state == State::writing) {
                stop = true;
                FAIL_CHECK("torn: #" << event.sequence << " tag " << event.tag);
            }
        }
        if (stop)
            break;
    }
    stop = true;
    writer.join();
    CHECK(seen > 64);
}

TEST_CASE("whatever a daemon dies at, what it left is whole or known to be torn") {
    FlightBed bed;
    bed.recorder.reset();
    for (int round = 0; round < 10; ++round) {
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            bed.recorder = Recorder::open(bed.path, test::recorded_unit, 64);
            for (std::uint32_t i = 1;; ++i)
                bed.run(i);
        }
        const auto recording_begins = [&] {
            const auto recording = Recording::open(bed.path);
            return recording && recording->writer() == static_cast<std::uint64_t>(child) &&
                   recording->events().size() == 64;
        };
        const auto until = std::chrono::steady_clock::now() + 20s;
        while (!recording_begins() && std::chrono::steady_clock::now() < until) {
        }
        std::this_thread::sleep_for(std::chrono::microseconds(137 * round % 1000));
        ::kill(child, SIGKILL);
        REQUIRE(::waitpid(child, nullptr, 0) == child);
        CHECK_FALSE(bed.read().live());
        unsigned unfinished = 0;
        const auto events = bed.events();
        for (const Event& event : events) {
            if (event.kind == Kind::command && !is_whole(event))
                FAIL("round " << round << " torn: #" << event.sequence);
            if (event.state != State::ended) {
                CHECK(event.lost);
                ++unfinished;
            }
        }
        CHECK(events.size() >= 63);
        CHECK(unfinished <= static_cast<unsigned>(round) + 1); // older rounds' may be left
    }
}

TEST_CASE("an entry that was being written when the daemon died is known by its number") {
    FlightBed bed;
    bed.run(1);
    bed.run(2);
    {
        auto file = backend::MappedFile::open(bed.path, file_size(64));
        REQUIRE(file);
        auto* const entries = reinterpret_cast<Entry*>(file->bytes().data() + sizeof(Header));
        entries[3].stamp = stamp_of(4, State::writing);
        file->as<Header>().writer = 0x3fffffff; // nobody's
    }
    const auto events = bed.events();
    REQUIRE(events.size() == 4);
    CHECK(events[3].sequence == 4);
    CHECK(events[3].state == State::writing);
    CHECK(events[3].lost);
    CHECK(events[3].kind == Kind::none);
    // The next daemon goes on behind it.
    bed.recorder = Recorder::open(bed.path, test::recorded_unit, 64);
    bed.run(5);
    CHECK(bed.events().back().sequence == 6);
}
