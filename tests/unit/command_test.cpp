// The parser of requests: every field of the wire, right and wrong.
#include "ring/command.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::ring;

namespace {

WireRequest read10(unsigned segments) {
    WireRequest wire{};
    wire.rqid = 0xbeef;
    wire.act = 1;
    wire.cmd_len = 10;
    wire.cmnd[0] = 0x28;
    wire.sc_data_direction = 2;
    wire.nr_segments = static_cast<std::uint8_t>(segments);
    wire.channel = 1;
    wire.id = 63;
    wire.lun = 254;
    wire.timeout_per_command = 30;
    for (unsigned i = 0; i < std::min(segments, max_direct_segments); ++i)
        wire.seg[i] = {100 + i, 0, 4096};
    return wire;
}

struct Parser {
    Limits limits{max_direct_segments, false};
    SegmentList segments{max_indirect_segments};
    Expected<Command, Reject> operator()(const WireRequest& wire) {
        return parse(wire, limits, segments);
    }
    RejectReason reason(const WireRequest& wire) {
        const auto result = (*this)(wire);
        REQUIRE_FALSE(result);
        return result.error().reason;
    }
};

} // namespace

TEST_CASE("a sound request becomes a command with the same fields") {
    Parser parser;
    const auto command = parser(read10(26));
    REQUIRE(command);
    CHECK(command->action() == Action::cdb);
    CHECK(command->tag() == GuestTag{0xbeef});
    CHECK(command->address() == Address{1, 63, 254});
    CHECK(command->cdb().opcode() == 0x28);
    CHECK(command->cdb().bytes().size() == 10);
    CHECK(command->direction() == Direction::from_device);
    CHECK(command->timeout() == 30);
    CHECK_FALSE(command->indirect());
    REQUIRE(parser.segments.segments().size() == 26);
    CHECK(parser.segments.total() == 26 * 4096);
    CHECK(parser.segments.segments()[25].ref() == GrantRef{125});
}

TEST_CASE("CDB lengths follow the opcode's group") {
    Parser parser;
    struct Row {
        std::uint8_t opcode, length;
        bool sound;
    };
    const Row rows[] = {
        {0x00, 6, true},   {0x00, 5, false},  {0x00, 0, false},   {0x28, 9, false},
        {0x28, 10, true},  {0x55, 9, false},  {0x88, 15, false},  {0x88, 16, true},
        {0x88, 17, false}, {0xa8, 11, false}, {0xa8, 12, true},   {0xc0, 1, true},
        {0xe0, 1, true},   {0x7f, 16, true},  {0x12, 255, false},
    };
    for (const Row& row : rows) {
        WireRequest wire = read10(1);
        wire.cmnd[0] = row.opcode;
        wire.cmd_len = row.length;
        INFO("opcode " << int{row.opcode} << " length " << int{row.length});
        CHECK(parser(wire).has_value() == row.sound);
        if (!row.sound)
            CHECK(parser.reason(wire) == RejectReason::bad_cdb_length);
    }
}

TEST_CASE("a direction is needed for data and for nothing else") {
    Parser parser;
    for (unsigned wire_direction = 0; wire_direction < 256; ++wire_direction) {
        WireRequest with = read10(1), without = read10(0);
        with.sc_data_direction = without.sc_data_direction =
            static_cast<std::uint8_t>(wire_direction);
        INFO(wire_direction);
        CHECK(parser(with).has_value() == (wire_direction == 1 || wire_direction == 2));
        CHECK(parser(without).has_value() == (wire_direction <= 3));
    }
}

TEST_CASE("a segment stays within its page") {
    Parser parser;
    struct Row {
        std::uint16_t offset, length;
        bool sound;
    };
    const Row rows[] = {{0, 4096, true},   {4095, 1, true},       {4096, 0, false},
                        {0, 0, false},     {1, 4096, false},      {0, 4097, false},
                        {65535, 1, false}, {65535, 65535, false}, {4096, 1, false},
                        {0, 65535, false}};
    for (const Row& row : rows) {
        WireRequest wire = read10(1);
        wire.seg[0].offset = row.offset;
        wire.seg[0].length = row.length;
        INFO(row.offset << "+" << row.length);
        CHECK(parser(wire).has_value() == row.sound);
    }
}

TEST_CASE("segments are bounded") {
    Parser parser;
    CHECK(parser.reason(read10(27)) == RejectReason::too_many_segments);
    CHECK(parser.reason(read10(127)) == RejectReason::too_many_segments);
    parser.limits.max_segments = 4;
    CHECK(parser(read10(4)));
    CHECK(parser.reason(read10(5)) == RejectReason::too_many_segments);
}

TEST_CASE("indirect pages need the feature and whole descriptors") {
    Parser parser;
    WireRequest wire = read10(1);
    wire.nr_segments |= indirect_flag;
    wire.seg[0].length = 127 * 8;
    CHECK(parser.reason(wire) == RejectReason::indirect_not_offered);
    parser.limits = {127, true};
    const auto command = parser(wire);
    REQUIRE(command);
    CHECK(command->indirect());
    wire.seg[0].length = 127 * 8 + 4;
    CHECK(parser.reason(wire) == RejectReason::bad_indirect_page);
    wire.seg[0].length = 128 * 8;
    CHECK(parser.reason(wire) == RejectReason::too_many_segments);
}

TEST_CASE("descriptors are judged like direct segments") {
    SegmentList list{3};
    const Limits limits{2, true};
    std::array<WireSegment, 3> wire{{{1, 0, 512}, {2, 4000, 96}, {3, 0, 8}}};
    const auto bytes = std::as_bytes(std::span(wire));
    CHECK(parse_descriptors(bytes.first(16), limits, list));
    CHECK(list.total() == 608);
    CHECK(parse_descriptors(bytes.subspan(16), limits, list).error().reason ==
          RejectReason::too_many_segments);
    list.clear();
    CHECK(parse_descriptors(bytes.first(15), limits, list).error().reason ==
          RejectReason::bad_indirect_page);
    wire[0].length = 0;
    CHECK(parse_descriptors(bytes.first(8), limits, list).error().reason ==
          RejectReason::bad_segment);
}

TEST_CASE("ABORT and RESET carry a victim's fields, which are not looked at") {
    Parser parser;
    WireRequest wire = read10(0);
    wire.act = 2;
    wire.ref_rqid = 7;
    wire.cmd_len = 255;
    wire.sc_data_direction = 99;
    wire.nr_segments = 0xff;
    auto command = parser(wire);
    REQUIRE(command);
    CHECK(command->action() == Action::abort);
    CHECK(command->victim() == GuestTag{7});
    CHECK(parser.segments.segments().empty());
    wire.act = 3;
    command = parser(wire);
    REQUIRE(command);
    CHECK(command->action() == Action::reset);
}

TEST_CASE("unknown actions are refused, the dead SG_PRESET among them") {
    Parser parser;
    for (unsigned act = 0; act < 256; ++act) {
        WireRequest wire = read10(1);
        wire.act = static_cast<std::uint8_t>(act);
        if (act == 0 || act > 3)
            CHECK(parser.reason(wire) == RejectReason::unknown_action);
        else
            CHECK(parser(wire));
    }
}
