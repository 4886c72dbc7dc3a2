// What a program sees of a node besides its commands: names, stat, settings, copies of descriptors.
#include "tests/support/run_bed.hpp"

#include <catch2/catch.hpp>

#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace pvscsi;
using namespace pvscsi::test;

TEST_CASE("a node looks like an sg device to every kind of stat") {
    const RunBed bed;
    struct stat status {};
    REQUIRE(stat(first_node, &status) == 0);
    CHECK(S_ISCHR(status.st_mode));
    CHECK(major(status.st_rdev) == 21);
    REQUIRE(lstat(second_node, &status) == 0);
    const auto second = status.st_rdev;
    CHECK(minor(second) != 0);
    const UniqueFd fd = open_node(second_node);
    REQUIRE(fstat(fd.get(), &status) == 0);
    CHECK(status.st_rdev == second);
    REQUIRE(fstatat(AT_FDCWD, second_node, &status, 0) == 0);
    CHECK(status.st_rdev == second);
    REQUIRE(fstatat(fd.get(), "", &status, AT_EMPTY_PATH) == 0);
    CHECK(status.st_rdev == second);
    struct statx extended {};
    REQUIRE(statx(AT_FDCWD, second_node, 0, STATX_BASIC_STATS, &extended) == 0);
    CHECK(extended.stx_rdev_major == 21);
    CHECK(extended.stx_rdev_minor == minor(second));
    REQUIRE(stat("/dev/pvscsi", &status) == 0);
    CHECK(S_ISDIR(status.st_mode));
}

TEST_CASE("names that are no nodes are not there") {
    const RunBed bed;
    struct stat status {};
    for (const char* name : {"/dev/pvscsi/0:0:9:0", "/dev/pvscsi/0:0:0", "/dev/pvscsi/a",
                             "/dev/pvscsi/0:0:0:0:0", "/dev/pvscsi/0:0:0:65536"}) {
        CAPTURE(name);
        CHECK(open(name, O_RDWR) == -1);
        CHECK(errno == ENOENT);
        CHECK(stat(name, &status) == -1);
        CHECK(errno == ENOENT);
        CHECK(access(name, F_OK) == -1);
    }
    CHECK(access(first_node, R_OK | W_OK) == 0);
    CHECK(open("/dev/pvscsix", O_RDONLY) == -1);
    CHECK(stat("/dev/null", &status) == 0);
    char resolved[PATH_MAX];
    CHECK(realpath(first_node, resolved) == resolved);
    CHECK(std::string(resolved) == first_node);
    CHECK(readlink(first_node, resolved, sizeof(resolved)) == -1);
    CHECK(errno == EINVAL);
}

TEST_CASE("settings and constants are the sg driver's") {
    const RunBed bed;
    const UniqueFd fd = open_node(second_node);
    int value = 0;
    REQUIRE(ioctl(fd.get(), SG_GET_VERSION_NUM, &value) == 0);
    CHECK(value == 30536);
    CHECK(ioctl(fd.get(), SG_GET_TIMEOUT) == 6000);
    value = 100;
    CHECK(ioctl(fd.get(), SG_SET_TIMEOUT, &value) == 0);
    CHECK(ioctl(fd.get(), SG_GET_TIMEOUT) == 100);
    REQUIRE(ioctl(fd.get(), SG_GET_RESERVED_SIZE, &value) == 0);
    CHECK(value == 32768);
    value = INT_MAX;
    REQUIRE(ioctl(fd.get(), SG_SET_RESERVED_SIZE, &value) == 0);
    REQUIRE(ioctl(fd.get(), SG_GET_RESERVED_SIZE, &value) == 0);
    CHECK(value == fake_max_transfer);
    value = -1;
    CHECK(ioctl(fd.get(), SG_SET_RESERVED_SIZE, &value) == -1);
    CHECK(errno == EINVAL);
    REQUIRE(ioctl(fd.get(), SG_GET_COMMAND_Q, &value) == 0);
    CHECK(value == 0);
    REQUIRE(ioctl(fd.get(), SG_EMULATED_HOST, &value) == 0);
    CHECK(value == 0);
    sg_scsi_id id{};
    REQUIRE(ioctl(fd.get(), SG_GET_SCSI_ID, &id) == 0);
    CHECK(id.host_no == 0);
    CHECK(id.scsi_id == 1);
    CHECK(id.lun == 5);
    CHECK(id.scsi_type == 1);
    unsigned idlun[2] = {};
    REQUIRE(ioctl(fd.get(), SCSI_IOCTL_GET_IDLUN, idlun) == 0);
    CHECK(idlun[0] == 0x00000501);
    REQUIRE(ioctl(fd.get(), SCSI_IOCTL_GET_BUS_NUMBER, &value) == 0);
    CHECK(value == 0);
    CHECK(ioctl(fd.get(), SG_GET_VERSION_NUM, nullptr) == -1);
    CHECK(errno == EFAULT);
}

