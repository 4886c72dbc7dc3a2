// Unit attentions that a guest is given though its device has none for it, and the watch over a
// disk's size, which has them given.
#include "backend/nexus/lone_nexus.hpp"
#include "backend/nexus/nexus_target.hpp"
#include "backend/targets/sg/capacity.hpp"

#include "common/base/bytes.hpp"
#include "tests/support/target_host.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <filesystem>
#include <fstream>

using namespace pvscsi;
using namespace pvscsi::backend;
using scsi::SenseKey;
using test::Bytes;
using test::TargetHost;

namespace {

const Bytes test_unit_ready(6), inquiry{0x12, 0, 0, 0, 36, 0};
const Bytes request_sense{0x03, 0, 0, 0, 252, 0};

/// Answers everything with what it was told to.
class Unit final : public Target {
  public:
    explicit Unit(std::uint8_t type = 0) : type_(type) {}
    Step start(Request& request) noexcept override {
        ++commands;
        request.outcome.status = status;
        request.outcome.sense = sense;
        request.outcome.data_in = std::as_bytes(std::span(data));
        return Step::done;
    }
    Step resume(Request&) noexcept override { return Step::done; }
    [[nodiscard]] std::uint8_t device_type() const noexcept override { return type_; }

    unsigned commands = 0;
    scsi::Status status = scsi::Status::good;
    scsi::Sense sense;
    Bytes data;

  private:
    const std::uint8_t type_;
};

struct Guest {
    explicit Guest(std::uint8_t type = 0) : Guest(std::make_unique<Unit>(type)) {}
    explicit Guest(std::unique_ptr<Unit> inner)
        : unit(*inner), host(std::make_unique<LoneNexus>(std::move(inner))) {}
    Unit& unit;
    TargetHost host;
};

struct Watch {
    explicit Watch(std::string sectors = "2048") : Watch(std::make_unique<Unit>(), sectors) {}
    Watch(std::unique_ptr<Unit> inner, const std::string& sectors) : unit(*inner) {
        set(sectors);
        host = std::make_unique<TargetHost>(std::make_unique<CapacityWatch>(
            std::make_unique<LoneNexus>(std::move(inner)), folder.path("size")));
    }
    void set(const std::string& sectors) const {
        std::ofstream(folder.path("size")) << sectors << "\n";
    }
    test::Answer look() {
        host->target().keep_house();
        return host->none(test_unit_ready);
    }
    void read_capacity10(std::uint32_t last) {
        unit.data.assign(8, 0);
        store_be32(unit.data, 0, last);
        store_be32(unit.data, 4, 512);
        CHECK(host->in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8).good());
        unit.data.clear();
    }
    test::Folder folder;
    Unit& unit;
    std::unique_ptr<TargetHost> host;
};

} // namespace

TEST_CASE("a unit attention is told once, by the next command that may be told it") {
    Guest guest;
    guest.host.target().tell(scsi::condition::capacity_changed);
    guest.host.target().tell(scsi::condition::capacity_changed);
    CHECK(guest.host.in(inquiry, 36).good());
    CHECK(guest.host.in({0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0}, 16).good());
    CHECK(guest.unit.commands == 2);
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::unit_attention, 0x2a, 0x09));
    CHECK(guest.unit.commands == 2); // the device has not seen it
    CHECK(guest.host.none(test_unit_ready).good());
}

TEST_CASE("REQUEST SENSE returns it as data, in the format that is asked for") {
    Guest guest;
    guest.host.target().tell(scsi::condition::capacity_changed);
    const auto fixed = guest.host.in(request_sense, 252);
    REQUIRE(fixed.data.size() == 18);
    CHECK(fixed.data[0] == 0x70);
    CHECK(fixed.data[2] == 6);
    CHECK(fixed.data[12] == 0x2a);
    CHECK(fixed.data[13] == 0x09);
    CHECK(guest.host.none(test_unit_ready).good());
    guest.host.target().tell(scsi::condition::capacity_changed);
    const auto descriptor = guest.host.in({0x03, 1, 0, 0, 252, 0}, 252);
    REQUIRE(descriptor.data.size() == 8);
    CHECK(descriptor.data[0] == 0x72);
    CHECK(descriptor.data[1] == 6);
    CHECK(descriptor.data[2] == 0x2a);
    CHECK(guest.unit.commands == 1);
}

TEST_CASE("what the device says by itself is not said again") {
    Guest guest;
    guest.host.target().tell(scsi::condition::capacity_changed);
    guest.unit.status = scsi::Status::check_condition;
    guest.unit.sense = scsi::Sense::fixed(SenseKey::unit_attention, 0x2a, 0x09);
    CHECK_FALSE(guest.host.in(inquiry, 36).good()); // one that asks the device
    guest.unit.status = scsi::Status::good;
    guest.unit.sense.clear();
    CHECK(guest.host.none(test_unit_ready).good());
}

