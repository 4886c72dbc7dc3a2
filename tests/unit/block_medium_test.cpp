// Disks on real files: what the backing does wrong, and who else has it.
#include "backend/backing_lock.hpp"
#include "backend/target.hpp"
#include "backend/targets/medium_block.hpp"
#include "common/base/bytes.hpp"
#include "tests/support/target_host.hpp"
#include "tests/support/temp_file.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace pvscsi;
using namespace pvscsi::backend;
using Catch::Matchers::Contains;
using scsi::SenseKey;
using test::Answer;
using test::Bytes;
using test::TargetHost;
using test::TempFile;

namespace {

constexpr std::uint64_t mib = 1 << 20;

std::unique_ptr<Target> open(const std::string& path, bool read_only = false) {
    return make_target({"file:" + path, read_only, "", "serial"});
}

std::string refusal(const std::string& path, bool read_only = false) {
    try {
        (void)open(path, read_only);
    } catch (const std::exception& error) {
        return error.what();
    }
    return "opened";
}

Bytes read_10(std::uint32_t lba, std::uint16_t blocks) {
    Bytes cdb{0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    store_be32(cdb, 2, lba);
    store_be16(cdb, 7, blocks);
    return cdb;
}
Bytes write_10(std::uint32_t lba, std::uint16_t blocks) {
    Bytes cdb = read_10(lba, blocks);
    cdb[0] = 0x2a;
    return cdb;
}

/// A file system of its own with little room, in a mount namespace that goes with the process.
class SmallFilesystem {
  public:
    explicit SmallFilesystem(const char* size) {
        char name[] = "/tmp/pvscsi-small-XXXXXX";
        path_ = ::mkdtemp(name);
        mounted_ =
            ::unshare(CLONE_NEWNS) == 0 &&
            ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
            ::mount("tmpfs", path_.c_str(), "tmpfs", 0, (std::string("size=") + size).c_str()) == 0;
    }
    ~SmallFilesystem() {
        if (mounted_)
            ::umount2(path_.c_str(), MNT_DETACH);
        ::rmdir(path_.c_str());
    }
    [[nodiscard]] bool mounted() const { return mounted_; }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
    bool mounted_ = false;
};

} // namespace

TEST_CASE("data get to the file and come from it, past the page cache where that can be") {
    TempFile file(4 * mib);
    BlockMedium medium(file.path(), {});
    INFO("direct I/O: " << medium.direct());
    CHECK(medium.limits().bytes == 4 * mib);
    CHECK(medium.limits().block_size == 512);
    CHECK(medium.limits().discard);
}

TEST_CASE("a write is in the file when it has ended, a read finds what is there") {
    TempFile file(4 * mib);
    TargetHost host(open(file.path()));
    const Bytes data(64 * 512, 0x5a);
    REQUIRE(host.out(write_10(8, 64), data).good());
    REQUIRE(host.none({0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0}).good());
    Bytes found(64 * 512);
    const int fd = ::open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
    CHECK(::pread(fd, found.data(), found.size(), 8 * 512) == static_cast<ssize_t>(found.size()));
    ::close(fd);
    CHECK(found == data);
}

TEST_CASE("UNMAP gives room back to the file system") {
    TempFile file(4 * mib);
    TargetHost host(open(file.path()));
    REQUIRE(host.out(write_10(0, 1024), Bytes(1024 * 512, 1)).good());
    struct ::stat before {};
    REQUIRE(::stat(file.path().c_str(), &before) == 0);
    const Bytes all_of_it{0, 22, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0};
    REQUIRE(host.out({0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0}, all_of_it).good());
    struct ::stat after {};
    REQUIRE(::stat(file.path().c_str(), &after) == 0);
    CHECK(after.st_blocks <= before.st_blocks - 1024);
    CHECK(host.in(read_10(0, 1024), 1024 * 512).data == Bytes(1024 * 512, 0));
}

namespace {

/// A disk on a file that is about to go wrong, and what an administrator is told of it.
struct Troubled {
    explicit Troubled(std::uint64_t size = 4 * mib) : file(size), host(open(file.path())) {
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
    TargetHost host(open(file.path()));
    file.resize(2 * mib + 100); // and a piece that is no block
    CHECK(host.none(Bytes(6)).is(SenseKey::unit_attention, 0x2a, 0x09));
    CHECK(load_be32(host.in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8).data, 0) == 2 * mib / 512 - 1);
    CHECK(host.out(write_10(4095, 1), Bytes(512, 1)).good());
    CHECK(host.out(write_10(4096, 1), Bytes(512, 1)).is(SenseKey::illegal_request, 0x21, 0));
}

TEST_CASE("a full file system refuses the write and keeps what there is") {
    SmallFilesystem small("256k");
    if (!small.mounted()) {
        WARN("skipped: no right to mount a tmpfs");
        return;
    }
    TempFile file(4 * mib, small.path());
    TargetHost host(open(file.path()));
    REQUIRE(host.out(write_10(0, 128), Bytes(128 * 512, 1)).good());
    CHECK(host.out(write_10(1000, 1024), Bytes(1024 * 512, 2)).is(SenseKey::data_protect, 0x27, 7));
    CHECK(host.in(read_10(0, 128), 128 * 512).data == Bytes(128 * 512, 1));
}

TEST_CASE("a backing belongs to one writer or to any number of readers") {
    TempFile file(mib);
    {
        const auto writer = open(file.path());
        CHECK_THAT(refusal(file.path()), Contains(file.path()) && Contains("in use"));
        CHECK_THAT(refusal(file.path(), true), Contains("in use"));
    }
    const auto reader = open(file.path(), true);
    const auto another = open(file.path(), true);
    CHECK_THAT(refusal(file.path()), Contains("in use"));
}

TEST_CASE("what cannot be a backing is refused with its name and the reason") {
    CHECK_THAT(refusal("/nonexistent/disk.img"),
               Contains("/nonexistent/disk.img") && Contains("No such file"));
    CHECK_THAT(refusal("/tmp"), Contains("/tmp is neither a file nor a block device"));
    CHECK_THAT(refusal("/dev/null"), Contains("neither"));
    TempFile small(511);
    CHECK_THAT(refusal(small.path()), Contains("too small") && Contains("511"));
    const auto wrong = [](const char* pdev) {
        try {
            (void)make_target({pdev, false, "", ""});
        } catch (const std::exception& error) {
            return std::string(error.what());
        }
        return std::string("opened");
    };
    for (const char* pdev : {"", "ram:", "ram:0", "ram:1000", "ram:64Q", "disk:/a", "file:a"})
        CHECK_THAT(wrong(pdev), Contains("\"" + std::string(pdev) + "\""));
}

TEST_CASE("sizes that only nearly fit") {
    TempFile file(mib + 700); // the last piece is no block
    TargetHost host(open(file.path()));
    CHECK(load_be32(host.in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8).data, 0) == mib / 512);
    CHECK(host.out(write_10(2048, 1), Bytes(512, 1)).good());
}

TEST_CASE("many requests in flight all end with their own data") {
    TempFile file(8 * mib);
    TargetHost host(open(file.path()));
    for (unsigned i = 0; i < 16; ++i)
        REQUIRE(host.out(write_10(i * 256, 256), Bytes(256 * 512, static_cast<std::uint8_t>(i + 1)))
                    .good());
    std::vector<TargetHost::Flight*> flights;
    for (unsigned i = 0; i < 16; ++i)
        flights.push_back(&host.send(read_10(i * 256, 256), {}, 256 * 512));
    for (unsigned i = 0; i < 16; ++i) {
        REQUIRE(host.wait(*flights[i]));
        CHECK(flights[i]->endings() == 1);
        CHECK(flights[i]->answer().data == Bytes(256 * 512, static_cast<std::uint8_t>(i + 1)));
    }
}

namespace {

LunConfig shared_disk(const std::string& path, const std::string& serial, bool read_only = false) {
    LunConfig config{"file:" + path, read_only, "", serial};
    config.exclusive = false;
    return config;
}

std::string refusal(const LunConfig& config) {
    try {
        (void)make_target(config);
    } catch (const std::system_error& error) {
        return error.code() == std::errc::device_or_resource_busy ? "busy" : error.what();
    }
    return "opened";
}

} // namespace

TEST_CASE("units that all say so share a file, and nobody else has it meanwhile") {
    TempFile file(mib);
    enum Entry { alone, reader, a, b, shared_reader };
    const std::array entries{LunConfig{"file:" + file.path(), false, "", "x"},
                             LunConfig{"file:" + file.path(), true, "", "y"},
                             shared_disk(file.path(), "a"), shared_disk(file.path(), "b"),
                             shared_disk(file.path(), "c", true)};
    struct Row {
        Entry first, second;
        const char* outcome;
    };
    const auto row = GENERATE(
        Row{alone, a, "busy"}, Row{reader, a, "busy"}, Row{a, b, "opened"}, Row{a, a, "busy"},
        Row{a, shared_reader, "opened"}, Row{shared_reader, shared_reader, "opened"},
        Row{reader, shared_reader, "opened"}, Row{alone, shared_reader, "busy"});
    CAPTURE(row.first, row.second);
    {
        const auto first = make_target(entries.at(row.first));
        CHECK(refusal(entries.at(row.second)) == row.outcome);
    }
    const auto second = make_target(entries.at(row.second));
    CHECK(refusal(entries.at(row.first)) == row.outcome);
}

TEST_CASE("a unit waits for its own predecessor's I/O and for no other guest's") {
    TempFile file(mib);
    // As the kernel holds it for I/O of a daemon that is dead.
    const UniqueFd dead(adopt_fd, ::open(file.path().c_str(), O_RDWR | O_CLOEXEC));
    lock_backing(dead.get(), file.path(), sharing_of(shared_disk(file.path(), "a")));
    CHECK(refusal(shared_disk(file.path(), "a")) == "busy");
    CHECK(refusal(shared_disk(file.path(), "b")) == "opened");
}

TEST_CASE("another program's lock keeps units out that share, and theirs keep it out") {
    TempFile file(mib);
    const UniqueFd other(adopt_fd, ::open(file.path().c_str(), O_RDWR | O_CLOEXEC));
    struct ::flock all {};
    all.l_type = F_WRLCK;
    {
        const auto shared = make_target(shared_disk(file.path(), "a"));
        CHECK(::fcntl(other.get(), F_OFD_SETLK, &all) != 0);
    }
    REQUIRE(::fcntl(other.get(), F_OFD_SETLK, &all) == 0);
    CHECK(refusal(shared_disk(file.path(), "a")) == "busy");
    CHECK(refusal(shared_disk(file.path(), "a", true)) == "busy");
}

TEST_CASE("a node that is no file is shared in the same way") {
    const UniqueFd a(adopt_fd, ::open("/dev/null", O_RDWR | O_CLOEXEC));
    const UniqueFd b(adopt_fd, ::open("/dev/null", O_RDWR | O_CLOEXEC));
    const UniqueFd c(adopt_fd, ::open("/dev/null", O_RDWR | O_CLOEXEC));
    lock_backing(a.get(), "a", {false, 1});
    lock_backing(b.get(), "b", {false, 2});
    CHECK_THROWS_AS(lock_backing(c.get(), "c", {false, {}}), std::system_error);
    CHECK_THROWS_AS(lock_backing(c.get(), "c", {true, {}}), std::system_error);
}

TEST_CASE("what one unit has written the others read when the command has ended") {
    TempFile file(4 * mib);
    TargetHost one(make_target(shared_disk(file.path(), "a")));
    TargetHost other(make_target(shared_disk(file.path(), "b")));
    LunConfig disc{"iso:" + file.path(), true, "", "c"};
    disc.exclusive = false;
    TargetHost cached(make_target(disc)); // through the page cache
    for (std::uint8_t round = 1; round < 20; ++round) {
        const Bytes data(64 * 512, round);
        REQUIRE(one.out(write_10(8, 64), data).good());
        CHECK(other.in(read_10(8, 64), 64 * 512).data == data);
        const Answer answer = cached.in(read_10(2, 16), 16 * 2048);
        if (answer.good()) // else a unit attention, once
            CHECK(answer.data == data);
        const Bytes back(512, static_cast<std::uint8_t>(0x80 | round));
        REQUIRE(other.out(write_10(8, 1), back).good());
        CHECK(one.in(read_10(8, 1), 512).data == back);
    }
}

TEST_CASE("a disk that is shared does not promise what only one who has it alone can keep") {
    TempFile file(mib);
    TargetHost alone(open(file.path()));
    const auto unsupported = [](TargetHost& host, const Bytes& cdb) {
        return host.none(cdb).is(SenseKey::illegal_request, 0x20, 0x00);
    };
    const Bytes reserve{0x16, 0, 0, 0, 0, 0}, release{0x17, 0, 0, 0, 0, 0};
    Bytes compare_and_write(16), or_write(16);
    compare_and_write[0] = 0x89, or_write[0] = 0x8b;
    const auto compare_limit = [](TargetHost& host) {
        return host.in({0x12, 1, 0xb0, 0, 64, 0}, 64).data.at(5);
    };
    for (const Bytes& cdb : {reserve, release, compare_and_write, or_write})
        CHECK_FALSE(unsupported(alone, cdb));
    CHECK(compare_limit(alone) != 0);
    TempFile another(mib);
    TargetHost shared(make_target(shared_disk(another.path(), "a")));
    for (const Bytes& cdb : {reserve, release, compare_and_write, or_write})
        CHECK(unsupported(shared, cdb));
    CHECK(compare_limit(shared) == 0);
}