TEST_CASE("a copy of a descriptor is the same open file") {
    RunBed bed;
    UniqueFd fd = open_node(first_node, O_RDWR | O_NONBLOCK);
    const UniqueFd copy(adopt_fd, dup(fd.get()));
    const UniqueFd high(adopt_fd, fcntl(fd.get(), F_DUPFD_CLOEXEC, 500));
    REQUIRE(high.get() >= 500);
    Command command({op_hold});
    REQUIRE(submit(fd.get(), command) == 0);
    bed.device().wait_until_held(1);
    fd.reset();
    bed.device().release();
    sg_io_hdr_t result{};
    REQUIRE(readable(copy.get(), 10'000));
    REQUIRE(read(high.get(), &result, sizeof(result)) == sizeof(result));
    // What takes the place of a node is not one.
    REQUIRE(dup2(STDERR_FILENO, copy.get()) == copy.get());
    int value = 0;
    CHECK(ioctl(copy.get(), SG_GET_VERSION_NUM, &value) == -1);
}

TEST_CASE("a descriptor closed behind the library's back is not taken for a node") {
    const RunBed bed;
    UniqueFd fd = open_node(first_node);
    const int number = fd.get();
    struct stat status {};
    const UniqueFd null(adopt_fd, open("/dev/null", O_RDWR));
    REQUIRE(syscall(SYS_dup3, null.get(), number, 0) == number);
    REQUIRE(fstat(number, &status) == 0);
    CHECK(major(status.st_rdev) == 1);
    CHECK(write(number, "x", 1) == 1);
}

TEST_CASE("a child process shares the open file") {
    RunBed bed;
    const UniqueFd fd = open_node(first_node, O_RDWR | O_NONBLOCK);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        Command command({0, 0, 0, 0, 0, 0});
        command.header.pack_id = 77;
        const bool ran = ioctl(fd.get(), SG_IO, &command.header) == 0;
        _exit(ran && submit(fd.get(), command) == 0 ? 0 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    sg_io_hdr_t result{};
    REQUIRE(readable(fd.get(), 10'000));
    REQUIRE(read(fd.get(), &result, sizeof(result)) == sizeof(result));
    CHECK(result.pack_id == 77);
}

TEST_CASE("O_EXCL keeps others out") {
    const RunBed bed;
    CHECK(open(first_node, O_RDONLY | O_EXCL) == -1);
    CHECK(errno == EPERM);
    {
        const UniqueFd fd = open_node(first_node, O_RDWR | O_EXCL);
        CHECK(open(first_node, O_RDWR) == -1);
        CHECK(errno == EBUSY);
        const UniqueFd other = open_node(second_node);
    }
    const UniqueFd fd = open_node(first_node);
    CHECK(open(first_node, O_RDWR | O_EXCL) == -1);
    CHECK(errno == EBUSY);
}
