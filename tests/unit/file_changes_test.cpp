// What somebody else does to the file below a disk: cuts it short, deletes it, makes it longer.
#include "tests/support/file_disk.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <unistd.h>
#include <vector>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using Catch::Matchers::Contains;
using scsi::SenseKey;

namespace {

/// A disk on a file that is about to go wrong, and what an administrator is told of it.
struct Troubled {
    explicit Troubled(std::uint64_t size = 4 * mib) : file(size), host(open_file(file.path())) {
        host.target().on_failure = [this](const std::string& reason) {
            failures.push_back(reason);
        };
        host.target().on_warning = [this](const std::string& what) { warnings.push_back(what); };
    }
    [[nodiscard]] std::uint64_t size() const { return std::filesystem::file_size(file.path()); }
    /// Every command that needs the medium says so, and goes on saying so.
    void check_that_it_has_failed() {
        for (int i = 0; i < 2; ++i) {
            CHECK(host.none(Bytes(6)).is(SenseKey::hardware_error, 0x3e, 0x01));
            CHECK(host.in(read_10(0, 8), 8 * 512).is(SenseKey::hardware_error, 0x3e, 0x01));
            CHECK(
                host.out(write_10(0, 8), Bytes(8 * 512, 1)).is(SenseKey::hardware_error, 0x3e, 1));
            CHECK(host.in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8)
                      .is(SenseKey::hardware_error, 0x3e, 0x01));
            CHECK(
                host.none({0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0}).is(SenseKey::hardware_error, 0x3e, 1));
            CHECK(host.none({0x1b, 0, 0, 0, 1, 0}).is(SenseKey::hardware_error, 0x3e, 0x01));
        }
        CHECK(host.in({0x12, 0, 0, 0, 36, 0}, 36).good()); // it can still be asked what it is
        REQUIRE(failures.size() == 1);
        CHECK_THAT(failures[0], Contains(file.path()) && Contains("4194304"));
    }

    TempFile file;
    TargetHost host;
    std::vector<std::string> failures, warnings;
};

const Bytes discard_8{0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0};
const Bytes discard_8_at_4096{0, 22, 0,  16, 0, 0, 0, 0, 0, 0, 0, 0,
                              0, 0,  16, 0,  0, 0, 0, 8, 0, 0, 0, 0};

} // namespace

TEST_CASE("a file that is cut short is not written beyond its new end") {
    Troubled disk;
    disk.file.resize(0);
    CHECK(
        disk.host.out(write_10(4096, 8), Bytes(8 * 512, 7)).is(SenseKey::hardware_error, 0x3e, 1));
    CHECK(disk.size() == 0);
    disk.check_that_it_has_failed();
    CHECK(disk.size() == 0);
}

TEST_CASE("that a file was cut short is found by whatever command comes") {
    Troubled disk;
    disk.file.resize(mib);
    const auto broken = [](const test::Answer& answer) {
        return answer.is(SenseKey::hardware_error, 0x3e, 0x01);
    };
    SECTION("a read behind the end") {
        CHECK(broken(disk.host.in(read_10(4096, 8), 8 * 512)));
    }
    SECTION("a read across it") {
        CHECK(broken(disk.host.in(read_10(2040, 16), 16 * 512)));
    }
    SECTION("a write before it") {
        CHECK(broken(disk.host.out(write_10(0, 1), Bytes(512))));
    }
    SECTION("an UNMAP") {
        CHECK(broken(disk.host.out(discard_8, discard_8_at_4096)));
    }
    SECTION("SYNCHRONIZE CACHE") {
        CHECK(broken(disk.host.none({0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0})));
    }
    SECTION("TEST UNIT READY") {
        CHECK(broken(disk.host.none(Bytes(6))));
    }
    SECTION("READ CAPACITY") {
        CHECK(broken(disk.host.in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8)));
    }
    SECTION("a read behind what the disk had") {
        CHECK(broken(disk.host.in(read_10(8192, 1), 512)));
    }
    SECTION("none at all, but a little time") {
        disk.host.target().keep_house();
    }
    disk.check_that_it_has_failed();
    CHECK(disk.size() == mib);
}

TEST_CASE("a file that is cut short under a write in flight has not taken it") {
    Troubled disk;
    // Looked at and queued, but not with the kernel yet.
    auto& write = disk.host.send(write_10(4096, 8), Bytes(8 * 512, 7));
    REQUIRE_FALSE(write.ended());
    disk.file.resize(0);
    REQUIRE(disk.host.wait(write));
    CHECK(write.answer().is(SenseKey::hardware_error, 0x3e, 0x01));
    disk.check_that_it_has_failed();
}

TEST_CASE("a reset does not mend a unit whose file was cut short") {
    Troubled disk;
    disk.file.resize(0);
    disk.host.target().keep_house();
    bool done = false;
    disk.host.target().reset([&done](bool success) { done = success; });
    REQUIRE(done);
    CHECK(disk.host.none(Bytes(6)).is(SenseKey::unit_attention, 0x29, 0x03));
    disk.check_that_it_has_failed();
}

TEST_CASE("a file that is deleted serves on, and somebody is told") {
    Troubled disk;
    REQUIRE(disk.host.out(write_10(0, 8), Bytes(8 * 512, 7)).good());
    ::unlink(disk.file.path().c_str());
    for (int i = 0; i < 3; ++i) {
        disk.host.target().keep_house();
        CHECK(disk.host.none(Bytes(6)).good());
        CHECK(disk.host.in(read_10(0, 8), 8 * 512).data == Bytes(8 * 512, 7));
    }
    CHECK(disk.failures.empty());
    REQUIRE(disk.warnings.size() == 1);
    CHECK_THAT(disk.warnings[0], Contains(disk.file.path()) && Contains("deleted"));
}

TEST_CASE("a file that grew while nobody asked is announced with the next command") {
    Troubled disk(mib);
    disk.file.resize(2 * mib);
    disk.host.target().keep_house();
    disk.host.target().keep_house();
    CHECK(disk.host.in(read_10(0, 1), 512).is(SenseKey::unit_attention, 0x2a, 0x09));
    CHECK(disk.host.in(read_10(4095, 1), 512).good());
    CHECK(disk.failures.empty());
}

TEST_CASE("a file that grows is announced and used") {
    TempFile file(mib);
    TargetHost host(open_file(file.path()));
    file.resize(2 * mib + 100); // and a piece that is no block
    CHECK(host.none(Bytes(6)).is(SenseKey::unit_attention, 0x2a, 0x09));
    CHECK(load_be32(host.in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8).data, 0) == 2 * mib / 512 - 1);
    CHECK(host.out(write_10(4095, 1), Bytes(512, 1)).good());
    CHECK(host.out(write_10(4096, 1), Bytes(512, 1)).is(SenseKey::illegal_request, 0x21, 0));
}
