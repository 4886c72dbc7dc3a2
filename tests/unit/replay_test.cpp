// pvscsi-bench --replay: what is taken from a recording, what is sent of it, and what counts as the
// same end.
#include "frontend/bench/replay.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::bench;

namespace {

std::string lun(const std::string& vdev, const std::string& events) {
    return R"({"vdev": ")" + vdev + R"(", "events": [)" + events + "]}";
}
std::string file(const std::string& luns) {
    return R"({"luns": [)" + luns + "]}";
}
const std::string read_10 = R"json({"sequence": 7, "kind": "command", "command": "Read(10)",
                  "cdb" : "28 00 00 00 00 08 00 00 01 00",
                  "direction" : "in",
                  "length" : 512,
                  "timeout_seconds" : 30,
                  "answered" : true,
                  "host" : 0,
                  "status" : 2,
                  "residual" : 512,
                  "sense" : "70 00 03 00 00 00 00 0a 00 00 00 00 11 00 00 00 00 00"
})json";
const std::string held = R"json({"sequence": 8, "kind": "command", "command": "Write(10)",
    "cdb": "2a 00 00 00 00 08 00 00 01 00", "direction": "out", "length": 512,
    "timeout_seconds": 0
})json";

RecordedCommand command(std::uint8_t opcode, DataDirection direction = DataDirection::none) {
    RecordedCommand result;
    result.cdb = {opcode, 0, 0, 0, 0, 0};
    result.direction = direction;
    return result;
}

} // namespace

TEST_CASE("commands are read from a recording, in their order") {
    const std::string abort = R"json({"sequence": 9, "kind": "abort", "tag": 3})json";
    const auto commands = commands_of(file(lun("0:0:0:0", read_10 + "," + held + "," + abort)), "");
    REQUIRE(commands.size() == 2);
    CHECK(commands[0].sequence == 7);
    CHECK(commands[0].cdb.size() == 10);
    CHECK(commands[0].cdb[5] == 8);
    CHECK(commands[0].direction == DataDirection::from_device);
    CHECK(commands[0].length == 512);
    CHECK(commands[0].timeout == 30);
    CHECK(commands[0].answered);
    CHECK(commands[0].reply.status == 2);
    CHECK(commands[0].reply.sense.size() == 18);
    CHECK_FALSE(commands[1].answered);
    CHECK(commands[1].direction == DataDirection::to_device);
}

TEST_CASE("of several LUNs one has to be named") {
    const std::string two = file(lun("0:0:0:0", "") + "," + lun("0:0:0:1", read_10));
    CHECK_THROWS_WITH(commands_of(two, ""), Catch::Contains("of several LUNs"));
    CHECK_THROWS_WITH(commands_of(two, "0:0:0:2"), Catch::Contains("no LUN 0:0:0:2"));
    CHECK(commands_of(two, "0:0:0:1").size() == 1);
}

TEST_CASE("what is no recording is refused") {
    std::string wrong = GENERATE(as<std::string>(), "", "[]", "{}", R"({"luns": 3})",
                                 R"({"luns": [{"vdev": "0:0:0:0"}]})",
                                 R"({"luns": [{"vdev": "0:0:0:0", "events": [{}]}]})");
    CHECK_THROWS_WITH(commands_of(wrong, ""),
                      Catch::Contains("is no recording") || Catch::Contains("several LUNs"));
    wrong = file(lun("0:0:0:0", read_10));
    wrong.replace(wrong.find("28 00"), 5, "xx 00");
    CHECK_THROWS_WITH(commands_of(wrong, ""), Catch::Contains("no numbers"));
}

TEST_CASE("what only reads is told from what does more") {
    CHECK(only_reads(command(0x00)));
    CHECK(only_reads(command(0x28, DataDirection::from_device)));
    CHECK(only_reads(command(0x2f))); // VERIFY, without data
    CHECK_FALSE(only_reads(command(0x2f, DataDirection::to_device)));
    for (const int changes : {0x04, 0x07, 0x0a, 0x15, 0x16, 0x17, 0x19, 0x1b, 0x1d, 0x1e,
                              0x2a, 0x35, 0x42, 0x55, 0x5f, 0x89, 0x93, 0xa5, 0xc0, 0xff})
        CHECK_FALSE(only_reads(command(static_cast<std::uint8_t>(changes))));
}

TEST_CASE("the same end is the same host code, status, residual and sense codes") {
    const Reply good;
    Reply other = good;
    CHECK(difference(good, other).empty());
    other.residual = 3;
    CHECK(difference(good, other) == "was GOOD, is GOOD, residual 3");
    other = good;
    other.host = 7;
    CHECK(difference(good, other) == "was GOOD, is host ERROR");
    Reply sense{0, 2, 0, {0x70, 0, 3, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x11, 2, 0, 0, 0, 0}};
    other = sense;
    other.sense[3] = 9; // INFORMATION may differ
    CHECK(difference(sense, other).empty());
    other.sense[13] = 0;
    CHECK(difference(sense, other) == "was CHECK CONDITION 3/11/02, is CHECK CONDITION 3/11/00");
}
