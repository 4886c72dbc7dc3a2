// What is refused for the form of a command, and for what stands in its parameter list.
#include "tests/support/policy_cdb.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend::policy;
using ring::Direction;
using test::cdb;
using test::rules;
using Bytes = std::vector<std::uint8_t>;
using enum config::CommandClass;

TEST_CASE("data whose length or direction do not fit the CDB are refused") {
    struct Row {
        std::uint8_t type;
        Bytes bytes;
        Direction direction;
        std::uint32_t length;
        int byte; ///< -1: it is well formed
    };
    constexpr auto in = Direction::from_device, out = Direction::to_device, none = Direction::none;
    const auto row = GENERATE_COPY(
        // no data
        Row{0, {0x00}, none, 0, -1}, Row{0, {0x00}, in, 512, -1}, Row{0, {0x00}, out, 512, 0},
        Row{1, {0x01}, out, 1, 0}, Row{0, {0x35}, none, 0, -1},
        // data-in: an allocation length
        Row{0, {0x12, 0, 0, 0, 36}, in, 36, -1}, Row{0, {0x12, 0, 0, 0, 36}, in, 4, -1},
        Row{0, {0x12, 0, 0, 0, 36}, in, 512, -1}, Row{0, {0x12, 0, 0, 0, 0}, none, 0, -1},
        Row{0, {0x12, 0, 0, 0, 36}, none, 0, 3}, Row{0, {0x12, 0, 0, 0, 36}, out, 36, 3},
        Row{0, {0x12, 0, 0, 0xff, 0xff}, in, 65535, -1}, Row{0, {0x12, 0, 0, 0, 0}, out, 36, 3},
        // READ BLOCK LIMITS without a buffer ends one user-space target
        Row{1, {0x05}, in, 6, -1}, Row{1, {0x05}, none, 0, 0}, Row{1, {0x05}, out, 6, 0},
        // data-out: a parameter list length
        Row{0, {0x15, 0x10, 0, 0, 24}, out, 24, -1}, Row{0, {0x15, 0x10, 0, 0, 24}, out, 512, -1},
        Row{0, {0x15, 0x10, 0, 0, 24}, out, 23, 4}, Row{0, {0x15, 0x10, 0, 0, 24}, none, 0, 4},
        Row{0, {0x15, 0x10, 0, 0, 24}, in, 24, 4}, Row{0, {0x15, 0x10}, none, 0, -1},
        Row{0, {0x42, 0, 0, 0, 0, 0, 0, 0, 24}, out, 24, -1},
        Row{0, {0x42, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, out, 24, 7},
        // blocks
        Row{0, {0x28, 0, 0, 0, 0, 0, 0, 0, 1}, in, 512, -1},
        Row{0, {0x28, 0, 0, 0, 0, 0, 0, 0, 1}, out, 512, 7},
        Row{0, {0x28, 0, 0, 0, 0, 0, 0, 0, 1}, none, 0, 7}, Row{0, {0x28}, none, 0, -1},
        Row{0, {0x08}, none, 0, 4}, // 256 blocks
        Row{0, {0x0a}, none, 0, 4}, Row{0, {0x0a, 0, 0, 0, 1}, out, 512, -1},
        Row{0, {0x2a, 0, 0, 0, 0, 0, 0, 0, 1}, in, 512, 7}, Row{0, {0x2a}, out, 512, 7},
        Row{0, {0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8}, out, 4096, -1},
        Row{0, {0x2f, 0, 0, 0, 0, 0, 0, 0, 8}, none, 0, -1},
        Row{0, {0x2f, 2, 0, 0, 0, 0, 0, 0, 8}, none, 0, 7},
        Row{0, {0x2f, 2, 0, 0, 0, 0, 0, 0, 8}, out, 4096, -1},
        Row{0, {0x41, 0, 0, 0, 0, 0, 0, 0, 8}, out, 512, -1},
        Row{0, {0x41, 0, 0, 0, 0, 0, 0, 0, 8}, none, 0, 0}, Row{0, {0x93, 1}, none, 0, -1},
        Row{0, {0x93, 0}, none, 0, 0},
        // tapes count bytes, or blocks with FIXED
        Row{1, {0x0a, 0, 0, 0x28, 0}, out, 10240, -1}, Row{1, {0x0a, 0, 0, 0x28, 0}, out, 10239, 2},
        Row{1, {0x0a, 1, 0, 0, 20}, out, 10240, -1}, Row{1, {0x0a, 1, 0, 0, 20}, none, 0, 2},
        Row{1, {0x08, 0, 0, 0x28, 0}, in, 512, -1}, Row{1, {0x08, 0, 0, 0x28, 0}, none, 0, 2},
        // not known well enough
        Row{5, {0xbe}, in, 2352, -1}, Row{5, {0xbe}, none, 0, -1},
        // longer than the opcode's group
        Row{0, {0x00, 0, 0, 0, 0, 0, 0, 0}, none, 0, -1},
        Row{0, {0x00, 0, 0, 0, 0, 0, 0, 1}, none, 0, 7},
        Row{0, {0x12, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}, in, 36, 15},
        // a variable length that is not the CDB's
        Row{0, {0x7f, 0, 0, 0, 0, 0, 0, 0x18, 0, 9}, in, 512, 7});
    CAPTURE(unsigned{row.type}, row.bytes, row.length, static_cast<int>(row.direction));
    const auto objection =
        rules("default", row.type).judge(cdb(row.bytes), row.direction, row.length);
    REQUIRE(objection.has_value() == (row.byte >= 0));
    CHECK_FALSE(rules("all", row.type).judge(cdb(row.bytes), row.direction, row.length));
    if (objection) {
        CHECK(objection->reason == Objection::Reason::malformed);
        CHECK(objection->sense.asc() == 0x24);
        CHECK(int{objection->sense.bytes()[17]} == row.byte);
        CHECK(int{objection->sense.bytes()[15]} == 0xc0);
    }
}

TEST_CASE("parameter lists are looked at") {
    const std::string own_name = "naa.5000c500a1b2c3d4";
    Bytes own_cscd(32), other_cscd(32);
    own_cscd[0] = other_cscd[0] = 0xe4;
    own_cscd[4] = other_cscd[4] = 1;
    own_cscd[5] = other_cscd[5] = 3;
    own_cscd[7] = other_cscd[7] = 8;
    const Bytes naa{0x50, 0x00, 0xc5, 0x00, 0xa1, 0xb2, 0xc3, 0xd4};
    std::copy(naa.begin(), naa.end(), own_cscd.begin() + 8);
    std::copy(naa.begin(), naa.end(), other_cscd.begin() + 8);
    other_cscd[15] ^= 1;
    const auto copying = [](std::initializer_list<Bytes> cscds) {
        Bytes list(16);
        for (const Bytes& one : cscds)
            list.insert(list.end(), one.begin(), one.end());
        list[3] = static_cast<std::uint8_t>(list.size() - 16);
        return list;
    };
    Bytes registering(24);
    registering[20] = 0x08;
    struct Row {
        Bytes bytes; ///< the length is filled in
        std::size_t length_at;
        Bytes list;
        std::optional<config::CommandClass> value;
        unsigned byte;
    };
    const std::vector<Row> rows{
        // MODE SELECT: header, block descriptors, pages
        {{0x15, 0x10}, 4, {0, 0, 0, 0}, {}, 0},
        {{0x15, 0x10}, 4, {0, 0, 0, 0, 0x0a, 2, 0, 0, 0x08, 1, 4}, {}, 0},
        {{0x15, 0x10}, 4, {0, 0, 0, 0, 0x19, 2, 0, 0}, ports, 4},
        {{0x15, 0x10}, 4, {0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 2, 0, 0x02, 1, 0}, ports, 12},
        {{0x15, 0x10}, 4, {0, 0, 0, 0, 0x0a, 2, 0, 0, 0x99, 2}, ports, 8}, // PS, cut short
        {{0x15, 0x10}, 4, {0, 0, 0, 0, 0x4a, 1, 0, 2, 9, 9, 0x59, 1, 0, 0}, ports, 10},
        {{0x15, 0x10}, 4, {0, 0, 0, 0, 0x2a, 2, 0, 0}, {}, 0},
        {{0x15, 0x10}, 4, {0, 0, 0, 0, 0x24, 2, 0, 0}, vendor, 4},
        {{0x15, 0x10}, 4, {0, 0, 0, 0, 0x00, 2, 0, 0}, vendor, 4},
        {{0x15, 0x10}, 4, {0, 0, 0, 200, 0x19, 2}, {}, 0}, // all of it descriptors
        {{0x15, 0x10}, 4, {0, 0}, {}, 0},
        {{0x55, 0x10}, 8, {0, 0, 0, 0, 0, 0, 0, 0, 0x19, 2, 0, 0}, ports, 8},
        {{0x55, 0x10}, 8, {0, 0, 0, 0, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0x02, 0}, ports, 16},
        // EXTENDED COPY: which units it names
        {{0x83}, 13, copying({}), {}, 0},
        {{0x83}, 13, copying({own_cscd, own_cscd}), {}, 0},
        {{0x83}, 13, copying({own_cscd, other_cscd}), copy_others, 48},
        {{0x83}, 13, copying({other_cscd}), copy_others, 16},
        // SEND DIAGNOSTIC: the page
        {{0x1d, 0x10}, 4, {0x00, 0, 0, 0}, diagnose, 0},
        {{0x1d, 0x10}, 4, {0x40, 0, 0, 0}, diagnose, 0},
        {{0x1d, 0x10}, 4, {0x02, 0, 0, 0}, device, 0},
        {{0x1d, 0x10}, 4, {0x0e, 0, 0, 0}, firmware, 0},
        {{0x1d, 0x10}, 4, {0x80, 0, 0, 0}, vendor, 0},
        {{0x1d, 0x00}, 4, {0x00, 0, 0, 0}, vendor, 0},
        // PERSISTENT RESERVE OUT: SPEC_I_PT
        {{0x5f, 0x00}, 8, registering, reserve_others, 20},
        {{0x5f, 0x06}, 8, registering, reserve_others, 20},
        {{0x5f, 0x01}, 8, registering, {}, 0},
        {{0x5f, 0x00}, 8, Bytes(24), {}, 0},
        // nothing is looked for in other data
        {{0x2a}, 8, Bytes(64, 0x19), {}, 0},
    };
    for (const Row& row : rows) {
        Bytes bytes = row.bytes;
        bytes.resize(std::max<std::size_t>(row.length_at + 1, bytes.size()));
        bytes[row.length_at] = static_cast<std::uint8_t>(row.list.size());
        for (const config::Profile& profile : config::profiles()) {
            CAPTURE(profile.name, bytes, row.list);
            const Rules by = rules(std::string(profile.name), 0, false, {}, own_name);
            const auto found = by.judge_data(cdb(bytes), row.list);
            REQUIRE(found.has_value() == (row.value && !profile.classes.has(*row.value)));
            if (!found)
                continue;
            CHECK(found->value == *row.value);
            CHECK(found->sense.asc() == 0x26);
            CHECK(unsigned{found->sense.bytes()[15]} == 0x80);
            CHECK(unsigned{found->sense.bytes()[17]} == row.byte);
        }
        // What the CDB does not send is not looked at.
        bytes[row.length_at] = 0;
        CHECK_FALSE(rules("disk", 0, false, {}, own_name).judge_data(cdb(bytes), row.list));
    }
    // A unit without a name that can be compared copies by no name.
    const Bytes list = copying({own_cscd});
    Bytes bytes{0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 48};
    for (const char* const name : {"", "t10.ATA     disk", "naa.5000c500a1b2c3", "naa.zz", "naa."})
        CHECK(rules("default", 0, false, {}, name).judge_data(cdb(bytes), list));
    CHECK_FALSE(rules("default", 0, false, {}, own_name).judge_data(cdb(bytes), list));
}
