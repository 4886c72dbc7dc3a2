// Lengths that a device reports are lowered to what the way to it carries, and never raised.
#include "backend/targets/limits.hpp"
#include "backend/targets/sg/carries.hpp"
#include "common/base/bytes.hpp"
#include "tests/support/target_host.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace pvscsi;
using namespace pvscsi::backend;
using test::Bytes;
namespace fs = std::filesystem;

namespace {

/// Answers with `data`, as much as the guest has room for.
class Device final : public Target {
  public:
    Step start(Request& request) noexcept override {
        request.outcome.status = status;
        const auto bytes = std::as_bytes(std::span(data));
        request.outcome.data_in =
            bytes.first(std::min<std::size_t>(bytes.size(), request.length()));
        return Step::done;
    }
    Step resume(Request& /*request*/) noexcept override { return Step::done; }
    [[nodiscard]] std::uint8_t device_type() const noexcept override { return type; }

    std::uint8_t type = 0;
    scsi::Status status = scsi::Status::good;
    Bytes data;
};

struct Bed {
    explicit Bed(std::uint64_t most, std::uint32_t block_size = 512) {
        auto owned = std::make_unique<Device>();
        device = owned.get();
        host.emplace(std::make_unique<LimitsTarget>(std::move(owned), most, block_size));
    }
    Device* device = nullptr;
    std::optional<test::TargetHost> host;
};

const Bytes inquire_b0{0x12, 1, 0xb0, 0, 64, 0};
const Bytes tape_limits{0x05, 0, 0, 0, 0, 0};

Bytes page_b0(std::uint8_t compare, std::uint16_t granularity, std::uint32_t most,
              std::uint32_t optimal, std::uint32_t atomic = 0) {
    Bytes page(64);
    page[1] = 0xb0;
    page[3] = 60;
    page[5] = compare;
    store_be16(page, 6, granularity);
    store_be32(page, 8, most);
    store_be32(page, 12, optimal);
    store_be32(page, 20, 0xffffffff); // MAXIMUM UNMAP LBA COUNT: moves no data
    store_be32(page, 44, atomic);
    return page;
}

} // namespace

TEST_CASE("VPD page B0h says what can be moved") {
    Bed bed(512 * 100);
    const auto shown = [&](const Bytes& page) {
        bed.device->data = page;
        return bed.host->in(inquire_b0, 64).data;
    };
    CHECK(shown(page_b0(255, 128, 1000, 1000, 1000)) == page_b0(50, 100, 100, 100, 100));
    CHECK(shown(page_b0(1, 8, 99, 64, 8)) == page_b0(1, 8, 99, 64, 8));
    CHECK(shown(page_b0(0, 0, 0, 0, 0)) == page_b0(0, 0, 100, 0, 0));
    CHECK(shown(page_b0(0, 0, 0xffffffff, 0xffffffff)) == page_b0(0, 0, 100, 100));
    CHECK(bed.device->data == page_b0(0, 0, 0xffffffff, 0xffffffff)); // the device's own stays
}

TEST_CASE("the block size is what READ CAPACITY says") {
    Bed bed(512 * 100);
    Bytes capacity(32);
    SECTION("10") {
        store_be32(capacity, 4, 4096);
        bed.device->data = capacity;
        bed.host->in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8);
    }
    SECTION("16") {
        store_be32(capacity, 8, 4096);
        bed.device->data = capacity;
        bed.host->in({0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}, 32);
    }
    bed.device->data = page_b0(0, 0, 1000, 0);
    CHECK(bed.host->in(inquire_b0, 64).data == page_b0(0, 0, 12, 0));
    // One that is cut short, or 0, says nothing.
    bed.host->in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 6);
    bed.device->data = Bytes(32);
    bed.host->in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8);
    bed.device->data = page_b0(0, 0, 1000, 0);
    CHECK(bed.host->in(inquire_b0, 64).data == page_b0(0, 0, 12, 0));
}

TEST_CASE("a block larger than all that can be moved leaves one") {
    Bed bed(512, 4096);
    bed.device->data = page_b0(9, 0, 1000, 0);
    CHECK(bed.host->in(inquire_b0, 64).data == page_b0(1, 0, 1, 0));
}

