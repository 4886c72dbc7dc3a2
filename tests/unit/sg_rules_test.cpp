// What is decided about a command before and after the device has it, and which sg node is meant.
#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/read_only.hpp"
#include "backend/targets/sg/result.hpp"

#include <catch2/catch.hpp>

#include <cerrno>
#include <fstream>
#include <scsi/sg.h>
#include <stdlib.h>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace std::chrono_literals;
using scsi::HostCode;
using scsi::Status;
namespace fs = std::filesystem;

namespace {

ring::Cdb cdb(std::vector<std::uint8_t> bytes) {
    constexpr std::array<std::size_t, 8> sizes{6, 10, 10, 16, 16, 12, 10, 10};
    bytes.resize(std::max(bytes.size(), sizes[bytes[0] >> 5]));
    return ring::Cdb::make(bytes).value();
}

std::array<std::byte, 100> data;
std::array<std::uint8_t, 96> sense{0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29};

Outcome outcome(const ::sg_io_hdr& header,
                ring::Direction direction = ring::Direction::from_device) {
    return outcome_of(header, direction, data, sense);
}

} // namespace

TEST_CASE("a host code goes with the sense that the adapter left, and with nothing else") {
    ::sg_io_hdr header{};
    header.host_status = 5; // aborted, as for a guard that does not fit the data
    header.status = 2;
    header.sb_len_wr = 18;
    const Outcome both = outcome(header);
    CHECK(both.host == scsi::HostCode::abort);
    CHECK(both.status == scsi::Status::check_condition);
    CHECK(both.sense.asc() == 0x29);
    CHECK(both.data_in.empty());

    header.sb_len_wr = 0;
    CHECK(outcome(header).status == scsi::Status::good);
    header.sb_len_wr = 18;
    header.status = 8;
    const Outcome busy = outcome(header);
    CHECK(busy.host == scsi::HostCode::abort);
    CHECK(busy.status == scsi::Status::good);
    CHECK(busy.sense.bytes().empty());
}

TEST_CASE("the residual is believed only within the length") {
    struct Row {
        int resid;
        std::size_t moved;
    };
    const auto row = GENERATE(Row{0, 100}, Row{1, 99}, Row{100, 0}, Row{101, 100}, Row{-1, 100},
                              Row{INT32_MAX, 100}, Row{INT32_MIN, 100});
    ::sg_io_hdr header{};
    header.resid = row.resid;
    CHECK(outcome(header).data_in.size() == row.moved);
    CHECK(outcome(header, ring::Direction::to_device).consumed == row.moved);
    CHECK(outcome(header, ring::Direction::to_device).data_in.empty());
    CHECK(outcome(header, ring::Direction::none).consumed == 0);
}

TEST_CASE("host codes of the kernel become those of the protocol") {
    for (unsigned code = 1; code < 0x10000; ++code) {
        ::sg_io_hdr header{};
        header.host_status = static_cast<unsigned short>(code);
        // Left-overs, as adapters leave them: to be ignored.
        header.status = code == 17 ? 0 : 0xff;
        header.driver_status = 8;
        header.sb_len_wr = 18;
        const auto result = outcome(header);
        if (code == 17) {
            CHECK(result.host == HostCode::ok);
            CHECK(result.status == Status::reservation_conflict);
            continue;
        }
        const bool passes = (code <= 15 && code != 3 && code != 9) || code == 20;
        const auto expected = passes      ? static_cast<HostCode>(code)
                              : code == 3 ? HostCode::transport_disrupted
                                          : HostCode::error;
        REQUIRE(result.host == expected);
        REQUIRE(result.status == Status::good);
        REQUIRE(result.sense.empty());
        REQUIRE(result.data_in.empty());
    }
}

TEST_CASE("host codes that double a status give way to it") {
    const auto code = GENERATE(as<unsigned short>(), 16, 18, 19);
    ::sg_io_hdr header{};
    header.host_status = code;
    header.status = 2;
    header.sb_len_wr = 18;
    CHECK(outcome(header).host == HostCode::ok);
    CHECK(outcome(header).status == Status::check_condition);
    CHECK(outcome(header).sense.asc() == 0x29);
    header.status = 0;
    CHECK(outcome(header).host == HostCode::error);
}

