// Disks on real files: their data, and what can't be one.
#include "backend/targets/medium_block.hpp"
#include "tests/support/file_disk.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <vector>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using Catch::Matchers::Contains;
using scsi::SenseKey;

namespace {

std::string refusal(const std::string& path, bool read_only = false) {
    try {
        (void)open_file(path, read_only);
    } catch (const std::exception& error) {
        return error.what();
    }
    return "opened";
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
    TargetHost host(open_file(file.path()));
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
    TargetHost host(open_file(file.path()));
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

TEST_CASE("a full file system refuses the write and keeps what there is") {
    SmallFilesystem small("256k");
    if (!small.mounted()) {
        WARN("skipped: no right to mount a tmpfs");
        return;
    }
    TempFile file(4 * mib, small.path());
    TargetHost host(open_file(file.path()));
    REQUIRE(host.out(write_10(0, 128), Bytes(128 * 512, 1)).good());
    CHECK(host.out(write_10(1000, 1024), Bytes(1024 * 512, 2)).is(SenseKey::data_protect, 0x27, 7));
    CHECK(host.in(read_10(0, 128), 128 * 512).data == Bytes(128 * 512, 1));
}

TEST_CASE("a backing belongs to one writer or to any number of readers") {
    TempFile file(mib);
    {
        const auto writer = open_file(file.path());
        CHECK_THAT(refusal(file.path()), Contains(file.path()) && Contains("in use"));
        CHECK_THAT(refusal(file.path(), true), Contains("in use"));
    }
    const auto reader = open_file(file.path(), true);
    const auto another = open_file(file.path(), true);
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
    TargetHost host(open_file(file.path()));
    CHECK(load_be32(host.in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8).data, 0) == mib / 512);
    CHECK(host.out(write_10(2048, 1), Bytes(512, 1)).good());
}

TEST_CASE("many requests in flight all end with their own data") {
    TempFile file(8 * mib);
    TargetHost host(open_file(file.path()));
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
