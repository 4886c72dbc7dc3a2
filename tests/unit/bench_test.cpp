// pvscsi-bench's parts: percentiles, patterns, and whole runs over a mock backend's disk.
#include "frontend/bench/report.hpp"
#include "tests/support/frontend_bed.hpp"

#include "common/base/bytes.hpp"
#include "common/scsi/sense.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <cstring>
#include <iostream>
#include <sstream>

using namespace pvscsi;
using namespace pvscsi::test;

namespace {

constexpr std::uint64_t disk_blocks = 4096;

/// A disk of 2 MiB behind the mock backend.
struct DiskBed : FrontendBed {
    std::string content = std::string(disk_blocks * 512, '\0');
    unsigned writes = 0;
    /// Of the writes: the one to be lost silently; 0: none.
    unsigned lose = 0;
    unsigned fail_every = 0;
    unsigned commands = 0;

    DiskBed() {
        backend.set("/feature-sg-grant", "256");
        backend.answer = [this](const ring::WireRequest& request) { return serve(request); };
        open();
    }
    ring::WireResponse serve(const ring::WireRequest& request) {
        ++commands;
        const auto cdb = std::span<const std::uint8_t>(request.cmnd);
        if (request.cmnd[0] == 0x9e) {
            std::array<std::uint8_t, 32> data{};
            store_be64(data, 0, disk_blocks - 1);
            store_be32(data, 8, 512);
            backend.write_data(request, std::string(data.begin(), data.end()));
        } else if (fail_every != 0 && commands % fail_every == 0) {
            return ring::make_response(ring::tag_of(request), 0, 2,
                                       std::array<std::uint8_t, 3>{0x70, 0, 3}, 0);
        } else if (request.cmnd[0] == 0x28 || request.cmnd[0] == 0x2a) {
            const std::size_t at = load_be32(cdb, 2) * 512u;
            const std::size_t size = load_be16(cdb, 7) * 512u;
            if (request.cmnd[0] == 0x28)
                backend.write_data(request, content.substr(at, size));
            else if (const auto data = backend.read_data(request); ++writes != lose)
                content.replace(at, size, data);
        }
        return good(request);
    }
};

bench::Options quick_options() {
    bench::Options options;
    options.runtime = 0.02;
    options.depth = 4;
    options.seed = 42;
    options.verify = true;
    return options;
}

} // namespace

