// PREVENT ALLOW MEDIUM REMOVAL of guests that come and go.
#include "backend/targets/sg/medium_lock.hpp"

#include "tests/support/sg_double.hpp"
#include "tests/support/target_host.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace pvscsi;
using namespace pvscsi::backend;
using test::Bytes;
using test::TargetHost;

namespace {

const Bytes prevent{0x1e, 0, 0, 0, 1, 0}, allow{0x1e, 0, 0, 0, 0, 0};

class Unit final : public Target {
  public:
    explicit Unit(std::uint8_t type) : type_(type) {}
    Step start(Request& request) noexcept override {
        ++commands;
        request.outcome.status = status;
        return Step::done;
    }
    Step resume(Request&) noexcept override { return Step::done; }
    [[nodiscard]] std::uint8_t device_type() const noexcept override { return type_; }
    unsigned commands = 0;
    scsi::Status status = scsi::Status::good;

  private:
    const std::uint8_t type_;
};

/// A guest with the unit of a drive that others may have, too.
struct Guest {
    Guest(std::shared_ptr<test::SgDeviceDouble> device, std::shared_ptr<MediumHolders> holders,
          std::uint8_t type = 1)
        : Guest(std::make_unique<Unit>(type), std::move(device), std::move(holders)) {}
    Guest(std::unique_ptr<Unit> inner, std::shared_ptr<test::SgDeviceDouble> device,
          std::shared_ptr<MediumHolders> holders)
        : unit(*inner), host(std::make_unique<MediumLock>(std::move(inner), std::move(device),
                                                          std::move(holders))) {
        host.target().on_warning = [this](const std::string& text) { warnings.push_back(text); };
    }
    void leave() { host.target().nexus_lost(); }
    Unit& unit;
    TargetHost host;
    std::vector<std::string> warnings;
};

struct Drive {
    std::shared_ptr<test::SgDeviceDouble> device = std::make_shared<test::SgDeviceDouble>();
    std::shared_ptr<MediumHolders> holders = std::make_shared<MediumHolders>(0);
    /// Whether the device was told to let go of its medium `times` times, and no more.
    [[nodiscard]] bool let_go(int times) const {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (device->allowed < times && std::chrono::steady_clock::now() < end)
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        return device->allowed == times;
    }
};

} // namespace

TEST_CASE("a lock ends with the connection of the guest that asked for it") {
    const Drive drive;
    Guest guest(drive.device, drive.holders);
    CHECK(guest.host.none(prevent).good());
    guest.leave();
    CHECK(drive.let_go(1));
    guest.leave();
    CHECK(drive.let_go(1)); // once
    CHECK(*drive.holders == 0);
}

TEST_CASE("nothing is let go of that was not locked, or was unlocked") {
    const Drive drive;
    Guest guest(drive.device, drive.holders);
    guest.leave();
    CHECK(guest.host.none(prevent).good());
    CHECK(guest.host.none(allow).good());
    guest.leave();
    guest.unit.status = scsi::Status::check_condition;
    CHECK_FALSE(guest.host.none(prevent).good());
    guest.leave();
    CHECK(drive.let_go(0));
    CHECK(guest.unit.commands == 3);
}

TEST_CASE("the last guest's end lets go, and no other one's") {
    const Drive drive;
    Guest one(drive.device, drive.holders), two(drive.device, drive.holders);
    CHECK(one.host.none(prevent).good());
    CHECK(two.host.none(prevent).good());
    one.leave();
    CHECK(drive.let_go(0));
    two.leave();
    CHECK(drive.let_go(1));
}

TEST_CASE("a guest's ALLOW does not open what another one has locked") {
    const Drive drive;
    Guest one(drive.device, drive.holders), two(drive.device, drive.holders);
    CHECK(one.host.none(prevent).good());
    CHECK(two.host.none(prevent).good());
    CHECK(one.host.none(allow).good());
    CHECK(one.unit.commands == 1); // the device has not seen it
    CHECK(two.host.none(allow).good());
    CHECK(two.unit.commands == 2);
    CHECK(one.host.none(prevent).good());
    CHECK(two.host.none(allow).good()); // one that had nothing locked
    CHECK(two.unit.commands == 2);
}

