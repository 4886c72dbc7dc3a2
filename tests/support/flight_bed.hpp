// A flight recorder of one unit, and commands for it that tell their number in every field.
#pragma once

#include "backend/flight/reader.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <stdexcept>

namespace pvscsi::test {

namespace flight = backend::flight;

struct RequestSink final : backend::RequestOwner {
    void finished(backend::Request&) noexcept override {}
    std::span<std::byte> buffer(backend::Request&, std::size_t) noexcept override { return {}; }
};

/// READ(16) whose LBA, tag and timeout tell `number`.
inline ring::WireRequest numbered(std::uint32_t number,
                                  ring::WireAction action = ring::WireAction::cdb) {
    ring::WireRequest wire{};
    wire.rqid = static_cast<std::uint16_t>(number);
    wire.timeout_per_command = static_cast<std::uint16_t>(number);
    wire.act = static_cast<std::uint8_t>(action);
    wire.ref_rqid = 77;
    wire.cmd_len = 16;
    wire.cmnd = {0x88};
    for (unsigned i = 0; i < 4; ++i)
        wire.cmnd[6 + i] = wire.cmnd[10 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
    wire.sc_data_direction = static_cast<std::uint8_t>(ring::WireDirection::from_device);
    wire.nr_segments = 1;
    wire.seg[0] = {1, 0, 512};
    return wire;
}

inline void prepare(backend::Request& request, const ring::WireRequest& wire) {
    ring::SegmentList segments(ring::max_direct_segments);
    const auto command = ring::parse(wire, {}, segments);
    if (!command) // any thread may come here
        throw std::logic_error("a test's own command was rejected");
    request.prepare(*command, segments.total());
}

inline const flight::Unit recorded_unit{3, 1, {0, 2, 5}, "web", "file:/srv/web.img", 0};
inline const flight::Recorder::Time record_start{std::chrono::seconds(1)};

struct FlightBed {
    Folder folder;
    std::string path = folder.path("3-1.dev-0.trace");
    RequestSink owner;
    backend::Request request{owner};
    std::unique_ptr<flight::Recorder> recorder = flight::Recorder::open(path, recorded_unit, 64);

    unsigned begin(std::uint32_t number) {
        prepare(request, numbered(number));
        return recorder->begin(request, record_start);
    }
    void run(std::uint32_t number) {
        recorder->end(begin(number), request, flight::End::answered,
                      record_start + std::chrono::microseconds(5));
    }
    [[nodiscard]] flight::Recording read() const {
        auto recording = flight::Recording::open(path);
        REQUIRE(recording);
        return std::move(*recording);
    }
    [[nodiscard]] std::vector<flight::Event> events() const { return read().events(); }
};

/// All of the entry is of one command.
inline bool is_whole(const flight::Event& event) {
    const auto word = [&](std::size_t at) {
        return std::uint32_t{event.cdb[at]} << 24 | std::uint32_t{event.cdb[at + 1]} << 16 |
               std::uint32_t{event.cdb[at + 2]} << 8 | event.cdb[at + 3];
    };
    const auto number = static_cast<std::uint16_t>(word(6));
    return event.cdb[0] == 0x88 && event.cdb_size == 16 && word(6) == word(10) &&
           event.tag == number && event.timeout == number && event.length == 512 &&
           event.direction == ring::Direction::from_device;
}

} // namespace pvscsi::test