TEST_CASE("an optical drive's events are polled without it") {
    const Bytes get_event{0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0};
    Guest drive(5), disk;
    for (Guest* guest : {&drive, &disk})
        guest->host.target().tell(scsi::condition::capacity_changed);
    CHECK(drive.host.in(get_event, 8).good());
    CHECK_FALSE(disk.host.in(get_event, 8).good());
}

TEST_CASE("the next connection is told nothing of the last one's") {
    Guest guest;
    guest.host.target().tell(scsi::condition::capacity_changed);
    guest.host.target().nexus_lost();
    CHECK(guest.host.none(test_unit_ready).good());
}

TEST_CASE("each guest of a disk that is shared is told of its growth, once") {
    const test::Folder folder;
    const auto set = [&](const char* sectors) {
        std::ofstream(folder.path("size")) << sectors << "\n";
    };
    set("2048");
    const auto unit = SharedUnit::at("/dev/sg7");
    std::deque<TargetHost> guests;
    for (int i = 0; i < 2; ++i)
        guests.emplace_back(std::make_unique<CapacityWatch>(
            std::make_unique<NexusTarget>(std::make_unique<Unit>(), unit), folder.path("size")));
    set("4096");
    for (auto& guest : guests) {
        guest.target().keep_house();
        CHECK(guest.none(test_unit_ready).is(SenseKey::unit_attention, 0x2a, 0x09));
    }
    for (auto& guest : guests)
        CHECK(guest.none(test_unit_ready).good());
}

TEST_CASE("only a disk that is no medium's has a size to look at") {
    const test::Folder sysfs;
    const auto disk = [&](const char* sg, const char* removable) {
        const std::filesystem::path of =
            std::filesystem::path(sysfs.path("class/scsi_generic")) / sg / "device/block/sda";
        std::filesystem::create_directories(of);
        std::ofstream(of / "removable") << removable << "\n";
        return of / "size";
    };
    const auto fixed = disk("sg0", "0");
    disk("sg1", "1");
    CHECK(fixed_size_attribute("/dev/sg0", sysfs.path("")) == fixed);
    CHECK(fixed_size_attribute("/dev/sg1", sysfs.path("")).empty());
    CHECK(fixed_size_attribute("/dev/sg2", sysfs.path("")).empty());
}

TEST_CASE("a disk that has grown says so once") {
    Watch watch;
    CHECK(watch.look().good());
    watch.set("4096");
    CHECK(watch.look().is(SenseKey::unit_attention, 0x2a, 0x09));
    CHECK(watch.look().good());
    watch.set("2048"); // and one that has shrunk
    CHECK(watch.look().is(SenseKey::unit_attention, 0x2a, 0x09));
}

TEST_CASE("a guest that was told the new size already hears nothing") {
    Watch watch;
    watch.read_capacity10(2047);
    watch.set("4096");
    watch.read_capacity10(4095); // the device told it before the kernel knew
    CHECK(watch.look().good());
    watch.set("8192");
    CHECK(watch.look().is(SenseKey::unit_attention, 0x2a, 0x09));
}

TEST_CASE("READ CAPACITY (16) tells the size of large disks") {
    Watch watch("4294967296"); // 2 TiB
    watch.read_capacity10(UINT32_MAX);
    watch.set("8589934592");
    watch.unit.data.assign(32, 0);
    store_be64(watch.unit.data, 0, 8589934591);
    store_be32(watch.unit.data, 8, 512);
    CHECK(watch.host->in({0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}, 32).good());
    CHECK(watch.look().good());
}

TEST_CASE("half an answer, or a refused one, has told nothing") {
    Watch watch;
    watch.unit.data.assign(4, 0xff);
    CHECK(watch.host->in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8).good());
    watch.unit.data.assign(8, 0);
    store_be32(watch.unit.data, 0, 4095);
    store_be32(watch.unit.data, 4, 512);
    watch.unit.status = scsi::Status::busy;
    CHECK_FALSE(watch.host->in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8).good());
    watch.unit.status = scsi::Status::good;
    watch.set("4096");
    CHECK(watch.look().is(SenseKey::unit_attention, 0x2a, 0x09));
}

TEST_CASE("a size that can't be read has not changed") {
    Watch watch;
    watch.set("");
    CHECK(watch.look().good());
    watch.set("nonsense");
    CHECK(watch.look().good());
    watch.set("2048");
    CHECK(watch.look().good());
    watch.set("0"); // a device that goes
    CHECK(watch.look().good());
}
