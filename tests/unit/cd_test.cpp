// The emulated CD/DVD drive, command by command.
#include "backend/target.hpp"
#include "common/base/bytes.hpp"
#include "tests/support/target_host.hpp"
#include "tests/support/temp_file.hpp"

#include <catch2/catch.hpp>
#include <cstdio>

using namespace pvscsi;
using namespace pvscsi::backend;
using scsi::SenseKey;
using test::Bytes;
using test::TargetHost;
using test::TempFile;

namespace {

constexpr std::uint32_t cd_blocks = 300;
constexpr std::uint32_t dvd_blocks = 400'000;

/// A drive whose image has its block's number in every block.
struct Drive {
    TempFile image;
    TargetHost host;

    explicit Drive(std::uint32_t blocks = cd_blocks)
        : image(std::uint64_t{blocks} * 2048), host(open(image, blocks)) {}

    static std::unique_ptr<Target> open(const TempFile& image, std::uint32_t blocks) {
        std::FILE* file = std::fopen(image.path().c_str(), "r+");
        for (std::uint32_t i = 0; i < std::min(blocks, cd_blocks); ++i) {
            std::fseek(file, static_cast<long>(i) * 2048, SEEK_SET);
            std::fwrite(&i, sizeof i, 1, file);
        }
        std::fclose(file);
        return make_target({"iso:" + image.path(), false, "", "serial"});
    }
};

const Bytes test_unit_ready(6);
const Bytes eject{0x1b, 0, 0, 0, 2, 0};
const Bytes load{0x1b, 0, 0, 0, 3, 0};
const Bytes media_event{0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0};

} // namespace

TEST_CASE("a drive says that it is one") {
    Drive drive;
    const auto inquiry = drive.host.in({0x12, 0, 0, 0, 96, 0}, 96);
    CHECK((inquiry.data[0] == 0x05 && inquiry.data[1] == 0x80));
    const auto capacity = drive.host.in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8);
    CHECK(load_be32(capacity.data, 0) == cd_blocks - 1);
    CHECK(load_be32(capacity.data, 4) == 2048);
    // No page of a disk.
    CHECK(drive.host.in({0x12, 1, 0xb0, 0, 96, 0}, 96).is(SenseKey::illegal_request, 0x24, 0));
    CHECK(drive.host.in({0x12, 1, 0x00, 0, 96, 0}, 96).data ==
          Bytes{5, 0, 0, 4, 0, 0x80, 0x83, 0x86});
}

TEST_CASE("the image's blocks are read, and none behind its end") {
    Drive drive;
    for (const Bytes& cdb :
         {Bytes{0x28, 0, 0, 0, 0, 7, 0, 0, 2, 0}, Bytes{0xa8, 0, 0, 0, 0, 7, 0, 0, 0, 2, 0, 0}}) {
        const auto got = drive.host.in(cdb, 4096);
        REQUIRE(got.data.size() == 4096);
        CHECK((got.data[0] == 7 && got.data[2048] == 8));
    }
    CHECK(drive.host.in({0x28, 0, 0, 0, 1, 0x2b, 0, 0, 2, 0}, 4096)
              .is(SenseKey::illegal_request, 0x21, 0));
}

TEST_CASE("nothing can be written") {
    Drive drive;
    CHECK(drive.host.out({0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0}, Bytes(2048))
              .is(SenseKey::illegal_request, 0x20, 0));
}

TEST_CASE("the guest opens and closes the tray") {
    Drive drive;
    TargetHost& host = drive.host;
    CHECK(host.in(media_event, 8).data == Bytes{0, 6, 4, 0x10, 0, 2, 0, 0});
    CHECK(host.none(eject).good());
    CHECK(host.none(test_unit_ready).is(SenseKey::not_ready, 0x3a, 0x02));
    CHECK(host.in({0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0}, 2048).is(SenseKey::not_ready, 0x3a, 0x02));
    CHECK(host.in(media_event, 8).data == Bytes{0, 6, 4, 0x10, 3, 1, 0, 0});
    CHECK(host.in(media_event, 8).data == Bytes{0, 6, 4, 0x10, 0, 1, 0, 0});
    CHECK(host.in({0x46, 0, 0, 0, 0, 0, 0, 0, 8, 0}, 8).data[7] == 0); // no profile
    CHECK(host.none(load).good());
    CHECK(host.none(test_unit_ready).good());
    CHECK(host.in(media_event, 8).data == Bytes{0, 6, 4, 0x10, 2, 2, 0, 0});
    // Another event class, and asynchronous operation.
    CHECK(host.in({0x4a, 1, 0, 0, 0x40, 0, 0, 0, 8, 0}, 8).data == Bytes{0, 2, 0x80, 0x10});
    CHECK(host.in({0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8, 0}, 8).is(SenseKey::illegal_request, 0x24, 0));
}

