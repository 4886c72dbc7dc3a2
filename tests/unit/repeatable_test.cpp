// Which commands a successor may send to the device once more.
#include "backend/repeatable.hpp"
#include "tests/support/queue_bed.hpp"

using namespace pvscsi;
using namespace pvscsi::backend;
using test::QueueBed;

TEST_CASE("which commands may be repeated") {
    constexpr std::uint8_t disk = 0, tape = 1, optical = 5, changer = 8, zoned = 0x14;
    bool shared = false;
    const auto repeat = [&](std::uint8_t type, std::initializer_list<std::uint8_t> cdb) {
        const auto wire = QueueBed::request(1, cdb);
        ring::SegmentList segments(ring::max_direct_segments);
        const auto command = ring::parse(wire, {64, true}, segments);
        REQUIRE(command);
        return may_repeat(type, command->cdb(), shared);
    };
    for (const std::uint8_t type : {disk, tape, optical, changer, zoned}) {
        CHECK(repeat(type, {0x12, 0, 0, 0, 36, 0}));
        CHECK(!repeat(type, {0x00, 0, 0, 0, 0, 0}));
        CHECK(!repeat(type, {0x03, 0, 0, 0, 18, 0}));
    }
    for (const auto opcode : {std::uint8_t{0x08}, std::uint8_t{0x0a}})
        for (const std::uint8_t type : {tape, changer, zoned})
            CHECK(!repeat(type, {opcode, 0, 0, 0, 1, 0}));
    CHECK(repeat(disk, {0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0}));
    CHECK(repeat(optical, {0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}));
    CHECK(!repeat(optical, {0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0}));
    // COMPARE AND WRITE, PERSISTENT RESERVE OUT
    CHECK(!repeat(disk, {0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}));
    CHECK(!repeat(disk, {0x5f, 0, 0, 0, 0, 0, 0, 0, 24, 0}));
    // READ CAPACITY (16), but not what else the opcode is
    CHECK(repeat(disk, {0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}));
    CHECK(!repeat(disk, {0x9e, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}));
    // REPORT TARGET PORT GROUPS, not REPORT TIMESTAMP
    CHECK(repeat(disk, {0xa3, 0x0a, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}));
    CHECK(!repeat(disk, {0xa3, 0x0f, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}));
    // Where other guests write, too: nothing that could take back what they have written since.
    shared = true;
    for (const auto opcode : {std::uint8_t{0x2a}, std::uint8_t{0x2e}, std::uint8_t{0x41}})
        CHECK(!repeat(disk, {opcode, 0, 0, 0, 0, 0, 0, 0, 1, 0}));
    CHECK(!repeat(disk, {0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0}));
    CHECK(!repeat(disk, {0x0a, 0, 0, 0, 1, 0}));
    for (const auto opcode : {std::uint8_t{0x28}, std::uint8_t{0x2f}, std::uint8_t{0x35}})
        CHECK(repeat(disk, {opcode, 0, 0, 0, 0, 0, 0, 0, 1, 0}));
    CHECK(repeat(disk, {0x12, 0, 0, 0, 36, 0}));
}
