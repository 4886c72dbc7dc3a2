// A program's commands on a node, synchronous and asynchronous, as the sg driver has them.
#include "tests/support/run_bed.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

using namespace pvscsi;
using namespace pvscsi::test;

TEST_CASE("SG_IO moves data both ways and says how long it took") {
    const RunBed bed;
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
    const RunBed bed;
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
    const RunBed bed;
    const UniqueFd fd = open_node(first_node);
    SECTION("check condition") {
        Command command({op_status, 2}, SG_DXFER_FROM_DEV, std::vector<unsigned char>(8));
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
        Command command({op_status, 2});
        command.header.mx_sb_len = 4;
        REQUIRE(ioctl(fd.get(), SG_IO, &command.header) == 0);
        CHECK(command.header.sb_len_wr == 4);
        CHECK(command.sense[7] == 0);
    }
    SECTION("host code") {
        Command command({op_host_code, 14});
        REQUIRE(ioctl(fd.get(), SG_IO, &command.header) == 0);
        CHECK(command.header.host_status == 14);
        CHECK(command.header.status == 0);
        CHECK((command.header.info & SG_INFO_OK_MASK) == SG_INFO_CHECK);
    }
    SECTION("host code beside a status and its sense") {
        Command command({op_host_code, 5, 2});
        REQUIRE(ioctl(fd.get(), SG_IO, &command.header) == 0);
        CHECK(command.header.host_status == 5);
        CHECK(command.header.status == 2);
        CHECK(command.header.driver_status == 8);
        CHECK(command.header.sb_len_wr == 18);
        CHECK(command.sense[12] == 0x24);
    }
    SECTION("bytes that were not transferred are left as they were") {
        Command command({op_short, 100}, SG_DXFER_FROM_DEV, std::vector<unsigned char>(512, 0xee));
        REQUIRE(ioctl(fd.get(), SG_IO, &command.header) == 0);
        CHECK(command.header.resid == 100);
        CHECK(command.data[411] == 0);
        CHECK(command.data[412] == 0xee);
    }
}

TEST_CASE("what the sg driver refuses is refused with its errno") {
    const RunBed bed;
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
        std::vector<unsigned char> data(fake_max_transfer + 512);
        Command large({0x28}, SG_DXFER_FROM_DEV, data);
        CHECK(ioctl(fd.get(), SG_IO, &large.header) == -1);
        CHECK(errno == EINVAL);
    }
    SECTION("a command that the transport cannot carry") {
        command.cdb[0] = op_bad;
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
    RunBed bed;
    const UniqueFd fd = open_node(first_node, O_RDWR | O_NONBLOCK);
    CHECK_FALSE(readable(fd.get(), 0));
    sg_io_hdr_t result{};
    CHECK(read(fd.get(), &result, sizeof(result)) == -1);
    CHECK(errno == EAGAIN);

    Command one({op_hold});
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
    RunBed bed;
    const UniqueFd fd = open_node(first_node, O_RDWR | O_NONBLOCK);
    const UniqueFd other = open_node(first_node, O_RDWR | O_NONBLOCK);
    Command command({op_hold});
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
    RunBed bed;
    const UniqueFd fd = open_node(first_node, O_RDWR | O_NONBLOCK);
    int on = 1;
    REQUIRE(ioctl(fd.get(), SG_SET_FORCE_PACK_ID, &on) == 0);
    Command command({op_hold});
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

TEST_CASE("the reserved buffer can be mapped, and carries data without a copy") {
    const RunBed bed;
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

TEST_CASE("many threads may use one file") {
    const RunBed bed;
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