TEST_CASE("every status of SAM passes, others are a host error") {
    for (unsigned value = 0; value < 256; ++value) {
        ::sg_io_hdr header{};
        header.status = static_cast<unsigned char>(value);
        const auto result = outcome(header);
        constexpr std::array known{0x00u, 0x02u, 0x04u, 0x08u, 0x18u, 0x28u, 0x30u, 0x40u};
        if (std::find(known.begin(), known.end(), value) != known.end()) {
            CHECK(result.host == HostCode::ok);
            CHECK(static_cast<unsigned>(result.status) == value);
        } else {
            CHECK(result.host == HostCode::error);
            CHECK(result.status == Status::good);
        }
    }
}

TEST_CASE("driver_status is dropped") {
    ::sg_io_hdr header{};
    header.driver_status = 0xffff;
    CHECK(outcome(header).host == HostCode::ok);
    CHECK(outcome(header).status == Status::good);
}

TEST_CASE("sense passes if it is some") {
    ::sg_io_hdr header{};
    header.status = 2;
    header.sb_len_wr = 255; // more than there was room for
    CHECK(outcome(header).sense.bytes().size() == 96);
    header.sb_len_wr = 18;
    CHECK(outcome(header).sense.bytes().size() == 18);
    header.sb_len_wr = 0;
    CHECK(outcome(header).sense.empty());
    header.sb_len_wr = 18;
    for (const std::uint8_t junk : std::to_array<std::uint8_t>({0x00, 0x6f, 0x74, 0x7f, 0xff})) {
        sense[0] = junk;
        CHECK(outcome(header).sense.empty());
    }
    for (const std::uint8_t code : std::to_array<std::uint8_t>({0x70, 0x71, 0x72, 0x73, 0xf0})) {
        sense[0] = code;
        CHECK(outcome(header).sense.bytes().size() == 18);
    }
    sense[0] = 0x70;
}

TEST_CASE("EINVAL without data is no matter of the length") {
    CHECK(outcome_of_refusal(EINVAL, 0).host == HostCode::error);
    CHECK(outcome_of_refusal(EINVAL, 1).sense.asc() == 0x24);
}

TEST_CASE("what a read-only unit lets pass") {
    struct Row {
        std::uint8_t type;
        std::vector<std::uint8_t> bytes;
        bool passes;
    };
    const auto row = GENERATE(
        // every type
        Row{0x00, {0x00}, true}, Row{0x0d, {0x12}, true}, Row{0x03, {0xa0}, true},
        Row{0x00, {0x5e}, true}, Row{0x00, {0x5f}, false}, Row{0x00, {0x1d, 4}, true},
        Row{0x00, {0x1d, 0x10, 0, 0, 8}, false}, Row{0x00, {0x4c}, false}, Row{0x00, {0x3b}, false},
        Row{0x00, {0x83}, false}, Row{0x00, {0xb5}, false}, Row{0x00, {0xc1}, false},
        Row{0x00, {0xff}, false}, Row{0x00, {0x7f}, false},
        // disks: reading and checking
        Row{0x00, {0x08}, true}, Row{0x00, {0x28}, true}, Row{0x00, {0xa8}, true},
        Row{0x00, {0x88}, true}, Row{0x00, {0x2f, 2}, true}, Row{0x00, {0x9e, 0x10}, true},
        Row{0x00, {0x9e, 0x12}, true}, Row{0x14, {0x95}, true}, Row{0x00, {0x35}, true},
        // disks: writing in all its forms
        Row{0x00, {0x0a}, false}, Row{0x00, {0x2a}, false}, Row{0x00, {0xaa}, false},
        Row{0x00, {0x8a}, false}, Row{0x00, {0x2e}, false}, Row{0x00, {0x8e}, false},
        Row{0x00, {0xae}, false}, Row{0x00, {0x3f}, false}, Row{0x00, {0x41}, false},
        Row{0x00, {0x93}, false}, Row{0x00, {0x93, 1}, false}, Row{0x00, {0x42}, false},
        Row{0x00, {0x89}, false}, Row{0x00, {0x8b}, false}, Row{0x00, {0x9c}, false},
        Row{0x00, {0x48}, false}, Row{0x00, {0x04}, false}, Row{0x00, {0x07}, false},
        Row{0x00, {0x15}, false}, Row{0x00, {0x55}, false}, Row{0x00, {0x85}, false},
        Row{0x00, {0xa1}, false}, Row{0x14, {0x94}, false}, Row{0x00, {0x9e, 0x14}, false},
        // tapes: the position and the block size are not the medium
        Row{0x01, {0x01}, true}, Row{0x01, {0x11}, true}, Row{0x01, {0x92}, true},
        Row{0x01, {0x15}, true}, Row{0x01, {0x0b}, false}, Row{0x01, {0x10}, false},
        Row{0x01, {0x80}, false}, Row{0x01, {0x19}, false}, Row{0x01, {0x93}, false},
        Row{0x01, {0x04}, false}, Row{0x01, {0x0a}, false}, Row{0x01, {0x8d}, false},
        // CDs
        Row{0x05, {0xbe}, true}, Row{0x05, {0x43}, true}, Row{0x05, {0x4a}, true},
        Row{0x05, {0xa1}, false}, Row{0x05, {0x5b}, false}, Row{0x05, {0x54}, false},
        Row{0x05, {0xbf}, false}, Row{0x05, {0x5d}, false}, Row{0x05, {0x2a}, false},
        // changers
        Row{0x08, {0xa5}, true}, Row{0x08, {0xb8}, true}, Row{0x08, {0x2a}, false},
        // what is of no known type reads nothing
        Row{0x03, {0x28}, false});
    CAPTURE(unsigned{row.type}, unsigned{row.bytes[0]});
    CHECK(leaves_medium_alone(row.type, cdb(row.bytes)) == row.passes);
}

