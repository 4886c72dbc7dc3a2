// How long a command may take: who is asked, and in which order. What else a disk is asked.
#include "backend/targets/sg/ask.hpp"
#include "tests/support/sg_unit.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include "common/base/bytes.hpp"

#include <filesystem>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

ring::Cdb cdb(std::vector<std::uint8_t> bytes) {
    constexpr std::array<std::size_t, 8> sizes{6, 10, 10, 16, 16, 12, 10, 10};
    bytes.resize(std::max(bytes.size(), sizes[bytes[0] >> 5]));
    return ring::Cdb::make(bytes).value();
}

/// Parameter data of REPORT SUPPORTED OPERATION CODES, as a device makes them.
struct Report {
    Report& add(std::uint8_t opcode, int action, std::uint32_t nominal, std::uint32_t recommended) {
        return add_plain(opcode, action, 0x02).timeouts(0x0a, nominal, recommended);
    }
    Report& add_plain(std::uint8_t opcode, int action, std::uint8_t flags = 0) {
        std::vector<std::uint8_t> one(8);
        one[0] = opcode;
        one[5] = static_cast<std::uint8_t>(flags | (action >= 0 ? 1 : 0));
        store_be16(one, 2, action >= 0 ? static_cast<std::uint16_t>(action) : 0);
        return append(one);
    }
    Report& timeouts(std::uint16_t length, std::uint32_t nominal, std::uint32_t recommended) {
        std::vector<std::uint8_t> one(12);
        store_be16(one, 0, length);
        store_be32(one, 4, nominal);
        store_be32(one, 8, recommended);
        return append(one);
    }
    Report& append(const std::vector<std::uint8_t>& more) {
        bytes.insert(bytes.end(), more.begin(), more.end());
        store_be32(bytes, 0, bytes.size() - 4);
        return *this;
    }
    std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(4);
};

/// Answers ask() from a list.
struct TalkingDevice : test::SgDeviceDouble {
    struct Reply {
        std::optional<scsi::Sense> sense;
        std::vector<std::uint8_t> data{};
    };
    std::optional<scsi::Sense> ask(std::span<const std::uint8_t> command,
                                   std::span<std::uint8_t> data,
                                   std::chrono::milliseconds bound) override {
        asked.emplace_back(command.begin(), command.end());
        CHECK(bound == 5s);
        REQUIRE(asked.size() <= replies.size());
        const Reply& reply = replies[asked.size() - 1];
        std::copy_n(reply.data.begin(), std::min(reply.data.size(), data.size()), data.begin());
        return reply.sense;
    }
    std::vector<std::vector<std::uint8_t>> asked;
    std::vector<Reply> replies;
};

std::vector<std::uint8_t> page_of(std::uint8_t name) {
    return {0, 0x83, 0, 6, 1, 3, 0, 2, 0xab, name};
}

const scsi::Sense powered_on = scsi::Sense::fixed(scsi::SenseKey::unit_attention, 0x29, 0x00);
const scsi::Sense changed = scsi::Sense::fixed(scsi::SenseKey::unit_attention, 0x2a, 0x09);
const scsi::Sense unknown = scsi::Sense::fixed(scsi::SenseKey::illegal_request, 0x20, 0x00);

/// A tree that looks like /sys, with what the kernel has read of the unit's page.
struct Known {
    Known() {
        fs::create_directories(device());
        learn(page_of(1));
    }
    void learn(const std::vector<std::uint8_t>& page) const {
        std::ofstream file(device() / "vpd_pg83", std::ios::binary);
        file.write(reinterpret_cast<const char*>(page.data()),
                   static_cast<std::streamsize>(page.size()));
    }
    [[nodiscard]] SgAnswers ask(TalkingDevice& device) const {
        return ask_device(device, sysfs.path(""));
    }
    [[nodiscard]] std::string refusal(const SgAnswers& answers) const {
        try {
            require_known(answers, node, sysfs.path(""));
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return {};
    }
    [[nodiscard]] fs::path device() const {
        return fs::path(sysfs.path("class/scsi_generic")) / fs::path(node).filename() / "device";
    }

    test::Folder sysfs;
    const std::string node = TalkingDevice().node();
};

} // namespace

TEST_CASE("without a word of guest or device it is the opcode's time, else the device type's") {
    CHECK(command_timeout(0, cdb({0x28}), 0) == 60s);
    CHECK(command_timeout(0, cdb({0x04}), 0) == 24h);
    CHECK(command_timeout(0x14, cdb({0x48}), 0) == 48h); // a zoned disk is a disk
    CHECK(command_timeout(1, cdb({0x08}), 0) == 900s);
    CHECK(command_timeout(1, cdb({0x19}), 0) == 14000s);
    CHECK(command_timeout(8, cdb({0xa5}), 0) == 300s);
    CHECK(command_timeout(8, cdb({0x07}), 0) == 3600s);
    CHECK(command_timeout(5, cdb({0xa1}), 0) == 2h);
    CHECK(command_timeout(0x0d, cdb({0x1d}), 0) == 2h); // any type
    CHECK(command_timeout(0x0d, cdb({0x04}), 0) == 60s);
}

