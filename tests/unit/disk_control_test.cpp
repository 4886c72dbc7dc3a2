// Emulated disks as a guest sees them: what they tell of themselves, and which commands they know.
#include "backend/targets/disk.hpp"
#include "common/base/bytes.hpp"
#include "tests/support/disk_bed.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using scsi::SenseKey;

TEST_CASE("READ CAPACITY tells size, block length and provisioning") {
    Disks disks;
    TargetHost host(open(disks.pdev(false)));
    const auto ten = host.in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8);
    CHECK(ten.data == be(disk_blocks - 1, 4) + be(512, 4));
    const auto sixteen = host.in(Bytes{0x9e, 0x10} + Bytes(8) + be(32, 4) + Bytes(2), 32);
    REQUIRE(sixteen.data.size() == 32);
    CHECK(load_be64(sixteen.data, 0) == disk_blocks - 1);
    CHECK(load_be32(sixteen.data, 8) == 512);
    CHECK(sixteen.data[13] == 3);
    CHECK(sixteen.data[14] == 0xc0);
    CHECK(host.in(Bytes{0x9e, 0x10} + Bytes(8) + be(12, 4) + Bytes(2), 32).residual == 20);
    // A null disk can be larger than 32 bits of blocks.
    TargetHost large(open("null:4T"));
    CHECK(large.in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8).data == be(0xffffffff, 4) + be(512, 4));
    CHECK(load_be64(large.in(Bytes{0x9e, 0x10} + Bytes(8) + be(32, 4) + Bytes(2), 32).data, 0) ==
          (std::uint64_t{4} << 40) / 512 - 1);
}

TEST_CASE("a null disk reports full transfers and moves nothing") {
    TargetHost host(open("null:1G"));
    const auto got = host.in(sized(0x28, 0, 0, 8), 4096);
    CHECK((got.good() && got.residual == 0 && got.data.empty()));
    const auto wrote = host.out(sized(0x2a, 0, 0, 8), Bytes(4096));
    CHECK((wrote.good() && wrote.residual == 0));
}

TEST_CASE("a stopped disk needs to be started") {
    Disks disks;
    TargetHost host(open(disks.pdev(false)));
    CHECK(host.none({0x1b, 0, 0, 0, 0, 0}).good());
    CHECK(host.none({0, 0, 0, 0, 0, 0}).is(SenseKey::not_ready, 0x04, 0x02));
    CHECK(host.in(sized(0x28, 0, 0, 1), 512).is(SenseKey::not_ready, 0x04, 0x02));
    CHECK(host.in({0x12, 0, 0, 0, 96, 0}, 96).good());
    CHECK(host.in({0x03, 0, 0, 0, 18, 0}, 18).data[2] == 0x02);
    CHECK(host.none({0x1b, 0, 0, 0, 1, 0}).good());
    CHECK(host.none({0, 0, 0, 0, 0, 0}).good());
    CHECK(host.none({0x1b, 0, 0, 0, 3, 0}).is(SenseKey::illegal_request, 0x24, 0)); // LOEJ
}

TEST_CASE("REPORT SUPPORTED OPERATION CODES and the device agree") {
    TargetHost host(open("ram:1M"));
    const auto all = host.in(Bytes{0xa3, 0x0c, 0, 0, 0, 0} + be(65535, 4) + Bytes(2), 65535);
    REQUIRE(all.good());
    const std::size_t size = load_be32(all.data, 0);
    REQUIRE((size > 0 && size % 8 == 0 && all.data.size() == size + 4));
    std::vector<bool> known(256);
    for (std::size_t at = 4; at < all.data.size(); at += 8) {
        const std::uint8_t opcode = all.data[at];
        const bool actions = (all.data[at + 5] & 1) != 0;
        known[opcode] = true;
        const auto ask = [&](std::uint8_t option) {
            return host.in(Bytes{0xa3, 0x0c, option, opcode, all.data[at + 2], all.data[at + 3]} +
                               be(65535, 4) + Bytes(2),
                           65535);
        };
        INFO("opcode " << int{opcode});
        CHECK(ask(1).good() != actions);
        CHECK(ask(2).good() == actions);
        const auto one = ask(actions ? 2 : 1);
        CHECK(one.data[1] == 3);
        CHECK(load_be16(one.data, 2) == load_be16(all.data, at + 6));
        CHECK(one.data[4] == opcode);
    }
    for (unsigned opcode = 0; opcode < 256; ++opcode) {
        INFO("opcode " << opcode);
        const Bytes cdb = Bytes{static_cast<std::uint8_t>(opcode)} + Bytes(15);
        const auto answer = host.none(cdb);
        CHECK(answer.is(SenseKey::illegal_request, 0x20, 0) == !known[opcode]);
    }
}

TEST_CASE("INQUIRY is answered whatever LUN SCSI-2 has in its CDB, as Linux scans a new target") {
    TargetHost host(open("ram:1M"));
    for (unsigned lun = 1; lun < 8; ++lun)
        for (const unsigned page : {0u, 1u}) {
            const auto byte = static_cast<std::uint8_t>(lun << 5 | page);
            CHECK(host.in({0x12, byte, 0, 0, 36, 0}, 36).good());
        }
    CHECK_FALSE(host.in({0x12, 0x02, 0, 0, 36, 0}, 36).good());
}

TEST_CASE("every bit that the usage data forbids is refused, with a pointer to it") {
    std::unique_ptr<Target> target = open("ram:1M");
    const auto rows = dynamic_cast<EmulatedUnit&>(*target).commands();
    TargetHost host(std::move(target));
    for (const CommandRow& row : rows) {
        for (unsigned byte = 1; byte < row.size; ++byte) {
            const bool action = row.has_service_action() && byte == 1;
            for (unsigned bit = 0; bit < 8; ++bit) {
                if ((row.usage[byte] >> bit & 1) != 0 || (action && bit < 5))
                    continue;
                Bytes cdb(row.size);
                cdb[0] = row.opcode();
                if (row.has_service_action())
                    cdb[1] = static_cast<std::uint8_t>(row.service_action);
                cdb[byte] = static_cast<std::uint8_t>(cdb[byte] | 1u << bit);
                const auto answer = host.none(cdb);
                INFO("opcode " << int{row.opcode()} << " byte " << byte << " bit " << bit);
                REQUIRE(answer.is(SenseKey::illegal_request, 0x24, 0));
                CHECK(answer.sense.bytes()[15] == (0xc8 | bit));
                CHECK(load_be16(answer.sense.bytes(), 16) == byte);
            }
        }
    }
}
