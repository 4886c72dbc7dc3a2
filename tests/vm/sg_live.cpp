// The sg target on the kernel's own sg driver and a simulated disk (scsi_debug with two targets),
// which can be told to fail. Runs in the virtual machine only: the nodes come in PVSCSI_SG_NODE and
// PVSCSI_SG_OTHER.
#include "backend/targets/sg/open.hpp"
#include "common/base/bytes.hpp"
#include "tests/support/sg_bench.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using scsi::HostCode;
using scsi::SenseKey;
using scsi::Status;

namespace {

std::string node(const char* variable = "PVSCSI_SG_NODE") {
    const char* const value = std::getenv(variable);
    REQUIRE(value != nullptr);
    return value;
}

/// One of scsi_debug's settings, put back at the end.
class Knob {
  public:
    Knob(const char* name, const std::string& value) : path_(folder() + name) { set(value); }
    ~Knob() { set("0"); }
    Knob(const Knob&) = delete;
    Knob& operator=(const Knob&) = delete;
    static std::string folder() { return "/sys/bus/pseudo/drivers/scsi_debug/"; }

  private:
    void set(const std::string& value) const { std::ofstream(path_) << value << std::flush; }
    std::string path_;
};

/// The next command, and only it, is never answered by the device.
struct Swallow {
    Knob opts{"opts", "4"};
    Knob every_nth{"every_nth", "-1"};
};

struct Live : SgBench {
    explicit Live(bool read_only = false, const std::string& path = node()) {
        attach(open_sg_device(path, {}), read_only, {10s, 500ms});
        // Power-on and what other cases did: unit attentions, one a command.
        for (unsigned i = 0; i < 10; ++i)
            if (run(test_unit_ready, 0).status == Status::good)
                break;
    }
    const Outcome& wait(unsigned i, std::chrono::seconds limit = 20s) {
        settle_until([&] { return ended(i); }, limit);
        return outcome(i);
    }
    const Outcome& run(const Bytes& cdb, std::uint32_t length) {
        if (start(0, cdb, length) == Step::pending)
            wait(0);
        return outcome(0);
    }
};

Bytes transfer(unsigned char opcode, std::uint32_t block, std::uint16_t blocks) {
    Bytes cdb{opcode, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    store_be32(cdb, 2, block);
    store_be16(cdb, 7, blocks);
    return cdb;
}

Bytes pattern(std::size_t size, unsigned seed) {
    Bytes bytes(size);
    for (auto& byte : bytes)
        byte = static_cast<unsigned char>((seed = seed * 1103515245u + 12345u) >> 16);
    return bytes;
}

} // namespace

TEST_CASE("data written are the data read") {
    Live unit;
    const auto size = GENERATE(512u, 4096u, 520192u, 1048576u);
    const auto blocks = static_cast<std::uint16_t>(size / 512);
    const auto data = pattern(size, size);
    REQUIRE(unit.start_out(1, transfer(0x2a, 8, blocks), data) == Step::pending);
    CHECK(unit.wait(1).status == Status::good);
    CHECK(unit.outcome(1).consumed == size);
    REQUIRE(unit.start(2, transfer(0x28, 8, blocks), size) == Step::pending);
    CHECK(unit.wait(2).status == Status::good);
    CHECK((unit.data_in(2) == data));
}

TEST_CASE("sixteen at once") {
    Live unit;
    for (unsigned i = 0; i < 16; ++i)
        REQUIRE(unit.start_out(i, transfer(0x2a, 100 + i, 1), pattern(512, i)) == Step::pending);
    for (unsigned i = 0; i < 16; ++i)
        CHECK(unit.wait(i).status == Status::good);
    for (unsigned i = 0; i < 16; ++i)
        REQUIRE(unit.start(i, transfer(0x28, 100 + i, 1), 512) == Step::pending);
    for (unsigned i = 0; i < 16; ++i) {
        unit.wait(i);
        CHECK((unit.data_in(i) == pattern(512, i)));
    }
}

TEST_CASE("the kernel's limits are answered, not met with silence") {
    Live unit;
    const Knob delay("ndelay", "300000000");
    for (unsigned i = 0; i < 16; ++i)
        REQUIRE(unit.start(i, transfer(0x28, i, 1), 512) == Step::pending);
    REQUIRE(unit.start(16, transfer(0x28, 0, 1), 512) == Step::done);
    CHECK(unit.outcome(16).status == Status::task_set_full);
    for (unsigned i = 0; i < 16; ++i)
        CHECK(unit.wait(i).status == Status::good);
    // More than the adapter moves at once.
    REQUIRE(unit.start(16, transfer(0x28, 0, 65535), 65535 * 512) == Step::done);
    CHECK(unit.outcome(16).status == Status::check_condition);
    CHECK(unit.outcome(16).sense.key() == SenseKey::illegal_request);
}

TEST_CASE("the device's sense reaches the guest") {
    Live unit;
    CHECK(unit.run({0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0).sense.asc() == 0x20);
    CHECK(unit.run(transfer(0x28, 0x7fffffff, 1), 512).sense.asc() == 0x21);
    const Knob opts("opts", "2");
    const auto& medium_error = unit.run(transfer(0x28, 0x1234, 1), 512);
    CHECK(medium_error.status == Status::check_condition);
    CHECK(medium_error.sense.key() == SenseKey::medium_error);
    CHECK(medium_error.sense.asc() == 0x11);
    CHECK(load_be32(medium_error.sense.bytes(), 3) == 0x1234);
    CHECK(medium_error.data_in.empty());
}

TEST_CASE("a short transfer has its residual") {
    Live unit;
    // More room than INQUIRY data of the length asked for.
    const auto& inquiry = unit.run({0x12, 0, 0, 0, 36, 0}, 512);
    CHECK(inquiry.status == Status::good);
    CHECK(inquiry.data_in.size() == 36);
    const Knob opts("opts", "0x100");
    const Knob nth("every_nth", "1");
    const auto& half = unit.run(transfer(0x28, 0, 16), 16 * 512);
    CHECK(half.status == Status::good);
    CHECK(half.data_in.size() == 8 * 512);
}

TEST_CASE("a command that is never answered ends by its timeout") {
    Live unit;
    {
        const Swallow swallow;
        REQUIRE(unit.start(1, transfer(0x28, 0, 1), 512, 1) == Step::pending);
    }
    CHECK(unit.wait(1).host == HostCode::transport_disrupted); // as target.cpp says why
    CHECK(unit.outcome(1).data_in.empty());
    CHECK(unit.run(transfer(0x28, 0, 1), 512).host == HostCode::ok);
}

TEST_CASE("a reset ends sixteen hung commands, and another unit goes on") {
    Live unit;
    Live other(false, node("PVSCSI_SG_OTHER"));
    {
        const Swallow swallow;
        for (unsigned i = 0; i < 16; ++i)
            REQUIRE(unit.start(i, transfer(0x28, i, 1), 512, 8) == Step::pending);
    }
    const auto result = unit.reset();
    while (!result->has_value()) {
        CHECK(other.run(transfer(0x28, 0, 1), 512).status == Status::good);
        unit.settle();
    }
    CHECK(result->value());
    for (unsigned i = 0; i < 16; ++i) {
        CHECK(unit.ended(i));
        CHECK(unit.outcome(i).host == HostCode::reset);
    }
    // The device says that it was reset, then all 16 places are there again.
    const auto& attention = unit.run(test_unit_ready, 0);
    CHECK(attention.sense.key() == SenseKey::unit_attention);
    CHECK(attention.sense.asc() == 0x29);
    for (unsigned i = 0; i < 16; ++i)
        REQUIRE(unit.start(i, transfer(0x28, 100 + i, 1), 512) == Step::pending);
    for (unsigned i = 0; i < 16; ++i)
        unit.wait(i);
    // The kernel gives the old ones back when their time is over; nobody hears of it.
    const auto open_files = [] {
        const std::filesystem::directory_iterator fds("/proc/self/fd");
        return std::count_if(begin(fds), end(fds), [](const auto& entry) {
            std::error_code error;
            return std::filesystem::read_symlink(entry, error) == node();
        });
    };
    const auto before = open_files();
    const auto finished = unit.owner.ended.size();
    unit.settle_until([&] { return open_files() < before; }, 60s);
    CHECK(unit.owner.ended.size() == finished);
}

TEST_CASE("one node serves one unit") {
    const Live unit;
    CHECK_THROWS_WITH(open_sg_device(node(), {}), Catch::Contains("already in use by another"));
    CHECK_NOTHROW(open_sg_device(node("PVSCSI_SG_OTHER"), {}));
}

TEST_CASE("a read-only unit on a real device") {
    Live unit(true);
    REQUIRE(unit.start_out(1, transfer(0x2a, 0, 1), Bytes(512)) == Step::done);
    CHECK(unit.outcome(1).sense.key() == SenseKey::data_protect);
    CHECK(unit.run(transfer(0x28, 0, 1), 512).status == Status::good);
    const auto& mode = unit.run({0x1a, 0, 0x3f, 0, 192, 0}, 192);
    REQUIRE(mode.data_in.size() > 4);
    CHECK((unit.data_in(0)[2] & 0x80) != 0);
}

TEST_CASE("nodes of a disk lead to its sg node") {
    const std::string sg = node().substr(5);
    for (const auto& entry :
         std::filesystem::directory_iterator("/sys/class/scsi_generic/" + sg + "/device/block")) {
        CHECK(find_sg_node("/dev/" + entry.path().filename().string()) == node());
        std::filesystem::create_symlink("../dev/" + entry.path().filename().string(),
                                        "/tmp/link-to-disk");
        CHECK(find_sg_node("/tmp/link-to-disk") == node());
    }
    CHECK(find_sg_node(node()) == node());
    CHECK_FALSE(find_sg_node("/dev/loop0"));
}

// Last in the file: Catch runs in order of declaration, and the device is gone afterwards.
TEST_CASE("a device that is removed ends its commands") {
    Live unit;
    const std::string sg = node().substr(5);
    {
        const Swallow swallow;
        REQUIRE(unit.start(1, transfer(0x28, 0, 1), 512, 5) == Step::pending);
    }
    // The kernel's removal waits for the command; the guest does not.
    std::thread removal([&] {
        std::ofstream("/sys/class/scsi_generic/" + sg + "/device/delete") << "1" << std::flush;
    });
    const auto begin = std::chrono::steady_clock::now();
    CHECK(unit.wait(1, 60s).host == HostCode::no_connect);
    CHECK(std::chrono::steady_clock::now() - begin < 4s);
    removal.join();
    REQUIRE(unit.failures.size() == 1);
    CHECK(unit.failures[0] == node() + ": the device was removed");
    REQUIRE(unit.start(2, transfer(0x28, 0, 1), 512) == Step::done);
    CHECK(unit.outcome(2).host == HostCode::no_connect);
}
