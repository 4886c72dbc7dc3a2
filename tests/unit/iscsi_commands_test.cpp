// The iscsi target over a SAN that does what the test says: commands and what comes of them.
#include "backend/targets/iscsi/result.hpp"
#include "tests/support/iscsi_unit.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using scsi::HostCode;
using scsi::Status;

namespace {

IscsiAnswer with_status(std::uint8_t status, std::uint32_t residual = 0) {
    IscsiAnswer answer;
    answer.kind = IscsiAnswer::Kind::status;
    answer.status = status;
    answer.residual = residual;
    return answer;
}

void answer_first(SanUnit& unit, const IscsiAnswer& answer, const Bytes& data = {}) {
    auto& connection = unit.san.last();
    const auto command = connection.commands.front();
    connection.commands.pop_front();
    connection.answer(command, answer, data);
    unit.settle();
}

} // namespace

TEST_CASE("a command goes to the unit as it is, and its data come back") {
    SanUnit unit;
    REQUIRE(unit.read(0) == Step::pending);
    REQUIRE(unit.write(1, Bytes(512, 7)) == Step::pending);
    REQUIRE(unit.start(2, test_unit_ready, 0) == Step::pending);
    auto& commands = unit.san.last().commands;
    REQUIRE(commands.size() == 3);
    CHECK(commands[0].cdb == read_block);
    CHECK(commands[0].lun == 5);
    CHECK(commands[0].data.size() == 512);
    CHECK(commands[0].direction == ring::Direction::from_device);
    CHECK(commands[1].cdb == write_block);
    CHECK(commands[1].direction == ring::Direction::to_device);
    CHECK(std::all_of(commands[1].data.begin(), commands[1].data.end(),
                      [](std::byte b) { return b == std::byte{7}; }));
    CHECK(commands[2].data.empty());
    CHECK(reinterpret_cast<std::uintptr_t>(commands[0].data.data()) % 4096 == 0);
    unit.san.last().complete(Bytes(512, 9));
    unit.san.last().complete();
    unit.san.last().complete();
    unit.settle();
    CHECK(unit.data_in(0) == Bytes(512, 9));
    CHECK(unit.outcome(1).consumed == 512);
    CHECK(unit.outcome(2).status == Status::good);
    for (unsigned i : {0u, 1u, 2u}) {
        CHECK(unit.outcome(i).host == HostCode::ok);
        CHECK(unit.owner.times(*unit.requests[i]) == 1);
    }
}

TEST_CASE("status, sense and residual are the device's") {
    SanUnit unit;
    SECTION("statuses") {
        const auto status = GENERATE(as<std::uint8_t>(), 0x04, 0x08, 0x18, 0x28, 0x30, 0x40);
        REQUIRE(unit.read(0) == Step::pending);
        answer_first(unit, with_status(status));
        CHECK(static_cast<std::uint8_t>(unit.outcome(0).status) == status);
        CHECK(unit.outcome(0).host == HostCode::ok);
    }
    SECTION("sense data of both formats, whole") {
        const auto format = GENERATE(as<std::uint8_t>(), 0x70, 0x71, 0x72, 0x73, 0xf0);
        std::vector<std::uint8_t> sense(60, 0x5a);
        sense[0] = format;
        auto answer = with_status(2, 512);
        answer.sense = sense;
        REQUIRE(unit.read(0) == Step::pending);
        answer_first(unit, answer);
        CHECK(unit.outcome(0).status == Status::check_condition);
        const auto bytes = unit.outcome(0).sense.bytes();
        CHECK(std::vector<std::uint8_t>(bytes.begin(), bytes.end()) == sense);
        CHECK(unit.data_in(0).empty());
    }
    SECTION("what is no sense data") {
        const std::vector<std::uint8_t> noise(18, 0x11);
        auto answer = with_status(2);
        answer.sense = noise;
        REQUIRE(unit.read(0) == Step::pending);
        answer_first(unit, answer);
        CHECK(unit.outcome(0).sense.empty());
    }
    SECTION("short, both ways") {
        REQUIRE(unit.read(0) == Step::pending);
        answer_first(unit, with_status(0, 500), Bytes(12, 3));
        CHECK(unit.data_in(0) == Bytes(12, 3));
        REQUIRE(unit.write(1, Bytes(512, 1)) == Step::pending);
        answer_first(unit, with_status(0, 500));
        CHECK(unit.outcome(1).consumed == 12);
    }
    SECTION("too long") {
        auto answer = with_status(0);
        answer.overflow = true;
        REQUIRE(unit.read(0) == Step::pending);
        answer_first(unit, answer, Bytes(512, 4));
        CHECK(unit.data_in(0) == Bytes(512, 4));
    }
    SECTION("a residual that cannot be") {
        REQUIRE(unit.read(0) == Step::pending);
        answer_first(unit, with_status(0, 0xffffffff));
        CHECK(unit.data_in(0).empty());
    }
    SECTION("a status that is none, and a refused PDU") {
        REQUIRE(unit.read(0) == Step::pending);
        answer_first(unit, with_status(0x22));
        CHECK(unit.outcome(0).host == HostCode::error);
        IscsiAnswer failed;
        failed.kind = IscsiAnswer::Kind::failed;
        REQUIRE(unit.read(0) == Step::pending);
        answer_first(unit, failed);
        CHECK(unit.outcome(0).host == HostCode::error);
    }
}