namespace {

/// A tree that looks like /sys to find_sg_node().
struct Sysfs {
    Sysfs() {
        std::string name = (fs::temp_directory_path() / "pvscsi-sysfs.XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        top = name;
    }
    ~Sysfs() { fs::remove_all(top); }
    void scsi_device(const std::string& device, const std::string& sg) const {
        const fs::path real = top / "devices" / sg;
        fs::create_directories(real / "scsi_generic" / sg);
        fs::create_directories(top / "dev" / device);
        fs::create_directory_symlink(real, top / "dev" / device / "device");
    }
    fs::path top;
};

} // namespace

TEST_CASE("nodes lead to their sg node") {
    // /dev/null, 1:3, stands for the node of a tape or disk.
    Sysfs sysfs;
    CHECK_FALSE(find_sg_node("/dev/null", sysfs.top));
    sysfs.scsi_device("char/1:3", "sg12");
    CHECK(find_sg_node("/dev/null", sysfs.top) == "/dev/sg12");
    fs::create_symlink("/dev/null", sysfs.top / "by-id");
    CHECK(find_sg_node(sysfs.top / "by-id", sysfs.top) == "/dev/sg12");
    CHECK_FALSE(find_sg_node("/dev/zero", sysfs.top));
}

TEST_CASE("what is no SCSI device has no sg node") {
    Sysfs sysfs;
    std::ofstream(sysfs.top / "file") << "x";
    CHECK_FALSE(find_sg_node(sysfs.top / "file", sysfs.top));
    CHECK_FALSE(find_sg_node(sysfs.top, sysfs.top));
    CHECK_FALSE(find_sg_node(sysfs.top / "nothing", sysfs.top));
    // A character device that has a device, but one without an sg node (of a driver not loaded).
    fs::create_directories(sysfs.top / "dev/char/1:3/device/scsi_generic");
    CHECK_FALSE(find_sg_node("/dev/null", sysfs.top));
}

TEST_CASE("opening says what is wrong") {
    CHECK_THROWS_WITH(open_sg_target("/dev/sg-none", {}),
                      Catch::Contains("cannot open /dev/sg-none") &&
                          Catch::Contains("No such file"));
    CHECK_THROWS_WITH(open_sg_target("/dev/null", {}),
                      Catch::Contains("/dev/null is no node of the sg driver"));
}
