// A program's view of pvscsi-run's nodes: this program is linked with the preload library, whose
// functions come before the C library's as they do under LD_PRELOAD. The server runs in a thread.
#include "frontend/run/preload/sg_abi.hpp"
#include "frontend/run/server.hpp"
#include "tests/support/fake_transport.hpp"

#include <catch2/catch.hpp>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace pvscsi;
using namespace std::chrono_literals;

namespace {

constexpr Hctl first_lun{0, 0, 0, 0};
constexpr Hctl second_lun{0, 0, 1, 5};
constexpr char first_node[] = "/dev/pvscsi/0:0:0:0";
constexpr char second_node[] = "/dev/pvscsi/0:0:1:5";

const std::string& socket_path() {
    static const std::string path = [] {
        std::string name = "/tmp/pvscsi-run-test-" + std::to_string(getpid());
        setenv(run::wire::socket_variable, name.c_str(), 1);
        return name;
    }();
    return path;
}

/// A server with one vhost of two LUNs, in a thread of its own.
class Bed {
  public:
    explicit Bed(std::chrono::milliseconds patience = 10s)
        : server_(loop_, socket_path(), patience), stop_(adopt_fd, eventfd(0, EFD_CLOEXEC)) {
        auto transport = std::make_unique<test::FakeTransport>(std::vector{first_lun, second_lun});
        device_ = transport.get();
        server_.add_vhost(std::move(transport));
        loop_.watch(stop_.get(), [this] { stopped_ = true; });
        thread_ = std::thread([this] {
            while (!stopped_)
                server_.run_once();
        });
    }
    ~Bed() {
        eventfd_write(stop_.get(), 1);
        thread_.join();
    }
    test::FakeTransport& device() { return *device_; }

  private:
    run::Loop loop_;
    run::Server server_;
    UniqueFd stop_;
    test::FakeTransport* device_ = nullptr;
    std::thread thread_;
    bool stopped_ = false;
};

struct Command {
    explicit Command(std::vector<unsigned char> bytes, int direction = SG_DXFER_NONE,
                     std::vector<unsigned char> contents = {})
        : cdb(std::move(bytes)), data(std::move(contents)) {
        cdb.resize(std::max<std::size_t>(cdb.size(), 10));
        header.interface_id = 'S';
        header.dxfer_direction = direction;
        header.cmdp = cdb.data();
        header.cmd_len = static_cast<unsigned char>(cdb.size());
        header.dxferp = data.data();
        header.dxfer_len = static_cast<unsigned>(data.size());
        header.sbp = sense;
        header.mx_sb_len = sizeof(sense);
        header.timeout = 20'000;
    }
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;

    std::vector<unsigned char> cdb;
    std::vector<unsigned char> data;
    unsigned char sense[32] = {};
    sg_io_hdr_t header{};
};

UniqueFd open_node(const char* name, int flags = O_RDWR) {
    UniqueFd fd(adopt_fd, open(name, flags));
    REQUIRE(fd);
    return fd;
}

bool readable(int fd, int timeout_ms) {
    pollfd state{fd, POLLIN, 0};
    return poll(&state, 1, timeout_ms) == 1 && (state.revents & POLLIN) != 0;
}

int submit(int fd, Command& command) {
    return write(fd, &command.header, sizeof(command.header)) == sizeof(command.header) ? 0 : errno;
}

} // namespace

