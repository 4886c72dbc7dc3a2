// How many commands a device gets at a time: what sysfs says, the guests' parts, and what becomes
// of those that are more.
#include "backend/targets/sg/room.hpp"
#include "tests/support/sg_unit.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using scsi::HostCode;
using scsi::Status;

namespace {

namespace fs = std::filesystem;

/// sg0 of host 3, as sysfs shows it.
struct Sysfs {
    Sysfs() {
        fs::create_directories(device() / "block/sda/queue");
        fs::create_directories(root() / "class/scsi_generic/sg0");
        fs::create_directory_symlink(device(), root() / "class/scsi_generic/sg0/device");
        fs::create_directories(root() / "class/scsi_host/host3");
        add_device("3:0:0:0");
        put("class/scsi_host/host3/can_queue", "32");
        put(device() / "queue_depth", "31");
        put(device() / "block/sda/queue/nr_requests", "12");
        put(device() / "block/sda/queue/scheduler", "[none] mq-deadline");
    }
    [[nodiscard]] fs::path root() const { return folder.path(""); }
    [[nodiscard]] fs::path device() const {
        return root() / "devices/pci0000:00/host3/target3:0:0/3:0:0:0";
    }
    void put(const fs::path& file, const std::string& text) const {
        std::ofstream(file.is_absolute() ? file : root() / file) << text << "\n";
    }
    void add_device(const std::string& address) const {
        fs::create_directories(root() / "class/scsi_device" / address);
    }
    [[nodiscard]] unsigned room() const { return device_room("/dev/sg0", root()); }

    Folder folder;
};

/// A disk with room for `room` commands.
struct Disk : SgUnit {
    explicit Disk(unsigned room) : all(std::make_shared<SgRoom>()) {
        all->resize(room);
        sg().limit_to(SgRoom::Part(all));
    }
    std::size_t at_device() { return file().running.size(); }

    std::shared_ptr<SgRoom> all;
};

} // namespace

TEST_CASE("a device's room is its depth, and its part of the adapter's tags") {
    Sysfs sysfs;
    CHECK(sysfs.room() == 31);
    sysfs.put(sysfs.device() / "queue_depth", "64");
    CHECK(sysfs.room() == 32);
    sysfs.add_device("3:0:1:0");
    sysfs.add_device("3:0:1:1");
    sysfs.add_device("33:0:1:0"); // another adapter's
    CHECK(sysfs.room() == 10);
    sysfs.put("class/scsi_host/host3/can_queue", "2");
    CHECK(sysfs.room() == 1);
}

TEST_CASE("with a scheduler it has tags of its own") {
    Sysfs sysfs;
    sysfs.add_device("3:0:1:0");
    sysfs.put("class/scsi_host/host3/can_queue", "2");
    sysfs.put(sysfs.device() / "block/sda/queue/scheduler", "none [mq-deadline]");
    CHECK(sysfs.room() == 12);
    sysfs.put(sysfs.device() / "queue_depth", "3");
    CHECK(sysfs.room() == 3);
}

TEST_CASE("what sysfs does not say bounds nothing") {
    Folder empty;
    CHECK(device_room("/dev/sg0", empty.path("")) > 1000);
}

TEST_CASE("guests that share a device have equal parts of its room, and at least one command") {
    const auto room = std::make_shared<SgRoom>();
    room->resize(8);
    SgRoom::Part first(room);
    CHECK(first.size() == 8);
    {
        SgRoom::Part second(room);
        CHECK(first.size() == 4);
        room->resize(1);
        CHECK(second.size() == 1);
        room->resize(8);
    }
    CHECK(first.size() == 8);
    SgRoom::Part moved(std::move(first));
    CHECK(moved.size() == 8);
    moved = SgRoom::Part();
    CHECK(SgRoom::Part(room).size() == 8);
}

TEST_CASE("commands that a device has no room for wait, and go in the guest's order") {
    Disk disk(2);
    for (unsigned i = 0; i < 5; ++i)
        REQUIRE(disk.read(i) == Step::pending);
    CHECK(disk.at_device() == 2);
    for (unsigned i = 0; i < 5; ++i) {
        disk.file().complete(Bytes(512, 7));
        disk.settle();
        CHECK(disk.ended(i));
        CHECK(disk.outcome(i).host == HostCode::ok);
        CHECK(disk.at_device() == std::min(2u, 4 - i));
    }
    CHECK(disk.read(0) == Step::pending);
}

TEST_CASE("a command is not sent before those that wait") {
    Disk disk(1);
    REQUIRE(disk.read(0) == Step::pending);
    REQUIRE(disk.read(1) == Step::pending);
    disk.all->resize(2);
    REQUIRE(disk.start(2, test_unit_ready, 0) == Step::pending);
    CHECK(disk.at_device() == 1);
    disk.file().complete(Bytes(512, 1));
    disk.settle();
    CHECK(disk.at_device() == 2);
    CHECK(disk.file().running.front().cdb.at(0) == 0x28);
}

TEST_CASE("one that waits can be aborted, and the device never sees it") {
    Disk disk(1);
    REQUIRE(disk.read(0) == Step::pending);
    REQUIRE(disk.read(1) == Step::pending);
    disk.target->abort(*disk.requests[1]);
    disk.settle();
    CHECK(disk.ended(1));
    CHECK(disk.outcome(1).host == HostCode::abort);
    CHECK_FALSE(disk.ended(0));
    disk.file().complete(Bytes(512, 1));
    disk.settle();
    CHECK(disk.at_device() == 0);
}

TEST_CASE("a reset ends those that wait") {
    Disk disk(1);
    REQUIRE(disk.read(0) == Step::pending);
    REQUIRE(disk.read(1) == Step::pending);
    const auto done = disk.reset();
    disk.settle_until([&] { return done->has_value(); });
    CHECK(disk.ended(1));
    CHECK(disk.outcome(1).host == HostCode::reset);
}

TEST_CASE("a unit is BUSY while all of its room is of commands that the kernel keeps") {
    Disk disk(1);
    REQUIRE(disk.read(0) == Step::pending);
    REQUIRE(disk.read(1) == Step::pending);
    const auto done = disk.reset();
    disk.settle_until([&] { return disk.ended(0); });
    CHECK(disk.outcome(0).host == HostCode::reset);
    REQUIRE(disk.read(2) == Step::done);
    CHECK(disk.outcome(2).status == Status::busy);
    disk.file().complete(Bytes(512, 1)); // it comes back after all
    disk.settle();
    CHECK(disk.read(2) == Step::pending);
}

TEST_CASE("those that wait end with the device") {
    Disk disk(1);
    REQUIRE(disk.read(0) == Step::pending);
    REQUIRE(disk.read(1) == Step::pending);
    disk.file().hung_up = true;
    disk.file().wake();
    disk.settle_until([&] { return disk.ended(1); });
    CHECK(disk.outcome(1).host == HostCode::no_connect);
}

TEST_CASE("one whose data come after the device has gone is told so, room or not") {
    Disk disk(1);
    REQUIRE(disk.read(0) == Step::pending);
    REQUIRE(disk.start(1, command(write_block, ring::Direction::to_device), 512) ==
            Step::need_data);
    disk.file().hung_up = true;
    disk.file().wake();
    disk.settle_until([&] { return disk.ended(0); });
    REQUIRE(disk.target->resume(*disk.requests[1]) == Step::done);
    CHECK(disk.outcome(1).host == HostCode::no_connect);
}