TEST_CASE("any length of any page is taken, and a field that is cut stays") {
    Bed bed(512 * 100);
    const Bytes page = page_b0(255, 128, 1000, 1000, 1000);
    const Bytes lowered = page_b0(50, 100, 100, 100, 100);
    bed.device->data = page;
    for (std::uint32_t length = 0; length <= 64; ++length) {
        const auto data = bed.host->in(inquire_b0, length).data;
        REQUIRE(data.size() == length);
        for (std::size_t i = 0; i < data.size(); ++i) {
            CAPTURE(length, i);
            const std::size_t field = i < 6 ? i + 1 : i < 8 ? 8 : (i | 3) + 1;
            REQUIRE(data[i] == (length >= field && length >= 2 ? lowered[i] : page[i]));
        }
    }
    std::mt19937 dice{5};
    for (unsigned i = 0; i < 1000; ++i) {
        Bytes junk(dice() % 200);
        for (auto& one : junk)
            one = static_cast<std::uint8_t>(dice());
        bed.device->data = junk;
        const auto data = bed.host->in(inquire_b0, 200).data;
        REQUIRE(data.size() == junk.size());
        if (junk.size() < 2 || junk[1] != 0xb0)
            REQUIRE(data == junk);
    }
}

TEST_CASE("READ BLOCK LIMITS says what can be moved") {
    Bed bed(1 << 20);
    bed.device->type = 1;
    const auto shown = [&](const Bytes& data) {
        bed.device->data = data;
        return bed.host->in(tape_limits, 6).data;
    };
    CHECK(shown({0, 0x80, 0, 0, 0, 1}) == Bytes{0, 0x10, 0, 0, 0, 1});
    CHECK(shown({3, 0x08, 0, 0, 0, 4}) == Bytes{3, 0x08, 0, 0, 0, 4});
    CHECK(shown({0, 0, 0, 0, 0, 0}) == Bytes{0, 0x10, 0, 0, 0, 0});
    CHECK(shown({0, 0xff, 0xff}) == Bytes{0, 0xff, 0xff});
    CHECK(shown({}) == Bytes{});
    Bed large(std::uint64_t{1} << 40);
    large.device->type = 1;
    large.device->data = {0, 0, 0, 0, 0, 1};
    CHECK(large.host->in(tape_limits, 6).data == Bytes{0, 0xff, 0xff, 0xff, 0, 1});
}

TEST_CASE("nothing else is touched") {
    Bed bed(512);
    const Bytes page = page_b0(255, 128, 1000, 1000, 1000);
    bed.device->data = page;
    CHECK(bed.host->in({0x12, 0, 0, 0, 64, 0}, 64).data == page);
    CHECK(bed.host->in({0x12, 1, 0x83, 0, 64, 0}, 64).data == page);
    CHECK(bed.host->in(tape_limits, 64).data == page); // of a disk
    CHECK(bed.host->in({0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, 64).data == page);
    bed.device->type = 1;
    CHECK(bed.host->in(inquire_b0, 64).data == page);            // of a tape: another page
    CHECK(bed.host->in({0x05, 1, 0, 0, 0, 0}, 64).data == page); // MLOI: another form
}

TEST_CASE("sysfs says what a node carries") {
    const test::Folder folder;
    const auto put = [&](const std::string& file, const std::string& text) {
        fs::create_directories(fs::path(folder.path(file)).parent_path());
        folder.file(file, text);
    };
    const auto look = [&] { return carries_of("/dev/sg4", folder.path("")); };
    CHECK(look().most_bytes == 0);
    const std::string device = "devices/pci0/host3/target3:0:0/3:0:0:0";
    fs::create_directories(folder.path(device));
    fs::create_directories(folder.path("class/scsi_generic/sg4"));
    fs::create_directory_symlink(folder.path(device), folder.path("class/scsi_generic/sg4/device"));
    CHECK(look().most_bytes == 0);
    put("class/scsi_host/host3/sg_tablesize", "80\n");
    CHECK(look().most_bytes == 80 * 4096);
    put("module/sg/parameters/scatter_elem_sz", "32768\n");
    CHECK(look().most_bytes == 80 * 32768);
    CHECK(look().block_size == 0);
    put(device + "/block/sda/queue/max_hw_sectors_kb", "128\n");
    put(device + "/block/sda/queue/logical_block_size", "4096\n");
    CHECK(look().most_bytes == 128 * 1024);
    CHECK(look().block_size == 4096);
    put(device + "/block/sda/queue/max_hw_sectors_kb", "32767\n");
    CHECK(look().most_bytes == 80 * 32768);
    put("class/scsi_host/host3/sg_tablesize", "many");
    CHECK(look().most_bytes == 32767 * 1024);
}
