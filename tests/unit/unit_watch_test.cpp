// The watch over whether a disk is still the one that the guest was given: what casts doubt on it,
// and what is found out.
#include "tests/support/temp_folder.hpp"
#include "tests/support/watch_bed.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

using namespace pvscsi;
using namespace pvscsi::test;

TEST_CASE("what cannot mean another unit is not looked into") {
    Guest guest;
    const auto [asc, ascq] = GENERATE(
        table<unsigned, unsigned>({{0x28, 0x00}, {0x2a, 0x09}, {0x3f, 0x01}, {0x3f, 0x02}}));
    guest.disk.says(asc, ascq);
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::unit_attention, asc, ascq));
    guest.disk.sense = scsi::Sense::fixed(SenseKey::illegal_request, 0x24, 0x00);
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::illegal_request, 0x24, 0x00));
    CHECK(guest.write().good());
    CHECK(guest.disk.questions == 0);
}

TEST_CASE("the same unit goes on, and the guest has the unit attention") {
    const auto [asc, ascq] = GENERATE(table<unsigned, unsigned>(
        {{0x29, 0x00}, {0x29, 0x07}, {0x3f, 0x03}, {0x3f, 0x05}, {0x3f, 0x0e}}));
    Guest guest;
    guest.disk.says(asc, ascq);
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::unit_attention, asc, ascq));
    CHECK(guest.disk.questions == 1);
    CHECK(guest.write().good());
    CHECK(guest.disk.questions == 1);
    CHECK(guest.failure.empty());
}

TEST_CASE("another unit gets no command of the guest, ever") {
    const auto [asc, ascq] = GENERATE(table<unsigned, unsigned>(
        {{0x29, 0x00}, {0x29, 0x07}, {0x3f, 0x03}, {0x3f, 0x05}, {0x3f, 0x0e}}));
    Guest guest;
    guest.disk.page = page_of(2);
    guest.disk.says(asc, ascq);
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::unit_attention, asc, ascq));
    CHECK(guest.failure ==
          "another unit is at its address now, naa.ab02; the guest was given naa.ab01: detach it");
    guest.disk.page = page_of(1);
    CHECK(guest.host.none(test_unit_ready).host == HostCode::no_connect);
    CHECK(guest.host.in(inquiry, 36).host == HostCode::no_connect);
    CHECK(guest.host.in(request_sense, 18).host == HostCode::no_connect);
    CHECK(guest.write().host == HostCode::no_connect);
    CHECK(guest.disk.commands == 1);
    CHECK(guest.failures == 1);
}

TEST_CASE("a unit attention that REQUEST SENSE fetches is one") {
    struct Fetched final : Target {
        Step start(Request& request) noexcept override {
            const auto& bytes = request.cdb().opcode() == 0x03 ? sense : page;
            request.outcome.data_in = std::as_bytes(std::span(bytes));
            return Step::done;
        }
        Step resume(Request&) noexcept override { return Step::done; }
        [[nodiscard]] std::uint8_t device_type() const noexcept override { return 0; }
        Bytes page = page_of(2);
        Bytes sense{0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x3f, 0x03, 0, 0, 0, 0};
    };
    TargetHost host(std::make_unique<UnitWatch>(std::make_unique<Fetched>(), raw(page_of(1)),
                                                std::make_shared<std::atomic<unsigned>>(0), ""));
    CHECK(host.in(request_sense, 18).good());
    CHECK(host.none(test_unit_ready).host == HostCode::no_connect);
}

TEST_CASE("what one unit says of the target's LUNs concerns all of them") {
    const auto doubts = std::make_shared<std::atomic<unsigned>>(0);
    Guest one(doubts), other(doubts), third(doubts), elsewhere;
    other.disk.page = page_of(2);
    one.disk.says(0x3f, 0x0e);
    CHECK(one.host.none(test_unit_ready).is(SenseKey::unit_attention, 0x3f, 0x0e));
    CHECK(other.write().host == HostCode::no_connect);
    CHECK(other.disk.commands == 0);
    CHECK(third.write().good());
    CHECK(third.disk.questions == 1);
    CHECK(one.host.none(test_unit_ready).good());
    CHECK(one.disk.questions == 1);
    CHECK(elsewhere.host.none(test_unit_ready).good());
    CHECK(elsewhere.disk.questions == 0);
}

TEST_CASE("one that was taken away is asked for before it is used again") {
    Guest guest;
    guest.disk.is_taken_away();
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::illegal_request, 0x25, 0x00));
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::illegal_request, 0x25, 0x00));
    CHECK(guest.host.in(request_sense, 18).data.at(12) == 0x25);
    CHECK(guest.disk.commands == 1);
    guest.host.target().keep_house();
    guest.host.target().keep_house();
    CHECK(guest.warning == "no unit answers to its address, or one without a name");
    CHECK(guest.warnings == 1);
    SECTION("it comes back") {
        guest.disk.page = page_of(1);
        CHECK(guest.write().good());
        guest.host.target().keep_house();
        CHECK(guest.warning.empty());
        CHECK(guest.warnings == 2);
    }
    SECTION("another one comes") {
        guest.disk.page = page_of(2);
        CHECK(guest.write().host == HostCode::no_connect);
        CHECK(guest.failure.find("naa.ab02") != std::string::npos);
    }
    SECTION("one comes that has no name, or not that page") {
        guest.disk.page = {0, 0x83, 0, 0};
        if (GENERATE(false, true))
            guest.disk.question_sense = scsi::Sense::fixed(SenseKey::illegal_request, 0x24, 0x00);
        CHECK(guest.write().is(SenseKey::illegal_request, 0x25, 0x00));
        CHECK(guest.failure.empty());
        guest.disk.page = page_of(1);
        CHECK(guest.write().good());
    }
}

TEST_CASE("a unit attention that the question is answered with is the guest's") {
    Guest guest;
    guest.disk.says(0x29, 0x00);
    guest.disk.question_sense = Disk::attention(0x2a, 0x09);
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::unit_attention, 0x29, 0x00));
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::unit_attention, 0x2a, 0x09));
    CHECK(guest.write().good());
    CHECK(guest.disk.questions == 2);
}

TEST_CASE("doubts are a target's, by the path that its units have") {
    const test::Folder sysfs;
    namespace fs = std::filesystem;
    const auto add = [&](const std::string& sg, const std::string& place) {
        const fs::path device = fs::path(sysfs.path("devices")) / place;
        const fs::path entry = sysfs.path("class/scsi_generic/" + sg);
        fs::create_directories(device);
        fs::create_directories(entry);
        fs::create_directory_symlink(device, entry / "device");
    };
    add("sg0", "host5/target5:0:0/5:0:0:0");
    add("sg1", "host5/target5:0:0/5:0:0:1");
    add("sg2", "host5/target5:0:1/5:0:1:0");
    const auto at = [&](const char* node) { return doubts_at(node, sysfs.path("")); };
    const auto first = at("/dev/sg0");
    CHECK(at("/dev/sg1") == first);
    CHECK(at("/dev/sg2") != first);
    CHECK(at("/dev/sg3") != first); // gone meanwhile
    ++*first;
    CHECK(*at("/dev/sg1") == 1);
}