TEST_CASE("a locked tray stays closed until it is unlocked or the unit is reset") {
    Drive drive;
    TargetHost& host = drive.host;
    REQUIRE(host.none({0x1e, 0, 0, 0, 1, 0}).good());
    CHECK(host.none(eject).is(SenseKey::illegal_request, 0x53, 0x02));
    CHECK(host.none(test_unit_ready).good());
    SECTION("unlocked") {
        REQUIRE(host.none({0x1e, 0, 0, 0, 0, 0}).good());
    }
    SECTION("reset") {
        bool well = false;
        host.target().reset([&well](bool success) { well = success; });
        CHECK(well);
        CHECK(host.none(test_unit_ready).is(SenseKey::unit_attention, 0x29, 0x03));
    }
    CHECK(host.none(eject).good());
}

TEST_CASE("the table of contents has one data track and the lead-out") {
    Drive drive;
    TargetHost& host = drive.host;
    const Bytes track{0, 0x14, 1, 0, 0, 0, 0, 0};
    auto toc = host.in({0x43, 0, 0, 0, 0, 0, 0, 0, 20, 0}, 20);
    CHECK(toc.data ==
          Bytes{0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 0, 1, 0x2c});
    // 300 frames and the 2 seconds before block 0: 6 seconds.
    toc = host.in({0x43, 2, 0, 0, 0, 0, 0xaa, 0, 12, 0}, 12);
    CHECK(toc.data == Bytes{0, 10, 1, 1, 0, 0x14, 0xaa, 0, 0, 0, 6, 0});
    toc = host.in({0x43, 0, 1, 0, 0, 0, 0, 0, 12, 0}, 12);
    CHECK(toc.data == Bytes{0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0});
    CHECK(host.in({0x43, 0, 0, 0, 0, 0, 2, 0, 12, 0}, 12).is(SenseKey::illegal_request, 0x24, 0));
    CHECK(host.in({0x43, 0, 5, 0, 0, 0, 0, 0, 12, 0}, 12).is(SenseKey::illegal_request, 0x24, 0));
}

TEST_CASE("an image too large for a CD is a DVD") {
    Drive cd;
    Drive dvd(dvd_blocks);
    const Bytes configuration{0x46, 0, 0, 0, 0, 0, 0, 1, 0, 0};
    CHECK(load_be16(cd.host.in(configuration, 256).data, 6) == 0x0008);
    CHECK(load_be16(dvd.host.in(configuration, 256).data, 6) == 0x0010);
    const Bytes structure{0xad, 0, 0, 0, 0, 0, 0, 0, 8, 4, 0, 0};
    CHECK(cd.host.in(structure, 2052).is(SenseKey::illegal_request, 0x24, 0));
    const auto physical = dvd.host.in(structure, 2052);
    REQUIRE(physical.data.size() == 2052);
    CHECK(load_be24(physical.data, 13) - load_be24(physical.data, 9) == dvd_blocks - 1);
}

TEST_CASE("GET CONFIGURATION's lengths add up and one feature can be asked for") {
    Drive drive;
    const auto all = drive.host.in({0x46, 0, 0, 0, 0, 0, 0, 1, 0, 0}, 256);
    REQUIRE(load_be32(all.data, 0) + 4 == all.data.size());
    std::size_t at = 8;
    while (at < all.data.size())
        at += 4u + all.data[at + 3];
    CHECK(at == all.data.size());
    const auto one = drive.host.in({0x46, 2, 0, 3, 0, 0, 0, 1, 0, 0}, 256);
    CHECK((one.data.size() == 16 && load_be16(one.data, 8) == 3));
    CHECK(drive.host.in({0x46, 3, 0, 0, 0, 0, 0, 1, 0, 0}, 256)
              .is(SenseKey::illegal_request, 0x24, 0));
}

TEST_CASE("disc and track information are of a finished disc with one track") {
    Drive drive;
    const auto disc = drive.host.in({0x51, 0, 0, 0, 0, 0, 0, 0, 34, 0}, 34);
    REQUIRE(disc.data.size() == 34);
    CHECK(load_be16(disc.data, 0) == 32);
    CHECK(disc.data[2] == 0x0e);
    const auto track = drive.host.in({0x52, 1, 0, 0, 0, 1, 0, 0, 36, 0}, 36);
    REQUIRE(track.data.size() == 36);
    CHECK(load_be32(track.data, 24) == cd_blocks);
    CHECK(drive.host.in({0x52, 1, 0, 0, 0, 2, 0, 0, 36, 0}, 36)
              .is(SenseKey::illegal_request, 0x24, 0));
    CHECK(drive.host.in({0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0}, 8).data == Bytes(8));
}