TEST_CASE("percentiles are right within the width of a bucket") {
    bench::Histogram histogram;
    CHECK(histogram.percentile(0.5) == 0);
    for (std::uint64_t value = 1; value <= 100'000; ++value)
        histogram.add(value);
    CHECK(histogram.count() == 100'000);
    CHECK(histogram.mean() == Approx(50'000.5));
    for (const double share : {0.001, 0.1, 0.5, 0.99, 0.999})
        CHECK(static_cast<double>(histogram.percentile(share)) ==
              Approx(share * 100'000).epsilon(1.0 / 64));
    CHECK(histogram.percentile(1) == 100'000);
    histogram.add(~std::uint64_t{0});
    CHECK(histogram.percentile(1) == ~std::uint64_t{0});
}

TEST_CASE("a pattern is of its block, seed and version only") {
    std::vector<std::byte> data(4096);
    bench::fill_pattern(data, 1, 2, 3);
    CHECK(bench::matches_pattern(data, 1, 2, 3));
    CHECK_FALSE(bench::matches_pattern(data, 2, 2, 3));
    CHECK_FALSE(bench::matches_pattern(data, 1, 3, 3));
    CHECK_FALSE(bench::matches_pattern(data, 1, 2, 4));
    data[4095] ^= std::byte{1};
    CHECK_FALSE(bench::matches_pattern(data, 1, 2, 3));
}

TEST_CASE("a run over a sound disk finds no error, and its report adds up") {
    DiskBed bed;
    bench::Options options = quick_options();
    options.access = GENERATE(bench::Access::read, bench::Access::write, bench::Access::randread,
                              bench::Access::randwrite, bench::Access::randrw);
    options.wait = GENERATE(bench::Wait::event, bench::Wait::adaptive, bench::Wait::poll);
    options.block = GENERATE(512u, 4096u, 262144u);
    bench::Load load(*bed.session, options);
    const bench::Result result = load.run();
    CHECK(result.errors == 0);
    CHECK(result.verified > 0);
    const auto report = nlohmann::json::parse(bench::to_json(options, result));
    CHECK(report["errors"] == 0);
    CHECK(report["iops"].get<double>() > 0);
    CHECK(report["bytes_per_second"].get<double>() ==
          Approx(report["iops"].get<double>() * static_cast<double>(options.block)));
    CHECK(report["latency_ns"]["p50"] <= report["latency_ns"]["p99"]);
    CHECK(report["latency_ns"]["p99"] <= report["latency_ns"]["p999"]);
    CHECK(report["commands"].get<std::uint64_t>() ==
          report["read"]["commands"].get<std::uint64_t>() +
              report["write"]["commands"].get<std::uint64_t>());
    CHECK((report["read"]["commands"] > 0) == options.reads());
    CHECK((report["write"]["commands"] > 0) == options.writes());
}

TEST_CASE("what is before and behind the part to use is left alone") {
    DiskBed bed;
    bench::Options options = quick_options();
    options.access = bench::Access::randrw;
    options.offset = 64 * 1024;
    options.size = 64 * 1024;
    const std::string before = bed.content;
    bench::Load load(*bed.session, options);
    CHECK(load.run().errors == 0);
    CHECK(bed.content.substr(0, options.offset) == before.substr(0, options.offset));
    CHECK(bed.content.substr(128 * 1024) == before.substr(128 * 1024));
    CHECK(bed.content.substr(options.offset, 4096) != before.substr(options.offset, 4096));
}

TEST_CASE("a write that the disk loses is found") {
    DiskBed bed;
    bench::Options options = quick_options();
    options.access = GENERATE(bench::Access::randwrite, bench::Access::randread);
    options.size = 64 * 1024;
    bed.lose = 1;
    if (options.access == bench::Access::randwrite) {
        options.runtime = 1e-6; // a block that is written again is right again
        options.depth = 1;
    }
    bench::Load load(*bed.session, options);
    CHECK(load.run().errors > 0);
}

TEST_CASE("commands that fail are counted, and the run goes on") {
    DiskBed bed;
    bed.fail_every = 10;
    bench::Options options = quick_options();
    options.verify = false;
    options.runtime = 0.01;
    bench::Load load(*bed.session, options);
    const auto result = load.run();
    CHECK(result.errors > 1);
    CHECK(result.read.commands > 5 * result.errors);
}

TEST_CASE("a run ends at once when the session has ended for good, or the store is gone") {
    DiskBed bed;
    bench::Options options = quick_options();
    options.verify = false;
    options.runtime = 1000;
    const bool removed = GENERATE(true, false);
    unsigned until = 50;
    bed.backend.answer = [&](const ring::WireRequest& request) {
        if (--until == 0 && removed)
            bed.host.remove(bed.backend.front);
        if (until == 0 && !removed) {
            bed.host.store_error = EIO;
            bed.host.fire(bed.backend.back + "/state");
        }
        return bed.serve(request);
    };
    bench::Load load(*bed.session, options);
    bed.session->on_event([&](const Event& event) { load.hear(event); });
    CHECK_THROWS_WITH(load.run(),
                      Catch::Contains("the load ends before its time: ") &&
                          Catch::Contains(removed ? "the device was removed"
                                                  : "the connection to the store has ended"));
    bed.session.reset(); // the load's commands end with it
}

TEST_CASE("what became of a command is told in words") {
    using bench::describe;
    Completion completion;
    completion.residual = 512;
    CHECK(describe(completion) == "512 bytes were not transferred");
    completion.status = 0x08;
    CHECK(describe(completion) == "status 08h (BUSY)");
    completion.status = 0x02;
    const auto sense = scsi::Sense::fixed(scsi::SenseKey::medium_error, 0x11, 0x00);
    completion.sense = sense.bytes();
    CHECK(describe(completion) == "Medium Error, 11h/00h: Unrecovered read error");
    completion.host = Host::transport_disrupted;
    CHECK(describe(completion) == "the command did not get through (TRANSPORT DISRUPTED)");
    completion.host = Host::no_connect;
    CHECK(describe(completion) == "there is no such LUN (NO CONNECT)");
}

TEST_CASE("a time that is none is refused in one line") {
    const std::string text = GENERATE("-1", "0", "nan", "inf", "1e300", "5x", "");
    std::string runtime = "--runtime=" + text;
    char program[] = "pvscsi-bench", domain[] = "demo", lun[] = "0:0:0:0";
    char* arguments[] = {program, domain, lun, runtime.data()};
    bench::Options options;
    int status = 0;
    std::ostringstream errors;
    auto* const before = std::cerr.rdbuf(errors.rdbuf());
    const bool goes_on = bench::parse_options(4, arguments, options, status);
    std::cerr.rdbuf(before);
    CHECK_FALSE(goes_on);
    CHECK(status == 2);
    CHECK(errors.str().size() < 200);
}

TEST_CASE("options that do not fit the unit are refused") {
    DiskBed bed;
    bench::Options options = quick_options();
    SECTION("size") {
        options.size = disk_blocks * 512 + 1;
    }
    SECTION("offset") {
        options.offset = disk_blocks * 512 + 512;
    }
    SECTION("offset and size together") {
        options.offset = 512;
        options.size = disk_blocks * 512;
    }
    SECTION("an offset that is no block's") {
        options.offset = 100;
    }
    SECTION("block size") {
        options.block = 700;
    }
    SECTION("large blocks") {
        options.block = 2 << 20;
    }
    SECTION("depth") {
        options.block = 512 * 1024;
        options.depth = 5;
    }
    CHECK_THROWS_AS(bench::Load(*bed.session, options), std::runtime_error);
}

TEST_CASE("a run survives a backend that goes and comes back") {
    DiskBed bed;
    bench::Options options = quick_options();
    options.verify = false;
    options.runtime = 0.1;
    unsigned until = 50;
    bed.backend.answer = [&](const ring::WireRequest& request) {
        if (--until == 0)
            bed.backend.set_state(MockBackend::State::closing);
        return bed.serve(request);
    };
    bench::Load load(*bed.session, options);
    const auto result = load.run();
    CHECK(bed.count(Event::Kind::reconnected) == 1);
    CHECK(result.read.commands > 50);
}
