// A reset of a unit that guests share is never silent, and told to each of them once.
#include "tests/support/attention_bed.hpp"

using namespace pvscsi;
using backend::NexusTarget;
using backend::SharedUnit;
using namespace pvscsi::test;
namespace condition = scsi::condition;
using scsi::SenseKey;

TEST_CASE("a LUN RESET is told to every guest once, whether the device's word arrives or not") {
    AttentionBed bed;
    bed.device.tells_of_reset = GENERATE(true, false);
    TargetHost &a = bed.guest(), &b = bed.guest();
    bool done = false;
    a.target().reset([&](bool success) { done = success; });
    CHECK(done);
    for (TargetHost* guest : {&a, &b}) {
        CHECK(says(*guest, condition::unit_was_reset));
        CHECK(guest->none(test_unit_ready).good());
    }
    SECTION("and a later one of another host is news again") {
        bed.device.says = {condition::some_reset};
        CHECK(says(b, condition::some_reset));
        CHECK(says(a, condition::some_reset));
    }
}

TEST_CASE("the device's word of a reset that all know of is nobody's news, its next one is") {
    const auto unit = SharedUnit::at("/dev/sg0");
    backend::Nexus a, b;
    unit->join(a);
    unit->join(b);
    unit->reset_begins();
    unit->was_reset();
    CHECK(unit->take(a) == condition::unit_was_reset);
    unit->device_told(&b, condition::some_reset); // at a command that was on its way
    CHECK(unit->take(b) == condition::none);
    CHECK(unit->take(a) == condition::none);
    unit->device_told(&b, condition::some_reset);
    CHECK(unit->take(a) == condition::some_reset);
    unit->leave(a);
    unit->leave(b);
}

TEST_CASE("what else the device has to say after a reset is not lost") {
    AttentionBed bed;
    TargetHost &a = bed.guest(), &b = bed.guest();
    bed.device.tells_of_reset = false;
    bed.device.says = {condition::medium_changed};
    a.target().reset([](bool) {});
    for (TargetHost* guest : {&a, &b}) {
        CHECK(says(*guest, condition::unit_was_reset));
        CHECK(says(*guest, condition::medium_changed));
        CHECK(guest->none(test_unit_ready).good());
    }
}

TEST_CASE(
    "a command that the kernel ended is a reset that its own commands may have been told of") {
    AttentionBed bed;
    TargetHost &a = bed.guest(), &b = bed.guest();
    bed.device.host = scsi::HostCode::transport_disrupted;
    CHECK(a.in(read_10, 512).host == scsi::HostCode::transport_disrupted);
    bed.device.host = scsi::HostCode::ok;
    CHECK(says(a, condition::some_reset));
    bed.device.host = scsi::HostCode::transport_disrupted;
    CHECK_FALSE(b.in(inquiry, 36).good()); // one of the same reset's victims
    bed.device.host = scsi::HostCode::ok;
    CHECK(says(b, condition::some_reset));
    CHECK(a.none(test_unit_ready).good());
    CHECK(b.none(test_unit_ready).good());
}

TEST_CASE("a tape's guest is told of a reset though it has it alone") {
    CHECK(backend::needs_nexus(0x01, true));
    CHECK(backend::needs_nexus(0x08, true));
    CHECK(backend::needs_nexus(0x00, false));
    CHECK_FALSE(backend::needs_nexus(0x00, true));
    AttentionBed bed;
    bed.device.tells_of_reset = false;
    TargetHost& guest = bed.guest();
    guest.target().reset([](bool) {});
    const auto commands = bed.device.commands.size();
    CHECK(guest.out({0x0a, 0, 0, 0, 4, 0}, Bytes(4))
              .is(SenseKey::unit_attention, 0x29, 0x03)); // WRITE at the beginning of the tape
    CHECK(bed.device.commands.size() == commands);
}

TEST_CASE("two paths are told by the device itself") {
    Device device;
    TargetHost a(std::make_unique<NexusTarget>(std::make_unique<DevicePath>(device),
                                               SharedUnit::at("/dev/sg0")));
    TargetHost b(std::make_unique<NexusTarget>(std::make_unique<DevicePath>(device),
                                               SharedUnit::at("/dev/sg1")));
    device.says = {condition::medium_changed};
    CHECK(says(a, condition::medium_changed));
    CHECK(b.none(test_unit_ready).good());
    CHECK(SharedUnit::at("/dev/sg0") != SharedUnit::at("/dev/sg1"));
}