TEST_CASE("the guest's word counts, else the device's, else the table's") {
    Report report;
    report.add(0x28, -1, 0, 7).add(0x9e, 0x10, 0, 8).add(0x9e, 0x12, 9, 0).add(0x04, -1, 500, 400);
    report.add(0x2a, -1, 0, 0).add_plain(0x35, -1).add(0x7f, 0x000b, 1, 2);
    report.add(0x88, -1, 0xffffffff, 0);
    const auto device = DeviceTimeouts::parse(report.bytes);
    CHECK(device.size() == 6);
    const auto time = [&](const std::vector<std::uint8_t>& bytes, std::uint16_t guest = 0) {
        return command_timeout(0, cdb(bytes), guest, device);
    };
    CHECK(time({0x28}) == 7s);
    CHECK(time({0x28}, 3) == 3s);
    CHECK(time({0x28}, 65535) == 65535s);
    CHECK(time({0x04}) == 500s);
    CHECK(time({0x04}, 1) == 1s);
    CHECK(time({0x9e, 0x10}) == 8s);
    CHECK(time({0x9e, 0x12}) == 9s);
    CHECK(time({0x9e, 0x14}) == 60s);
    CHECK(time({0x7f, 0, 0, 0, 0, 0, 0, 8, 0, 0x0b}) == 2s);
    CHECK(time({0x7f, 0, 0, 0, 0, 0, 0, 8, 0, 0x09}) == 60s);
    CHECK(time({0x2a}) == 60s);  // 0 says nothing
    CHECK(time({0x35}) == 180s); // without CTDP
    CHECK(time({0x88}) == 48h);  // bounded
}

TEST_CASE("what a device says is believed only as far as it is well formed") {
    Report report;
    report.add(0x28, -1, 0, 7).add(0x2a, -1, 0, 8);
    for (std::size_t size = 0; size < report.bytes.size(); ++size) {
        const auto cut = std::span(report.bytes).first(size);
        CHECK(DeviceTimeouts::parse(cut).size() == (size < 24 ? 0u : 1u));
    }
    CHECK(DeviceTimeouts::parse(report.bytes).size() == 2);
    auto lies = report.bytes;
    store_be32(lies, 0, 0xffffffff);
    CHECK(DeviceTimeouts::parse(lies).size() == 2);
    store_be32(lies, 0, 20);
    CHECK(DeviceTimeouts::parse(lies).size() == 1);
    Report odd;
    odd.add(0x28, -1, 0, 7).add_plain(0x2a, -1, 2).timeouts(0x0b, 0, 9).add(0x2e, -1, 0, 9);
    CHECK(DeviceTimeouts::parse(odd.bytes).size() == 1);
    Report many;
    for (unsigned i = 0; i < 2000; ++i)
        many.add(static_cast<std::uint8_t>(i), -1, 0, 1);
    CHECK(DeviceTimeouts::parse(many.bytes).size() == DeviceTimeouts::most);
}

TEST_CASE("a disk is asked once for all its commands") {
    TalkingDevice device;
    device.device_type = GENERATE(as<std::uint8_t>(), 0x00, 0x07, 0x14);
    device.replies = {{scsi::Sense{}, Report().add(0x28, -1, 0, 7).bytes}};
    const auto answers = ask_device(device);
    CHECK(answers.timeouts.size() == 1);
    CHECK(answers.attentions.empty());
    REQUIRE(device.asked.size() == 1);
    CHECK(device.asked[0] ==
          std::vector<std::uint8_t>{0xa3, 0x0c, 0x80, 0, 0, 0, 0, 0, 0x40, 0, 0, 0});
}

TEST_CASE("what may be in use, or may break, is not asked") {
    TalkingDevice device; // has no reply, so each question fails the test
    SECTION("tapes, robots, CDs and whatever else") {
        device.device_type = GENERATE(as<std::uint8_t>(), 0x01, 0x08, 0x05, 0x0d, 0x03, 0x1f);
        CHECK(ask_device(device).timeouts.size() == 0);
    }
    SECTION("one with commands") {
        device.commands_at_it = true;
        CHECK(ask_device(device).timeouts.size() == 0);
    }
    SECTION("one behind USB") {
        const test::Folder sysfs;
        const fs::path real = fs::path(sysfs.path("devices")) / "usb1/1-1/sg7";
        fs::create_directories(real);
        fs::create_directories(sysfs.path("class/scsi_generic"));
        fs::create_directory_symlink(real, sysfs.path("class/scsi_generic/sg7"));
        CHECK(ask_device(device, sysfs.path("")).timeouts.size() == 0);
    }
    SECTION("one whose target port is away: the kernel keeps what it is asked") {
        const test::Folder sysfs;
        const fs::path unit = sysfs.path("class/scsi_generic/sg7/device");
        fs::create_directories(unit);
        std::ofstream(unit / "state") << GENERATE("blocked\n", "transport-offline\n");
        CHECK(ask_device(device, sysfs.path("")).timeouts.size() == 0);
    }
    CHECK(device.asked.empty());
}