TEST_CASE("a node looks like an sg device to every kind of stat") {
    const Bed bed;
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
    const Bed bed;
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

TEST_CASE("SG_IO moves data both ways and says how long it took") {
    const Bed bed;
    const UniqueFd fd = open_node(first_node);
    std::vector<unsigned char> pattern(4096);
    for (std::size_t i = 0; i < pattern.size(); ++i)
        pattern[i] = static_cast<unsigned char>(i * 7);
    Command write_it({0x2a, 0, 0, 0, 0, 3, 0, 0, 8}, SG_DXFER_TO_DEV, pattern);
    REQUIRE(ioctl(fd.get(), SG_IO, &write_it.header) == 0);
    CHECK((write_it.header.info & SG_INFO_OK_MASK) == SG_INFO_OK);
    Command read_it({0x28, 0, 0, 0, 0, 3, 0, 0, 8}, SG_DXFER_FROM_DEV,
                    std::vector<unsigned char>(4096));
    REQUIRE(ioctl(fd.get(), SG_IO, &read_it.header) == 0);
    CHECK(read_it.data == pattern);
    CHECK(read_it.header.resid == 0);
    CHECK(read_it.header.duration < 10'000);
}

TEST_CASE("scattered memory is gathered and filled in order") {
    const Bed bed;
    const UniqueFd fd = open_node(first_node);
    std::vector<unsigned char> a(1000, 'a');
    std::vector<unsigned char> b(24, 'b');
    sg_iovec_t pieces[] = {{a.data(), a.size()}, {b.data(), b.size()}};
    Command write_it({0x2a, 0, 0, 0, 0, 0, 0, 0, 2}, SG_DXFER_TO_DEV);
    write_it.header.dxferp = pieces;
    write_it.header.iovec_count = 2;
    write_it.header.dxfer_len = 1024;
    REQUIRE(ioctl(fd.get(), SG_IO, &write_it.header) == 0);
    Command read_it({0x28, 0, 0, 0, 0, 0, 0, 0, 2}, SG_DXFER_FROM_DEV,
                    std::vector<unsigned char>(1024));
    REQUIRE(ioctl(fd.get(), SG_IO, &read_it.header) == 0);
    CHECK(read_it.data[999] == 'a');
    CHECK(read_it.data[1000] == 'b');
    std::swap(pieces[0], pieces[1]);
    read_it.header.dxferp = pieces;
    read_it.header.iovec_count = 2;
    REQUIRE(ioctl(fd.get(), SG_IO, &read_it.header) == 0);
    CHECK(b == std::vector<unsigned char>(24, 'a'));
    CHECK(a[975] == 'a');
    CHECK(a[976] == 'b');
    write_it.header.dxfer_len = 1025; // more than the pieces have
    CHECK(ioctl(fd.get(), SG_IO, &write_it.header) == -1);
    CHECK(errno == EINVAL);
}

TEST_CASE("status, sense, host code and residual arrive as the sg driver gives them") {
    const Bed bed;
    const UniqueFd fd = open_node(first_node);
    SECTION("check condition") {
        Command command({test::op_status, 2}, SG_DXFER_FROM_DEV, std::vector<unsigned char>(8));
        REQUIRE(ioctl(fd.get(), SG_IO, &command.header) == 0);
        CHECK(command.header.status == 2);
        CHECK(command.header.masked_status == 1);
        CHECK(command.header.driver_status == 8);
        CHECK(command.header.host_status == 0);
        CHECK(command.header.sb_len_wr == 18);
        CHECK(command.sense[12] == 0x24);
        CHECK(command.header.resid == 8);
        CHECK((command.header.info & SG_INFO_OK_MASK) == SG_INFO_CHECK);
    }
    SECTION("sense is cut at what the program has room for") {
        Command command({test::op_status, 2});
        command.header.mx_sb_len = 4;
        REQUIRE(ioctl(fd.get(), SG_IO, &command.header) == 0);
        CHECK(command.header.sb_len_wr == 4);
        CHECK(command.sense[7] == 0);
    }
    SECTION("host code") {
        Command command({test::op_host_code, 14});
        REQUIRE(ioctl(fd.get(), SG_IO, &command.header) == 0);
        CHECK(command.header.host_status == 14);
        CHECK(command.header.status == 0);
        CHECK((command.header.info & SG_INFO_OK_MASK) == SG_INFO_CHECK);
    }
    SECTION("bytes that were not transferred are left as they were") {
        Command command({test::op_short, 100}, SG_DXFER_FROM_DEV,
                        std::vector<unsigned char>(512, 0xee));
        REQUIRE(ioctl(fd.get(), SG_IO, &command.header) == 0);
        CHECK(command.header.resid == 100);
        CHECK(command.data[411] == 0);
        CHECK(command.data[412] == 0xee);
    }
}

TEST_CASE("what the sg driver refuses is refused with its errno") {
    const Bed bed;
    const UniqueFd fd = open_node(first_node);
    Command command({0, 0, 0, 0, 0, 0});
    SECTION("interface") {
        command.header.interface_id = 'Q';
        CHECK(ioctl(fd.get(), SG_IO, &command.header) == -1);
        CHECK(errno == ENOSYS);
    }
    SECTION("short CDB") {
        command.header.cmd_len = 5;
        CHECK(ioctl(fd.get(), SG_IO, &command.header) == -1);
        CHECK(errno == EMSGSIZE);
    }
    SECTION("a CDB longer than the ring carries ends as on a host with max_cmd_len 16") {
        command.cdb.resize(32);
        command.header.cmdp = command.cdb.data();
        command.header.cmd_len = 32;
        REQUIRE(ioctl(fd.get(), SG_IO, &command.header) == 0);
        CHECK(command.header.host_status == 5);
    }
    SECTION("too much data") {
        std::vector<unsigned char> data(test::fake_max_transfer + 512);
        Command large({0x28}, SG_DXFER_FROM_DEV, data);
        CHECK(ioctl(fd.get(), SG_IO, &large.header) == -1);
        CHECK(errno == EINVAL);
    }
    SECTION("a command that the transport cannot carry") {
        command.cdb[0] = test::op_bad;
        CHECK(ioctl(fd.get(), SG_IO, &command.header) == -1);
        CHECK(errno == EINVAL);
    }
    SECTION("unknown ioctl") {
        CHECK(ioctl(fd.get(), 0x1234) == -1);
        CHECK(errno == EINVAL);
    }
    SECTION("no writing on a file that is open for reading") {
        const UniqueFd reader = open_node(first_node, O_RDONLY);
        CHECK(submit(reader.get(), command) == EBADF);
        CHECK((fcntl(reader.get(), F_GETFL) & O_ACCMODE) == O_RDONLY);
        CHECK(ioctl(reader.get(), SG_IO, &command.header) == 0);
    }
    SECTION("short read and write") {
        CHECK(write(fd.get(), &command.header, 8) == -1);
        CHECK(errno == EIO);
        CHECK(read(fd.get(), &command.header, 8) == -1);
        CHECK(errno == EINVAL);
    }
}

TEST_CASE("write and read: poll shows what waits, oldest first") {
    Bed bed;
    const UniqueFd fd = open_node(first_node, O_RDWR | O_NONBLOCK);
    CHECK_FALSE(readable(fd.get(), 0));
    sg_io_hdr_t result{};
    CHECK(read(fd.get(), &result, sizeof(result)) == -1);
    CHECK(errno == EAGAIN);

    Command one({test::op_hold});
    Command two({0, 0, 0, 0, 0, 0});
    one.header.pack_id = 1;
    two.header.pack_id = 2;
    two.header.usr_ptr = &two;
    REQUIRE(submit(fd.get(), one) == 0);
    REQUIRE(submit(fd.get(), two) == 0);
    REQUIRE(readable(fd.get(), 10'000));
    int number = 0;
    CHECK(ioctl(fd.get(), SG_GET_NUM_WAITING, &number) == 0);
    CHECK(number == 1);
    CHECK(ioctl(fd.get(), SG_GET_PACK_ID, &number) == 0);
    CHECK(number == 2);
    REQUIRE(read(fd.get(), &result, sizeof(result)) == sizeof(result));
    CHECK(result.pack_id == 2);
    CHECK(result.usr_ptr == &two);
    CHECK_FALSE(readable(fd.get(), 0));
    bed.device().release();
    REQUIRE(readable(fd.get(), 10'000));
    REQUIRE(read(fd.get(), &result, sizeof(result)) == sizeof(result));
    CHECK(result.pack_id == 1);
    CHECK(ioctl(fd.get(), SG_GET_PACK_ID, &number) == 0);
    CHECK(number == -1);
}

TEST_CASE("the seventeenth outstanding command is refused with EDOM") {
    Bed bed;
    const UniqueFd fd = open_node(first_node, O_RDWR | O_NONBLOCK);
    const UniqueFd other = open_node(first_node, O_RDWR | O_NONBLOCK);
    Command command({test::op_hold});
    for (int i = 0; i < 16; ++i) {
        command.header.pack_id = i;
        REQUIRE(submit(fd.get(), command) == 0);
    }
    CHECK(submit(fd.get(), command) == EDOM);
    CHECK(ioctl(fd.get(), SG_IO, &command.header) == -1);
    CHECK(errno == EDOM);
    bed.device().wait_until_held(16);
    sg_req_info_t table[SG_MAX_QUEUE];
    REQUIRE(ioctl(fd.get(), SG_GET_REQUEST_TABLE, table) == 0);
    CHECK(table[15].req_state == 1);
    // The limit is an open file's; another one's commands wait for a slot of the ring.
    Command quick({0, 0, 0, 0, 0, 0});
    REQUIRE(submit(other.get(), quick) == 0);
    bed.device().release();
    REQUIRE(readable(other.get(), 10'000));
    for (int i = 0; i < 16; ++i) {
        sg_io_hdr_t result{};
        REQUIRE(readable(fd.get(), 10'000));
        REQUIRE(read(fd.get(), &result, sizeof(result)) == sizeof(result));
    }
    CHECK_FALSE(readable(fd.get(), 0));
}

TEST_CASE("a response can be had by its pack_id") {
    Bed bed;
    const UniqueFd fd = open_node(first_node, O_RDWR | O_NONBLOCK);
    int on = 1;
    REQUIRE(ioctl(fd.get(), SG_SET_FORCE_PACK_ID, &on) == 0);
    Command command({test::op_hold});
    for (int id : {7, 8, 9}) {
        command.header.pack_id = id;
        REQUIRE(submit(fd.get(), command) == 0);
    }
    bed.device().wait_until_held(3);
    bed.device().release();
    int waiting = 0;
    while (waiting != 3)
        REQUIRE(ioctl(fd.get(), SG_GET_NUM_WAITING, &waiting) == 0);
    sg_io_hdr_t result{};
    result.interface_id = 'S';
    result.dxfer_direction = SG_DXFER_NONE;
    result.pack_id = 6;
    CHECK(read(fd.get(), &result, sizeof(result)) == -1);
    CHECK(errno == EAGAIN);
    result.pack_id = 9;
    REQUIRE(read(fd.get(), &result, sizeof(result)) == sizeof(result));
    CHECK(result.pack_id == 9);
    result.pack_id = -1;
    REQUIRE(read(fd.get(), &result, sizeof(result)) == sizeof(result));
    CHECK(result.pack_id == 7);
    // Without a negative direction the header is taken for an old one, whose id is elsewhere.
    result = {};
    result.pack_id = 8;
    CHECK(read(fd.get(), &result, sizeof(result)) == -1);
    CHECK(errno == EAGAIN);

    SECTION("a blocking read waits for that one") {
        REQUIRE(fcntl(fd.get(), F_SETFL, 0) == 0);
        command.header.pack_id = 20;
        REQUIRE(submit(fd.get(), command) == 0);
        bed.device().wait_until_held(1);
        std::thread releaser([&] { bed.device().release(); });
        result.dxfer_direction = SG_DXFER_NONE;
        result.pack_id = 20;
        CHECK(read(fd.get(), &result, sizeof(result)) == sizeof(result));
        CHECK(result.pack_id == 20);
        releaser.join();
    }
}

TEST_CASE("settings and constants are the sg driver's") {
    const Bed bed;
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
    CHECK(value == test::fake_max_transfer);
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
    Bed bed;
    UniqueFd fd = open_node(first_node, O_RDWR | O_NONBLOCK);
    const UniqueFd copy(adopt_fd, dup(fd.get()));
    const UniqueFd high(adopt_fd, fcntl(fd.get(), F_DUPFD_CLOEXEC, 500));
    REQUIRE(high.get() >= 500);
    Command command({test::op_hold});
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
    const Bed bed;
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
    Bed bed;
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
    const Bed bed;
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

TEST_CASE("the reserved buffer can be mapped, and carries data without a copy") {
    const Bed bed;
    const UniqueFd fd = open_node(first_node);
    int size = 65536;
    REQUIRE(ioctl(fd.get(), SG_SET_RESERVED_SIZE, &size) == 0);
    void* mapped = mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    REQUIRE(mapped != MAP_FAILED);
    std::memset(mapped, 'm', 65536);
    Command write_it({0x2a, 0, 0, 0, 0, 0, 0, 0, 128}, SG_DXFER_TO_DEV);
    write_it.header.flags = SG_FLAG_MMAP_IO;
    write_it.header.dxfer_len = 65536;
    REQUIRE(ioctl(fd.get(), SG_IO, &write_it.header) == 0);
    std::memset(mapped, 0, 65536);
    Command read_it({0x28, 0, 0, 0, 0, 0, 0, 0, 128}, SG_DXFER_FROM_DEV);
    read_it.header.flags = SG_FLAG_MMAP_IO;
    read_it.header.dxfer_len = 65536;
    REQUIRE(ioctl(fd.get(), SG_IO, &read_it.header) == 0);
    CHECK(static_cast<char*>(mapped)[65535] == 'm');
    read_it.header.dxfer_len = 65537;
    CHECK(ioctl(fd.get(), SG_IO, &read_it.header) == -1);
    CHECK(errno == ENOMEM);
    CHECK(mmap(nullptr, 131072, PROT_READ, MAP_SHARED, fd.get(), 0) == MAP_FAILED);
    CHECK(errno == ENOMEM);
    munmap(mapped, 65536);
}

TEST_CASE("commands outlive the file that they were started on") {
    Bed bed;
    {
        const UniqueFd fd = open_node(first_node);
        std::vector<unsigned char> data(512, 'z');
        Command held({test::op_hold}, SG_DXFER_TO_DEV, data);
        REQUIRE(submit(fd.get(), held) == 0);
        bed.device().wait_until_held(1);
    }
    const UniqueFd fd = open_node(first_node);
    Command command({0, 0, 0, 0, 0, 0});
    CHECK(ioctl(fd.get(), SG_IO, &command.header) == 0);
    bed.device().release();
    CHECK(ioctl(fd.get(), SG_IO, &command.header) == 0);
}

TEST_CASE("a removed LUN ends in ENODEV, and one that is added appears") {
    Bed bed;
    const UniqueFd fd = open_node(first_node, O_RDWR | O_NONBLOCK);
    const UniqueFd other = open_node(second_node);
    Command command({test::op_hold});
    REQUIRE(submit(fd.get(), command) == 0);
    bed.device().wait_until_held(1);
    bed.device().remove_lun(first_lun);
    // The command in flight still ends, and can be read.
    bed.device().release();
    pollfd hangup{fd.get(), 0, 0};
    REQUIRE(poll(&hangup, 1, 10'000) == 1);
    CHECK((hangup.revents & POLLHUP) != 0);
    sg_io_hdr_t result{};
    CHECK(read(fd.get(), &result, sizeof(result)) == sizeof(result));
    CHECK(read(fd.get(), &result, sizeof(result)) == -1);
    CHECK(errno == ENODEV);
    CHECK(submit(fd.get(), command) == ENODEV);
    CHECK(ioctl(fd.get(), SG_IO, &command.header) == -1);
    CHECK(errno == ENODEV);
    CHECK(open(first_node, O_RDWR) == -1);
    CHECK(errno == ENOENT);
    Command quick({0, 0, 0, 0, 0, 0});
    CHECK(ioctl(other.get(), SG_IO, &quick.header) == 0);
    bed.device().add_lun(first_lun);
    while (access(first_node, F_OK) != 0)
        std::this_thread::yield();
    const UniqueFd again = open_node(first_node);
    CHECK(ioctl(again.get(), SG_IO, &quick.header) == 0);
}

TEST_CASE("without a backend commands wait, and go on when it is back") {
    Bed bed;
    const UniqueFd fd = open_node(first_node, O_RDWR | O_NONBLOCK);
    bed.device().set_connected(false);
    Command command({0, 0, 0, 0, 0, 0});
    REQUIRE(submit(fd.get(), command) == 0);
    CHECK_FALSE(readable(fd.get(), 100));
    bed.device().set_connected(true);
    REQUIRE(readable(fd.get(), 10'000));
    sg_io_hdr_t result{};
    REQUIRE(read(fd.get(), &result, sizeof(result)) == sizeof(result));
    CHECK(result.host_status == 0);
}

TEST_CASE("without a backend for too long commands end with NO_CONNECT") {
    Bed bed(50ms);
    const UniqueFd fd = open_node(first_node);
    bed.device().set_connected(false);
    Command command({0, 0, 0, 0, 0, 0}, SG_DXFER_FROM_DEV, std::vector<unsigned char>(36));
    REQUIRE(ioctl(fd.get(), SG_IO, &command.header) == 0);
    CHECK(command.header.host_status == 1);
    CHECK(command.header.resid == 36);
    int what = SG_SCSI_RESET_DEVICE;
    CHECK(ioctl(fd.get(), SG_SCSI_RESET, &what) == -1);
    CHECK(errno == EIO);
}

TEST_CASE("a reset overtakes commands that hang") {
    Bed bed;
    const UniqueFd fd = open_node(first_node, O_RDWR | O_NONBLOCK);
    const UniqueFd other = open_node(first_node);
    Command command({test::op_hold});
    for (int i = 0; i < 16; ++i)
        REQUIRE(submit(fd.get(), command) == 0);
    bed.device().wait_until_held(16);
    int what = SG_SCSI_RESET_DEVICE;
    CHECK(ioctl(other.get(), SG_SCSI_RESET, &what) == 0);
    CHECK(bed.device().resets() == 1);
    CHECK(readable(fd.get(), 10'000));
    what = SG_SCSI_RESET_BUS;
    CHECK(ioctl(other.get(), SG_SCSI_RESET, &what) == -1);
    CHECK(errno == EIO);
}

TEST_CASE("many threads may use one file") {
    const Bed bed;
    const UniqueFd fd = open_node(first_node);
    std::vector<std::thread> threads;
    std::atomic<int> failures{0};
    for (unsigned char t = 0; t < 8; ++t)
        threads.emplace_back([&, t] {
            for (int round = 0; round < 200; ++round) {
                const std::vector<unsigned char> pattern(512,
                                                         static_cast<unsigned char>(t + round));
                Command write_it({0x2a, 0, 0, 0, 0, t, 0, 0, 1}, SG_DXFER_TO_DEV, pattern);
                Command read_it({0x28, 0, 0, 0, 0, t, 0, 0, 1}, SG_DXFER_FROM_DEV,
                                std::vector<unsigned char>(512));
                if (ioctl(fd.get(), SG_IO, &write_it.header) != 0 ||
                    ioctl(fd.get(), SG_IO, &read_it.header) != 0 || read_it.data != pattern)
                    ++failures;
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    CHECK(failures == 0);
}

TEST_CASE("a server that dies leaves ENODEV behind, not a hang") {
    auto bed = std::make_unique<Bed>();
    const UniqueFd fd = open_node(first_node);
    Command command({test::op_hold});
    std::thread dying([&] {
        bed->device().wait_until_held(1);
        bed.reset();
    });
    const int result = ioctl(fd.get(), SG_IO, &command.header);
    const int error = errno;
    dying.join();
    CHECK(result == -1);
    CHECK(error == ENODEV);
    CHECK(open(first_node, O_RDWR) == -1);
    CHECK(errno == ENXIO);
}

namespace {

/// A client that speaks to the server by itself.
UniqueFd raw_client() {
    UniqueFd fd(adopt_fd, socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, socket_path().c_str());
    REQUIRE(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    return fd;
}

bool is_ended(int fd) {
    char byte = 0;
    ssize_t size = 0;
    while ((size = recv(fd, &byte, 1, 0)) > 0) {
    }
    return size == 0 || errno == ECONNRESET;
}

} // namespace

TEST_CASE("a client that breaks the protocol loses its connection, others do not") {
    const Bed bed;
    const UniqueFd good = open_node(first_node);
    using namespace run::wire;
    SECTION("rubbish") {
        const UniqueFd client = raw_client();
        REQUIRE(send(client.get(), "rubbish", 7, 0) == 7);
        CHECK(is_ended(client.get()));
    }
    SECTION("an empty message") {
        const UniqueFd client = raw_client();
        REQUIRE(send(client.get(), "", 0, 0) == 0);
        CHECK(is_ended(client.get()));
    }
    SECTION("another version") {
        const UniqueFd client = raw_client();
        const Hello hello{magic, version + 1, Op::open, 0, 0, 0, 0, 0};
        REQUIRE(send(client.get(), &hello, sizeof(hello), 0) == sizeof(hello));
        Answer answer{};
        REQUIRE(recv(client.get(), &answer, sizeof(answer), 0) == sizeof(answer));
        CHECK(answer.error == EPROTO);
        CHECK(is_ended(client.get()));
    }
    SECTION("an unknown operation") {
        const UniqueFd client = raw_client();
        const Hello hello{magic, version, static_cast<Op>(9), 0, 0, 0, 0, 0};
        REQUIRE(send(client.get(), &hello, sizeof(hello), 0) == sizeof(hello));
        CHECK(is_ended(client.get()));
    }
    SECTION("a submit before anything is open") {
        const UniqueFd client = raw_client();
        const Submit submit{0};
        REQUIRE(send(client.get(), &submit, sizeof(submit), 0) == sizeof(submit));
        CHECK(is_ended(client.get()));
    }
    SECTION("slots that do not exist, a request of zeros, one slot twice") {
        const UniqueFd client = raw_client();
        const Hello hello{magic, version, Op::open, 0, 0, 0, 0, 0};
        REQUIRE(send(client.get(), &hello, sizeof(hello), 0) == sizeof(hello));
        Answer answer{};
        REQUIRE(recv(client.get(), &answer, sizeof(answer), 0) == sizeof(answer));
        REQUIRE(answer.error == 0);
        for (const std::uint32_t slot : {16u, 0xffffffffu, 0u, 0u}) {
            const Submit submit{slot};
            REQUIRE(send(client.get(), &submit, sizeof(submit), 0) == sizeof(submit));
        }
    }
    Command command({0, 0, 0, 0, 0, 0});
    CHECK(ioctl(good.get(), SG_IO, &command.header) == 0);
}

TEST_CASE("whoever joins gets the list of nodes") {
    const Bed bed;
    using namespace run::wire;
    const UniqueFd client = raw_client();
    const Hello hello{magic, version, Op::join, 0, 0, 0, 0, 0};
    REQUIRE(send(client.get(), &hello, sizeof(hello), 0) == sizeof(hello));
    Answer answer{};
    REQUIRE(recv(client.get(), &answer, sizeof(answer), 0) == sizeof(answer));
    std::string names;
    char text[64];
    for (ssize_t size = 0; names.empty() || names.back() != '\n';
         names.append(text, static_cast<std::size_t>(size)))
        REQUIRE((size = recv(client.get(), text, sizeof(text), 0)) > 0);
    CHECK(names == std::string(first_node) + second_node + "\n");
}
