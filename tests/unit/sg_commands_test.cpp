// The sg target over a device that does what the test says: what the driver, the device and the
// kernel can do to a command.
#include "tests/support/sg_unit.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using scsi::HostCode;
using scsi::Status;

TEST_CASE("a command reaches the driver as the guest gave it") {
    SgUnit unit;
    REQUIRE(unit.read(0) == Step::pending);
    const auto& read = unit.file().running.at(0);
    CHECK(read.cdb == read_block);
    CHECK(read.header.interface_id == 'S');
    CHECK(read.header.dxfer_direction == SG_DXFER_FROM_DEV);
    CHECK(read.header.dxfer_len == 512);
    CHECK(reinterpret_cast<std::uintptr_t>(read.header.dxferp) % 4096 == 0);
    CHECK(read.header.mx_sb_len == 96);
    CHECK((read.header.flags & SG_FLAG_LUN_INHIBIT) != 0);
    CHECK((read.header.flags & SG_FLAG_DIRECT_IO) == 0);
    CHECK(read.header.timeout == 60'000);

    REQUIRE(unit.write(1, Bytes(512, 0x5a)) == Step::pending);
    const auto& write = unit.file().running.at(1);
    CHECK(write.cdb == write_block); // bits of the old LUN field included
    CHECK(write.header.dxfer_direction == SG_DXFER_TO_DEV);
    CHECK(write.data_out == Bytes(512, 0x5a));

    REQUIRE(unit.start(2, command(test_unit_ready, ring::Direction::none), 0) == Step::pending);
    CHECK(unit.file().running.at(2).header.dxfer_direction == SG_DXFER_NONE);
    CHECK(unit.file().running.at(2).header.dxfer_len == 0);

    REQUIRE(unit.read(3, 512, 7) == Step::pending);
    CHECK(unit.file().running.at(3).header.timeout == 7'000);
}

TEST_CASE("no command has more time than the entry allows") {
    SgUnit unit(false, 0, {}, std::chrono::seconds(30));
    REQUIRE(unit.read(0) == Step::pending); // 60 s by itself
    CHECK(unit.file().running.at(0).header.timeout == 30'000);
    REQUIRE(unit.read(1, 512, 31) == Step::pending); // the guest's
    CHECK(unit.file().running.at(1).header.timeout == 30'000);
    REQUIRE(unit.read(2, 512, 7) == Step::pending);
    CHECK(unit.file().running.at(2).header.timeout == 7'000);
}

TEST_CASE("data, residual and status come back") {
    SgUnit unit;
    REQUIRE(unit.read(0) == Step::pending);
    REQUIRE(unit.write(1, Bytes(512, 1)) == Step::pending);
    unit.file().complete(Bytes(200, 0x77));
    unit.settle();
    REQUIRE(unit.ended(0));
    CHECK_FALSE(unit.ended(1));
    CHECK(unit.outcome(0).host == HostCode::ok);
    CHECK(unit.outcome(0).status == Status::good);
    CHECK(unit.data_in(0) == Bytes(200, 0x77));

    unit.file().complete({}, [](::sg_io_hdr& header) { header.resid = 12; });
    unit.settle();
    REQUIRE(unit.ended(1));
    CHECK(unit.outcome(1).consumed == 500);
    CHECK(unit.outcome(1).data_in.empty());
}

TEST_CASE("sixteen commands end in any order, each with its own data") {
    SgUnit unit;
    for (unsigned i = 0; i < 16; ++i)
        REQUIRE(unit.read(i, 512 + i) == Step::pending);
    auto& running = unit.file().running;
    std::reverse(running.begin(), running.end());
    for (unsigned i = 16; i-- > 0;)
        unit.file().complete(Bytes(512 + i, static_cast<unsigned char>(i)));
    unit.settle();
    for (unsigned i = 0; i < 16; ++i)
        CHECK(unit.data_in(i) == Bytes(512 + i, static_cast<unsigned char>(i)));
    CHECK(unit.owner.ended.size() == 16);
}

TEST_CASE("data-in stays until its request starts again") {
    SgUnit unit;
    for (unsigned round = 0; round < 4; ++round) {
        REQUIRE(unit.read(0) == Step::pending);
        unit.file().complete(Bytes(512, static_cast<unsigned char>(round)));
        unit.settle();
        for (unsigned i = 1; i < 16; ++i)
            REQUIRE(unit.write(i, Bytes(512, 0xee)) == Step::pending);
        for (unsigned i = 1; i < 16; ++i)
            unit.file().complete();
        unit.settle();
        CHECK(unit.data_in(0) == Bytes(512, static_cast<unsigned char>(round)));
    }
}

TEST_CASE("a request whose data-out never came can start again") {
    SgUnit unit;
    for (unsigned round = 0; round < 100; ++round)
        REQUIRE(unit.start(0, command(write_block, ring::Direction::to_device), 512) ==
                Step::need_data);
    CHECK(unit.write(0, Bytes(512, 3)) == Step::pending);
}

TEST_CASE("what the driver refuses is answered at once") {
    struct Row {
        int error;
        HostCode host;
        Status status;
        Bytes key_asc;
    };
    const auto row = GENERATE(Row{EDOM, HostCode::ok, Status::task_set_full, {}},
                              Row{ENOMEM, HostCode::ok, Status::busy, {}},
                              Row{EBUSY, HostCode::ok, Status::busy, {}},
                              Row{EINVAL, HostCode::ok, Status::check_condition, {5, 0x24}},
                              Row{ENODEV, HostCode::no_connect, Status::good, {}},
                              Row{ENXIO, HostCode::no_connect, Status::good, {}},
                              Row{EFAULT, HostCode::error, Status::good, {}},
                              Row{EIO, HostCode::error, Status::good, {}});
    SgUnit unit;
    unit.file().submit_error = row.error;
    REQUIRE(unit.read(0) == Step::done);
    CHECK(unit.outcome(0).host == row.host);
    CHECK(unit.outcome(0).status == row.status);
    if (!row.key_asc.empty()) {
        CHECK(unit.outcome(0).sense.key() == scsi::SenseKey{row.key_asc[0]});
        CHECK(unit.outcome(0).sense.asc() == row.key_asc[1]);
    }
    unit.file().submit_error = 0;
    CHECK(unit.read(0) == Step::pending);
    CHECK(unit.failures.empty());
}

TEST_CASE("what never got to the device takes no room from later connections") {
    SgUnit unit;
    const bool refused = GENERATE(true, false);
    // The requests of many connections, each new.
    for (unsigned i = 17; i < 17 + 100; ++i) {
        unit.requests.push_back(std::make_unique<Request>(unit.owner));
        if (refused) {
            unit.file().submit_error = EINVAL;
            REQUIRE(unit.read(i) == Step::done);
            REQUIRE(unit.outcome(i).status == Status::check_condition);
        } else {
            REQUIRE(unit.start(i, command(write_block, ring::Direction::to_device), 512) ==
                    Step::need_data);
            unit.target->drop(*unit.requests[i]);
        }
        unit.target->answered(*unit.requests[i]);
    }
    unit.file().submit_error = 0;
    CHECK(unit.read(0) == Step::pending);
}

TEST_CASE("the driver's limit of 16 is met with TASK SET FULL") {
    SgUnit unit;
    for (unsigned i = 0; i < 16; ++i)
        REQUIRE(unit.read(i) == Step::pending);
    REQUIRE(unit.read(16) == Step::done);
    CHECK(unit.outcome(16).status == Status::task_set_full);
}

TEST_CASE("a daemon whose credentials changed has lost the unit, and says so") {
    SgUnit unit;
    REQUIRE(unit.read(0) == Step::pending);
    unit.file().submit_error = EPERM;
    REQUIRE(unit.read(1) == Step::done);
    CHECK(unit.outcome(1).host == HostCode::error);
    CHECK_FALSE(unit.ended(0)); // nothing is finished from inside start()
    unit.settle();
    REQUIRE(unit.ended(0));
    CHECK(unit.outcome(0).host == HostCode::no_connect);
    REQUIRE(unit.failures.size() == 1);
    CHECK(unit.failures[0].find("/dev/sg7") != std::string::npos);
    CHECK(unit.failures[0].find(std::strerror(EPERM)) != std::string::npos);
}

TEST_CASE("results that cannot be fetched end the unit") {
    const int error = GENERATE(EPERM, EIO, EFAULT, ENODEV);
    SgUnit unit;
    REQUIRE(unit.read(0) == Step::pending);
    unit.file().fetch_error = error;
    unit.file().wake();
    unit.settle();
    REQUIRE(unit.owner.times(*unit.requests[0]) == 1);
    CHECK(unit.outcome(0).host == HostCode::no_connect);
    REQUIRE(unit.failures.size() == 1);
    // The kernel's way to say that the device is gone.
    CHECK(unit.failures[0].find(error == ENODEV ? "the device was removed"
                                                : std::strerror(error)) != std::string::npos);
    CHECK(unit.file().closed);
}

TEST_CASE("a device that is removed ends its commands, now and later") {
    SgUnit unit;
    REQUIRE(unit.read(0) == Step::pending);
    REQUIRE(unit.read(1) == Step::pending);
    // A result that is there when the device goes still counts.
    unit.file().complete(Bytes(512, 9));
    unit.file().hung_up = true;
    unit.settle();
    CHECK(unit.data_in(0) == Bytes(512, 9));
    unit.settle_until([&] { return unit.ended(1); });
    CHECK(unit.outcome(1).host == HostCode::no_connect);
    CHECK(unit.file().closed);
    REQUIRE(unit.failures.size() == 1);
    CHECK(unit.failures[0] == "/dev/sg7: the device was removed");

    REQUIRE(unit.read(2) == Step::done);
    CHECK(unit.outcome(2).host == HostCode::no_connect);
    // No data is fetched for it.
    CHECK(unit.start(3, command(write_block, ring::Direction::to_device), 512) == Step::done);
    CHECK(unit.reset()->value() == false);
}

TEST_CASE("removal between data-out's asking and its coming") {
    SgUnit unit;
    REQUIRE(unit.start(0, command(write_block, ring::Direction::to_device), 512) ==
            Step::need_data);
    unit.file().hung_up = true;
    unit.file().wake();
    unit.settle();
    REQUIRE(unit.target->resume(*unit.requests[0]) == Step::done);
    CHECK(unit.outcome(0).host == HostCode::no_connect);
    CHECK(unit.owner.ended.empty());
}

TEST_CASE("results of no known command are dropped") {
    SgUnit unit;
    REQUIRE(unit.read(0) == Step::pending);
    const auto known = unit.file().running[0].header;
    auto stranger = known;
    stranger.pack_id = GENERATE(-1, 0, 63, 0x7fffffff, 64 + 1);
    unit.file().results.push_back(stranger);
    unit.file().complete(Bytes(512, 4));
    unit.file().results.push_back(known); // the same once more
    unit.settle();
    CHECK(unit.owner.times(*unit.requests[0]) == 1);
    CHECK(unit.data_in(0) == Bytes(512, 4));
    REQUIRE(unit.read(0) == Step::pending);
    unit.file().results.push_back(known); // and again, while its place is in use
    unit.file().wake();
    unit.settle();
    CHECK_FALSE(unit.ended(0));
}

TEST_CASE("a read-only unit refuses what is not known to be harmless") {
    SgUnit unit(true);
    REQUIRE(unit.write(0, Bytes(512, 1)) == Step::done);
    CHECK(unit.outcome(0).status == Status::check_condition);
    CHECK(unit.outcome(0).sense.key() == scsi::SenseKey::data_protect);
    CHECK(unit.outcome(0).sense.asc() == 0x27);
    // A write stays a write whatever direction the guest gives it.
    CHECK(unit.start(1, command(write_block, ring::Direction::none), 0) == Step::done);
    CHECK(unit.start(1, command(write_block, ring::Direction::from_device), 512) == Step::done);
    CHECK(unit.file().running.empty());
    CHECK(unit.read(1) == Step::pending);
}

TEST_CASE("a read-only unit tells the guest's drivers") {
    struct Row {
        Bytes cdb;
        std::uint8_t type;
        std::size_t moved;
        Bytes expected;
    };
    const auto row =
        GENERATE(Row{{0x1a, 0, 0x3f, 0, 4, 0}, 0, 4, {3, 0, 0x90, 0}},
                 Row{{0x1a, 0, 0x3f, 0, 4, 0}, 0, 2, {3, 0}},
                 Row{{0x1a, 0, 0x3f, 0, 4, 0}, 5, 4, {3, 0, 0x10, 0}},
                 Row{{0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 8, 0}, 1, 8, {3, 0, 0x10, 0x80, 0, 0, 0, 0}});
    SgUnit unit(true, row.type);
    REQUIRE(unit.start(0, command(row.cdb, ring::Direction::from_device), 512) == Step::pending);
    Bytes mode{3, 0, 0x10, 0, 0, 0, 0, 0};
    mode.resize(row.moved);
    auto* const behind = static_cast<unsigned char*>(unit.file().running[0].header.dxferp);
    std::memset(behind, 0x55, 16);
    unit.file().complete(mode);
    unit.settle();
    CHECK(unit.data_in(0) == row.expected);
    CHECK(behind[row.moved] == 0x55); // what did not come is not touched
}