TEST_CASE("a device that refuses has said nothing") {
    TalkingDevice device;
    device.replies = {{GENERATE(std::optional<scsi::Sense>{}, std::optional(unknown))}};
    const auto answers = ask_device(device);
    CHECK(answers.timeouts.size() == 0);
    CHECK(answers.attentions.empty());
    CHECK(device.asked.size() == 1);
}

TEST_CASE("unit attentions that come instead are the guest's") {
    TalkingDevice device;
    device.replies = {{powered_on}, {changed}, {scsi::Sense{}, Report().add(0x28, -1, 0, 7).bytes}};
    auto answers = ask_device(device);
    CHECK(answers.timeouts.size() == 1);
    REQUIRE(answers.attentions.size() == 2);

    test::SgUnit unit;
    unit.sg().told(std::move(answers));
    // INQUIRY does not fetch them.
    CHECK(unit.start(0, {0x12, 0, 0, 0, 36, 0}, 36) == Step::pending);
    CHECK(unit.read(1) == Step::done);
    CHECK(unit.outcome(1).status == scsi::Status::check_condition);
    CHECK(unit.outcome(1).sense.asc() == 0x29);
    CHECK(unit.read(1) == Step::done);
    CHECK(unit.outcome(1).sense.asc() == 0x2a);
    CHECK(unit.read(1) == Step::pending);
    // And what the device recommends is what the kernel is told.
    CHECK(unit.file().running.back().header.timeout == 7000);
}

TEST_CASE("a device that has nothing but unit attentions to say is not asked for ever") {
    TalkingDevice device;
    device.replies.assign(4, {powered_on});
    CHECK(ask_device(device).attentions.size() == 4);
    CHECK(device.asked.size() == 4);
}

TEST_CASE("a unit that the kernel knows by a name is asked for it") {
    const Known known;
    TalkingDevice device;
    SECTION("and is taken if it says the same") {
        device.replies = {{scsi::Sense{}}, {scsi::Sense{}, page_of(1)}};
        const auto answers = known.ask(device);
        CHECK(device.asked.at(1) == std::vector<std::uint8_t>{0x12, 1, 0x83, 0x0f, 0xfc, 0});
        CHECK(known.refusal(answers).empty());
        CHECK(answers.identification.has_value());
    }
    SECTION("and is refused if it says another, until the kernel has looked again") {
        device.replies = {{unknown}, {scsi::Sense{}, page_of(2)}};
        CHECK(known.refusal(known.ask(device)) ==
              device.node() +
                  ": another unit is there now, naa.ab02; the kernel knows it as naa.ab01: "
                  "have the kernel look again (echo 1 > /sys/class/scsi_generic/" +
                  fs::path(device.node()).filename().string() + "/device/rescan)");
        device.asked.clear();
        known.learn(page_of(2));
        CHECK(known.refusal(known.ask(device)).empty());
    }
    SECTION("and is refused if it has none") {
        device.replies = {{scsi::Sense{}},
                          GENERATE(TalkingDevice::Reply{unknown},
                                   TalkingDevice::Reply{scsi::Sense{}, {0, 0x83}})};
        CHECK_THAT(known.refusal(known.ask(device)), Catch::Contains("one without a name"));
    }
    SECTION("and has said nothing if it is not there, or does not answer") {
        const auto no_unit = scsi::Sense::fixed(scsi::SenseKey::illegal_request, 0x25, 0x00);
        device.replies = {{scsi::Sense{}},
                          GENERATE_COPY(TalkingDevice::Reply{no_unit},
                                        TalkingDevice::Reply{scsi::Sense{}, {0x7f, 0x83}},
                                        TalkingDevice::Reply{std::nullopt})};
        const auto answers = known.ask(device);
        CHECK_FALSE(answers.identification.has_value());
        CHECK(known.refusal(answers).empty());
    }
    SECTION("and its unit attentions are the guest's") {
        device.replies = {{powered_on}, {scsi::Sense{}}, {changed}, {scsi::Sense{}, page_of(1)}};
        const auto answers = known.ask(device);
        CHECK(answers.attentions.size() == 2);
        CHECK(answers.identification.has_value());
    }
    CHECK(device.asked.size() == device.replies.size());
}

TEST_CASE("a unit that did not answer, or has no name, is not asked for it") {
    const Known known;
    TalkingDevice device;
    SECTION("no answer") {
        device.replies = {{std::nullopt}};
    }
    SECTION("no name") {
        known.learn({0, 0x83, 0, 0});
        device.replies = {{scsi::Sense{}}};
    }
    const auto answers = known.ask(device);
    CHECK(device.asked.size() == 1);
    CHECK(known.refusal(answers).empty());
}