TEST_CASE("a read-only unit refuses what may write, and says that it is") {
    SanUnit unit(true);
    CHECK(unit.write(0, Bytes(512, 1)) == Step::done);
    CHECK(unit.outcome(0).sense.key() == scsi::SenseKey::data_protect);
    CHECK(unit.san.last().commands.empty());
    REQUIRE(unit.start(1, {0x1a, 0, 0x3f, 0, 12, 0}, 12) == Step::pending);
    unit.san.last().complete(Bytes(12, 0));
    unit.settle();
    CHECK(unit.data_in(1)[2] == 0x80);
}

TEST_CASE("the loss of a session ends what was under way, once, and repeats nothing") {
    SanUnit unit;
    for (unsigned i = 0; i < 16; ++i)
        REQUIRE(unit.write(i, Bytes(512, 1)) == Step::pending);
    SECTION("all at once") {
        unit.san.last().die("reset by peer");
    }
    SECTION("one of them first, as the library tells it") {
        const auto first = unit.san.last().commands.front();
        unit.san.last().answer(first, {});
    }
    unit.come_back(2);
    for (unsigned i = 0; i < 16; ++i) {
        CHECK(unit.owner.times(*unit.requests[i]) == 1);
        CHECK(unit.outcome(i).host == HostCode::transport_disrupted);
    }
    CHECK(unit.san.last().commands.empty());
}

TEST_CASE("without a session commands wait for one, in their order") {
    SanUnit unit;
    unit.san.connects = false;
    unit.san.last().die();
    unit.settle_until([&] { return unit.san.connections.size() == 2; });
    for (unsigned i : {3u, 1u, 2u})
        REQUIRE(unit.write(i, Bytes(512, static_cast<unsigned char>(i))) == Step::pending);
    unit.settle();
    CHECK(unit.san.last().commands.empty());
    unit.san.last().then([&] { unit.san.last().listener->connected(true); });
    unit.settle_until([&] { return unit.san.last().commands.size() == 3; });
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(unit.san.last().commands[i].data[0] ==
              static_cast<std::byte>(std::array{3, 1, 2}[i]));
    for (unsigned i = 0; i < 3; ++i)
        unit.san.last().complete();
    unit.settle();
    for (unsigned i : {1u, 2u, 3u})
        CHECK(unit.outcome(i).consumed == 512);
}

TEST_CASE("they do not wait for ever") {
    SanUnit unit(false, little_patience);
    unit.san.connects = false;
    unit.san.last().die();
    unit.settle();
    const auto begun = std::chrono::steady_clock::now();
    REQUIRE(unit.read(0, 512, 30) == Step::pending);
    unit.settle_until([&] { return unit.ended(0); });
    CHECK(unit.outcome(0).host == HostCode::requeue);
    CHECK(std::chrono::steady_clock::now() - begun >= 60ms);
    unit.san.connects = true;
    unit.come_back(unit.san.connections.size() + 1);
    CHECK(unit.san.last().commands.empty());
}

TEST_CASE("no memory at the library is BUSY") {
    SanUnit unit;
    unit.san.last().takes_commands = false;
    CHECK(unit.read(0) == Step::done);
    CHECK(unit.outcome(0).status == Status::busy);
    unit.san.last().takes_commands = true;
    CHECK(unit.read(0) == Step::pending);
}

TEST_CASE("data-out that cannot be had are forgotten") {
    SanUnit unit;
    REQUIRE(unit.start(0, command(write_block, ring::Direction::to_device), 512) ==
            Step::need_data);
    unit.target->drop(*unit.requests[0]);
    unit.target->answered(*unit.requests[0]);
    CHECK(unit.san.last().commands.empty());
}

TEST_CASE("the session may be lost while data-out are fetched") {
    SanUnit unit;
    REQUIRE(unit.start(0, command(write_block, ring::Direction::to_device), 512) ==
            Step::need_data);
    unit.san.last().die();
    unit.come_back(2);
    CHECK(unit.target->resume(*unit.requests[0]) == Step::pending);
    CHECK(unit.san.last().commands.size() == 1);
}
