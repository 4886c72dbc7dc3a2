// What becomes of a program's commands when something goes: the file, the LUN, the backend, the
// server; and what the server does with clients that are no library of ours.
#include "tests/support/run_bed.hpp"

#include <catch2/catch.hpp>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

using namespace pvscsi;
using namespace pvscsi::test;

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

TEST_CASE("commands outlive the file that they were started on") {
    RunBed bed;
    {
        const UniqueFd fd = open_node(first_node);
        std::vector<unsigned char> data(512, 'z');
        Command held({op_hold}, SG_DXFER_TO_DEV, data);
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
    RunBed bed;
    const UniqueFd fd = open_node(first_node, O_RDWR | O_NONBLOCK);
    const UniqueFd other = open_node(second_node);
    Command command({op_hold});
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

TEST_CASE("a vhost gets no commands of another's node by showing its address") {
    constexpr char others_node[] = "/dev/pvscsi/1:0:0:0";
    constexpr char marker_node[] = "/dev/pvscsi/1:0:0:1";
    RunBed bed(std::chrono::seconds(10), {{1, 0, 0, 0}});
    const auto await = [](const char* node, bool there) {
        while ((access(node, F_OK) == 0) != there)
            std::this_thread::yield();
    };
    await(others_node, true);
    const UniqueFd before = open_node(first_node);
    const std::vector<unsigned char> pattern(512, 'p');
    Command write_it({0x2a, 0, 0, 0, 0, 0, 0, 0, 1}, SG_DXFER_TO_DEV, pattern);
    REQUIRE(ioctl(before.get(), SG_IO, &write_it.header) == 0);

    bed.other_device().add_lun(first_lun);
    bed.other_device().add_lun({1, 0, 0, 1});
    await(marker_node, true);
    const UniqueFd after = open_node(first_node);
    Command read_it({0x28, 0, 0, 0, 0, 0, 0, 0, 1}, SG_DXFER_FROM_DEV,
                    std::vector<unsigned char>(512));
    REQUIRE(ioctl(after.get(), SG_IO, &read_it.header) == 0);
    CHECK(read_it.data == pattern);

    bed.other_device().remove_lun(first_lun);
    bed.other_device().remove_lun({1, 0, 0, 1});
    await(marker_node, false);
    CHECK(ioctl(before.get(), SG_IO, &read_it.header) == 0);
    CHECK(access(first_node, F_OK) == 0);
}

TEST_CASE("without a backend commands wait, and go on when it is back") {
    RunBed bed;
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
    RunBed bed(std::chrono::milliseconds(50));
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
    RunBed bed;
    const UniqueFd fd = open_node(first_node, O_RDWR | O_NONBLOCK);
    const UniqueFd other = open_node(first_node);
    Command command({op_hold});
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

TEST_CASE("a server that dies leaves ENODEV behind, not a hang") {
    auto bed = std::make_unique<RunBed>();
    const UniqueFd fd = open_node(first_node);
    Command command({op_hold});
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

TEST_CASE("a client that breaks the protocol loses its connection, others do not") {
    const RunBed bed;
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
    const RunBed bed;
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
