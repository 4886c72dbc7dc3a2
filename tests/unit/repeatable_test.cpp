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

TEST_CASE("no command of a tape or changer is repeated but those that ask who it is") {
    constexpr std::uint8_t inquiry = 0x12, report_luns = 0xa0;
    for (const std::uint8_t type : {std::uint8_t{1}, std::uint8_t{8}})
        for (unsigned opcode = 0; opcode < 256; ++opcode)
            for (unsigned action = 0; action < 32; ++action) {
                const std::array<std::uint8_t, 16> bytes{static_cast<std::uint8_t>(opcode),
                                                         static_cast<std::uint8_t>(action)};
                const auto cdb = ring::Cdb::make(bytes);
                REQUIRE(cdb);
                const bool may = may_repeat(type, *cdb, false);
                if (may != (opcode == inquiry || opcode == report_luns))
                    FAIL_CHECK("type " << unsigned{type} << " opcode " << opcode);
            }
}

TEST_CASE("what moves a tape or an element, or is not known, is doubtful after a restart") {
    const auto moved = [](std::uint8_t opcode) {
        const std::array<std::uint8_t, 16> bytes{opcode};
        return may_have_moved(ring::Cdb::make(bytes).value());
    };
    // REWIND, READ, WRITE, READ REVERSE, WRITE FILEMARKS, SPACE, VERIFY, MODE SELECT, ERASE, LOAD,
    // LOCATE, POSITION, MOVE and EXCHANGE MEDIUM, INITIALIZE ELEMENT STATUS, FORMAT MEDIUM, SET
    // CAPACITY, ALLOW OVERWRITE, RESERVE, PERSISTENT RESERVE OUT, LOG SELECT, the 16-byte ones, and
    // a vendor's
    for (const unsigned opcode :
         {0x01u, 0x08u, 0x0au, 0x0fu, 0x10u, 0x11u, 0x13u, 0x15u, 0x19u, 0x1bu, 0x2bu,
          0xa5u, 0xa6u, 0x07u, 0x37u, 0x04u, 0x82u, 0x55u, 0x80u, 0x81u, 0x88u, 0x8au,
          0x8fu, 0x91u, 0x92u, 0x93u, 0x16u, 0x5fu, 0x4cu, 0xc0u, 0xffu})
        CHECK(moved(static_cast<std::uint8_t>(opcode)));
    for (const unsigned opcode : {0x00u, 0x03u, 0x05u, 0x12u, 0x1au, 0x1eu, 0x34u, 0x44u, 0x4du,
                                  0x5au, 0x5eu, 0x8cu, 0xa0u, 0xa3u, 0xb8u})
        CHECK_FALSE(moved(static_cast<std::uint8_t>(opcode)));
}