TEST_CASE("a lock outlives the daemon, and its successor lets go of it") {
    const Drive drive;
    {
        Guest guest(drive.device, drive.holders);
        CHECK(guest.host.none(prevent).good());
    }
    CHECK(*drive.holders == 0);
    CHECK(drive.let_go(0));
    Guest guest(drive.device, drive.holders);
    guest.host.target().remember_in("/nowhere", true);
    guest.host.target().keep_house();
    CHECK(guest.warnings.empty()); // nobody knows
    guest.leave();
    CHECK(drive.let_go(1));
    // A disk that nothing can be taken out of is not asked.
    Guest disk(drive.device, drive.holders, 0);
    disk.host.target().remember_in("/nowhere", true);
    disk.leave();
    CHECK(drive.let_go(1));
}

TEST_CASE("a reset ends the lock at the device") {
    const Drive drive;
    Guest guest(drive.device, drive.holders);
    CHECK(guest.host.none(prevent).good());
    bool reset = false;
    guest.host.target().reset([&](bool success) { reset = success; });
    CHECK(reset);
    guest.leave();
    CHECK(drive.let_go(0));
}

TEST_CASE("an optical drive's persistent bit is no lock by itself") {
    const Drive drive;
    Guest guest(drive.device, drive.holders, 5);
    CHECK(guest.host.none({0x1e, 0, 0, 0, 2, 0}).good());
    CHECK(*drive.holders == 0);
    CHECK(guest.host.none({0x1e, 0, 0, 0, 3, 0}).good());
    CHECK(*drive.holders == 1);
}

TEST_CASE("the administrator is told of a lock now and then, not at each of them") {
    const Drive drive;
    Guest guest(drive.device, drive.holders);
    for (int i = 0; i < 3; ++i) {
        CHECK(guest.host.none(allow).good());
        CHECK(guest.host.none(prevent).good());
    }
    CHECK(guest.warnings.empty());
    guest.host.target().keep_house();
    guest.host.target().keep_house();
    CHECK(guest.warnings == std::vector<std::string>{"the guest has locked its medium"});
    CHECK(guest.host.none(allow).good());
    guest.host.target().keep_house();
    CHECK(guest.warnings.size() == 2);
    CHECK(guest.warnings.back().empty());
}

TEST_CASE("a device that can't be told is no matter of the guest's") {
    const Drive drive;
    drive.device->allow_senses = {std::nullopt};
    Guest guest(drive.device, drive.holders);
    CHECK(guest.host.none(prevent).good());
    guest.leave();
    CHECK(drive.let_go(1));
}

TEST_CASE("a unit attention that comes in its place does not keep the medium locked") {
    const auto sense = [](scsi::SenseKey key) { return scsi::Sense::fixed(key, 0x29, 0); };
    const Drive drive;
    Guest guest(drive.device, drive.holders);
    SECTION("it is asked again") {
        drive.device->allow_senses = {sense(scsi::SenseKey::unit_attention)};
        CHECK(guest.host.none(prevent).good());
        guest.leave();
        CHECK(drive.let_go(2));
    }
    SECTION("but not for ever") {
        drive.device->allow_senses.assign(5, sense(scsi::SenseKey::unit_attention));
        CHECK(guest.host.none(prevent).good());
        guest.leave();
        CHECK(drive.let_go(3));
    }
    SECTION("nor where there is nothing to lock") {
        drive.device->allow_senses.assign(5, sense(scsi::SenseKey::illegal_request));
        CHECK(guest.host.none(prevent).good());
        guest.leave();
        CHECK(drive.let_go(1));
    }
}

TEST_CASE("all units on a node share what holds it") {
    const auto one = medium_holders_at("/dev/sg1");
    CHECK(medium_holders_at("/dev/sg1") == one);
    CHECK(medium_holders_at("/dev/sg2") != one);
}
