// The sg target over tapes and changers: one command at a time, in order, and none that the device
// was not meant to get.
#include "tests/support/sg_unit.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using scsi::HostCode;

namespace {

constexpr std::uint8_t tape = 1, changer = 8;
const Bytes write6{0x0a, 0, 0, 2, 0, 0}, read_position{0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0};

struct Drive : SgUnit {
    explicit Drive(std::uint8_t type = tape) : SgUnit(false, type) {}

    Step position(unsigned i) { return start(i, read_position, 20); }
    /// Up to its data-out being asked for.
    Step begin_write(unsigned i) {
        return start(i, command(write6, ring::Direction::to_device), 512);
    }
    Step give_data(unsigned i) { return noted(i, target->resume(*requests[i])); }
    [[nodiscard]] std::vector<unsigned> at_drive() {
        std::vector<unsigned> opcodes;
        for (const auto& command : file().running)
            opcodes.push_back(command.cdb.at(0));
        return opcodes;
    }
};
using Opcodes = std::vector<unsigned>;

} // namespace

TEST_CASE("a tape gets one command at a time, in order") {
    Drive drive(GENERATE(tape, changer));
    REQUIRE(drive.position(0) == Step::pending);
    REQUIRE(drive.start(1, test_unit_ready, 0) == Step::pending);
    REQUIRE(drive.position(2) == Step::pending);
    CHECK(drive.at_drive() == Opcodes{0x34});
    drive.file().complete(Bytes(20, 1));
    drive.settle();
    CHECK(drive.ended(0));
    CHECK(drive.at_drive() == Opcodes{0x00});
    drive.file().complete();
    drive.settle();
    drive.file().complete(Bytes(20, 3));
    drive.settle();
    CHECK(drive.owner.ended ==
          std::vector{drive.requests[0].get(), drive.requests[1].get(), drive.requests[2].get()});
    CHECK(drive.data_in(2) == Bytes(20, 3));
}

TEST_CASE("a disk gets all of them") {
    Drive disk(0);
    REQUIRE(disk.position(0) == Step::pending);
    REQUIRE(disk.position(1) == Step::pending);
    CHECK(disk.at_drive().size() == 2);
}

TEST_CASE("a command does not overtake a WRITE whose data are on their way") {
    Drive drive;
    REQUIRE(drive.begin_write(0) == Step::need_data);
    REQUIRE(drive.position(1) == Step::pending);
    CHECK(drive.at_drive().empty());
    REQUIRE(drive.give_data(0) == Step::pending);
    CHECK(drive.at_drive() == Opcodes{0x0a});
    drive.file().complete();
    drive.settle();
    CHECK(drive.at_drive() == Opcodes{0x34});
}

TEST_CASE("a WRITE whose data can't be had makes room") {
    Drive drive;
    REQUIRE(drive.begin_write(0) == Step::need_data);
    REQUIRE(drive.position(1) == Step::pending);
    drive.target->drop(*drive.requests[0]);
    drive.settle();
    CHECK(drive.at_drive() == Opcodes{0x34});
}

TEST_CASE("one that waits is aborted without the tape having seen it") {
    Drive drive;
    REQUIRE(drive.position(0) == Step::pending);
    REQUIRE(drive.position(1) == Step::pending);
    drive.target->abort(*drive.requests[1]);
    CHECK_FALSE(drive.ended(1)); // never from inside the call
    drive.settle();
    REQUIRE(drive.ended(1));
    CHECK(drive.outcome(1).host == HostCode::abort);
    // The one at the tape can't be.
    drive.target->abort(*drive.requests[0]);
    drive.settle();
    CHECK_FALSE(drive.ended(0));
    drive.file().complete(Bytes(20, 1));
    drive.settle();
    CHECK(drive.outcome(0).host == HostCode::ok);
    CHECK(drive.at_drive().empty());
    for (unsigned i : {0u, 1u})
        CHECK(drive.owner.times(*drive.requests[i]) == 1);
}

TEST_CASE("a reset ends those that wait, and those whose data are on their way") {
    Drive drive;
    REQUIRE(drive.position(0) == Step::pending);
    REQUIRE(drive.position(1) == Step::pending);
    REQUIRE(drive.begin_write(2) == Step::need_data);
    const auto result = drive.reset();
    REQUIRE(drive.give_data(2) == Step::pending);
    drive.settle_until([&] { return drive.ended(1) && drive.ended(2); });
    CHECK(drive.outcome(1).host == HostCode::reset);
    CHECK(drive.outcome(2).host == HostCode::reset);
    drive.settle_until([&] { return result->has_value(); });
    CHECK(drive.ended(0)); // given up
    REQUIRE(drive.position(3) == Step::pending);
    CHECK(drive.file(1).running.size() == 1); // by the fresh file
}

TEST_CASE("the next one goes when the driver refuses one") {
    Drive drive;
    REQUIRE(drive.position(0) == Step::pending);
    REQUIRE(drive.position(1) == Step::pending);
    REQUIRE(drive.position(2) == Step::pending);
    drive.file().submit_error = ENOMEM;
    drive.file().complete(Bytes(20, 1));
    drive.settle();
    CHECK(drive.outcome(1).status == scsi::Status::busy);
    CHECK(drive.outcome(2).status == scsi::Status::busy);
    drive.file().submit_error = 0;
    REQUIRE(drive.position(3) == Step::pending);
    CHECK(drive.at_drive() == Opcodes{0x34});
}

TEST_CASE("when the drive is removed those that wait end as well") {
    Drive drive;
    REQUIRE(drive.position(0) == Step::pending);
    REQUIRE(drive.position(1) == Step::pending);
    drive.file().hung_up = true;
    drive.file().wake();
    drive.settle_until([&] { return drive.ended(0) && drive.ended(1); });
    CHECK(drive.outcome(1).host == HostCode::no_connect);
    CHECK(drive.owner.times(*drive.requests[1]) == 1);
}

TEST_CASE("a tape's command that the kernel does not end ends without a reset") {
    SgUnit drive(false, tape, {5s, 20ms, -980ms});
    REQUIRE(drive.start(0, read_position, 20, 1) == Step::pending);
    REQUIRE(drive.start(1, read_position, 20, 3600) == Step::pending);
    drive.settle_until([&] { return drive.ended(0); });
    CHECK(drive.outcome(0).host == HostCode::time_out);
    drive.settle_until([&] { return drive.file().running.size() == 2; }); // the kernel has both
    CHECK(drive.device->resets == 0);
}

TEST_CASE("a dead daemon's command is waited for at a tape, and never reset") {
    SgBench bench;
    const auto device = std::make_shared<SgDeviceDouble>();
    device->device_type = tape;
    device->commands_at_it = true;
    bench.attach(device, false, {5s, 20ms});
    CHECK(bench.target->leftovers() == Leftovers::none); // the other units need not wait
    REQUIRE(bench.start(0, read_position, 20) == Step::pending);
    REQUIRE(bench.start(1, read_position, 20) == Step::pending);
    bench.target->abort(*bench.requests[1]);
    bench.settle_until([&] { return bench.ended(1); });
    CHECK(device->file(0).running.empty());
    device->commands_at_it = false;
    bench.settle_until([&] { return !device->file(0).running.empty(); });
    CHECK(device->resets == 0);
    // What comes later is the guest's own.
    device->file(0).complete(Bytes(20, 1));
    device->commands_at_it = true;
    bench.settle();
    REQUIRE(bench.start(2, read_position, 20) == Step::pending);
    CHECK(device->file(0).running.size() == 1);
}

TEST_CASE("a guest's own reset ends the wait for a dead daemon's command") {
    SgBench bench;
    const auto device = std::make_shared<SgDeviceDouble>();
    device->device_type = tape;
    device->commands_at_it = true;
    bench.attach(device, false, {5s, 20ms});
    const auto result = bench.reset();
    bench.settle_until([&] { return result->has_value(); });
    REQUIRE(bench.start(0, read_position, 20) == Step::pending);
    CHECK(device->file(0).running.size() == 1);
}
