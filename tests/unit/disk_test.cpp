// Emulated disks, command by command, as a guest sees them: on memory and on a file.
#include "backend/target.hpp"
#include "backend/targets/disk.hpp"
#include "common/base/bytes.hpp"
#include "tests/support/target_host.hpp"
#include "tests/support/temp_file.hpp"

#include <catch2/catch.hpp>
#include <numeric>

using namespace pvscsi;
using namespace pvscsi::backend;
using scsi::SenseKey;
using test::Bytes;
using test::operator+;
using test::TargetHost;
using test::TempFile;

namespace {

constexpr std::uint64_t disk_blocks = 4096;

std::unique_ptr<Target> open(const std::string& pdev, bool read_only = false) {
    return make_target({pdev, read_only, "test disk", "serial-1"});
}

/// The same disk on memory and on a file.
struct Disks {
    TempFile file{disk_blocks * 512};
    std::string pdev(bool in_memory) const { return in_memory ? "ram:2M" : "file:" + file.path(); }
};

Bytes be(std::uint64_t value, unsigned size) {
    Bytes bytes(size);
    for (unsigned i = 0; i < size; ++i)
        bytes[i] = static_cast<std::uint8_t>(value >> (8 * (size - 1 - i)));
    return bytes;
}

/// A command of one of the families that come in sizes of 6 to 16.
Bytes sized(unsigned opcode, unsigned options, std::uint64_t lba, std::uint32_t blocks) {
    const Bytes head = be(opcode << 8 | options, 2);
    switch (opcode >> 5) {
    case 0:
        return be(opcode, 1) + be(lba, 3) + be(blocks & 0xff, 1) + Bytes{0};
    case 4:
        return head + be(lba, 8) + be(blocks, 4) + Bytes{0, 0};
    case 5:
        return head + be(lba, 4) + be(blocks, 4) + Bytes{0, 0};
    default:
        return head + be(lba, 4) + Bytes{0} + be(blocks, 2) + Bytes{0};
    }
}

Bytes pattern(std::size_t size, unsigned seed = 1) {
    Bytes bytes(size);
    unsigned value = seed;
    for (auto& byte : bytes)
        byte = static_cast<std::uint8_t>(value = value * 1103515245 + 12345, value >> 16);
    return bytes;
}

} // namespace

TEST_CASE("what is written with each WRITE is read with each READ") {
    const bool in_memory = GENERATE(true, false);
    const unsigned write = GENERATE(0x0a, 0x2a, 0xaa, 0x8a);
    const unsigned read = GENERATE(0x08, 0x28, 0xa8, 0x88);
    Disks disks;
    TargetHost host(open(disks.pdev(in_memory)));
    const Bytes data = pattern(8 * 512, write);
    const auto wrote = host.out(sized(write, 0, 100, 8), data);
    CHECK(wrote.good());
    CHECK(wrote.residual == 0);
    const auto got = host.in(sized(read, 0, 100, 8), 8 * 512);
    CHECK(got.good());
    CHECK(got.residual == 0);
    CHECK(got.data == data);
}

TEST_CASE("FUA and DPO are taken, protection fields are not") {
    const bool in_memory = GENERATE(true, false);
    Disks disks;
    TargetHost host(open(disks.pdev(in_memory)));
    const Bytes data = pattern(512);
    for (const unsigned opcode : {0x2a, 0xaa, 0x8a}) {
        CHECK(host.out(sized(opcode, 0x18, 0, 1), data).good());
        CHECK(host.out(sized(opcode, 0x20, 0, 1), data).is(SenseKey::illegal_request, 0x24, 0));
    }
    for (const unsigned opcode : {0x28, 0xa8, 0x88}) {
        CHECK(host.in(sized(opcode, 0x18, 0, 1), 512).data == data);
        const auto refused = host.in(sized(opcode, 0xe0, 0, 1), 512);
        CHECK(refused.is(SenseKey::illegal_request, 0x24, 0));
        CHECK(refused.data.empty());
        CHECK(refused.residual == 512);
        // The field pointer names byte 1, bit 7.
        CHECK(refused.sense.bytes()[15] == 0xcf);
        CHECK(load_be16(refused.sense.bytes(), 16) == 1);
    }
}

TEST_CASE("nothing behind the end is read or written") {
    const bool in_memory = GENERATE(true, false);
    Disks disks;
    TargetHost host(open(disks.pdev(in_memory)));
    const Bytes data = pattern(2 * 512);
    for (const unsigned opcode : {0x28, 0xa8, 0x88, 0x08}) {
        CHECK(host.in(sized(opcode, 0, disk_blocks - 1, 2), 1024)
                  .is(SenseKey::illegal_request, 0x21, 0));
        CHECK(host.in(sized(opcode, 0, disk_blocks - 2, 2), 1024).good());
    }
    for (const unsigned opcode : {0x2a, 0xaa, 0x8a, 0x0a, 0x2e, 0xae, 0x8e})
        CHECK(host.out(sized(opcode, 0, disk_blocks - 1, 2), data)
                  .is(SenseKey::illegal_request, 0x21, 0));
    for (const std::uint64_t lba : {std::uint64_t{1} << 63, ~std::uint64_t{0}})
        for (const unsigned opcode : {0x88, 0x8f, 0x90, 0x91})
            CHECK(host.in(sized(opcode, 0, lba, 1), 512).is(SenseKey::illegal_request, 0x21, 0));
    CHECK(host.none(sized(0x28, 0, disk_blocks, 0)).good());
    CHECK(host.none(sized(0x28, 0, disk_blocks + 1, 0)).is(SenseKey::illegal_request, 0x21, 0));
}

TEST_CASE("a guest's buffer that does not fit the command") {
    const bool in_memory = GENERATE(true, false);
    Disks disks;
    TargetHost host(open(disks.pdev(in_memory)));
    const Bytes data = pattern(4 * 512);
    REQUIRE(host.out(sized(0x2a, 0, 0, 4), data).good());

    // Room for more than there is: a residual.
    auto got = host.in(sized(0x28, 0, 0, 1), 2048);
    CHECK((got.good() && got.residual == 1536 && got.data.size() == 512));
    // For less: what fits, though it ends inside a block.
    got = host.in(sized(0x28, 0, 0, 4), 700);
    CHECK((got.good() && got.residual == 0));
    CHECK(got.data == Bytes(data.begin(), data.begin() + 700));
    // More data-out than the command takes: a residual; less: refused, nothing is written.
    CHECK(host.out(sized(0x2a, 0, 0, 1), data).residual == 1536);
    CHECK(host.out(sized(0x2a, 0, 0, 4), Bytes(1024, 0xff)).is(SenseKey::illegal_request, 0x24, 0));
    CHECK(host.in(sized(0x28, 0, 0, 4), 2048).data == data);
    // No data where some is needed, or the wrong way round.
    CHECK(host.none(sized(0x2a, 0, 0, 1)).is(SenseKey::illegal_request, 0x24, 0));
    CHECK(host.in(sized(0x2a, 0, 0, 1), 512).is(SenseKey::illegal_request, 0x24, 0));
    CHECK(host.none(sized(0x28, 0, 0, 1)).good());
}

TEST_CASE("VERIFY finds every difference and nothing else") {
    const bool in_memory = GENERATE(true, false);
    const unsigned verify = GENERATE(0x2f, 0xaf, 0x8f);
    Disks disks;
    TargetHost host(open(disks.pdev(in_memory)));
    // Longer than the memory it is compared through.
    Bytes data = pattern(300 * 512);
    REQUIRE(host.out(sized(0x2a, 0, 7, 300), data).good());
    CHECK(host.none(sized(verify, 0, 7, 300)).good());
    CHECK(host.out(sized(verify, 0x02, 7, 300), data).good());
    CHECK(host.out(sized(verify, 0x02, 8, 300), data).is(SenseKey::miscompare, 0x1d, 0));
    data[200'000 % data.size()] ^= 0x10;
    const auto differs = host.out(sized(verify, 0x02, 7, 300), data);
    CHECK(differs.is(SenseKey::miscompare, 0x1d, 0));
    CHECK(load_be32(differs.sense.bytes(), 3) == 200'000 % data.size());
    CHECK(host.none(sized(verify, 0x04, 7, 1)).is(SenseKey::illegal_request, 0x24, 0));
    CHECK(host.none(sized(verify, 0x02, 7, 0)).good());

    const Bytes one = pattern(512, 9);
    for (unsigned i = 0; i < 200; ++i)
        REQUIRE(host.out(sized(0x2a, 0, 1000 + i, 1), one).good());
    CHECK(host.out(sized(verify, 0x06, 1000, 200), one).good());
    CHECK(host.out(sized(verify, 0x06, 1000, 201), one).is(SenseKey::miscompare, 0x1d, 0));
}

TEST_CASE("WRITE AND VERIFY writes, and compares when asked to") {
    const bool in_memory = GENERATE(true, false);
    const unsigned opcode = GENERATE(0x2e, 0xae, 0x8e);
    const unsigned options = GENERATE(0x00, 0x02, 0x12);
    Disks disks;
    TargetHost host(open(disks.pdev(in_memory)));
    const Bytes data = pattern(200 * 512);
    CHECK(host.out(sized(opcode, options, 3, 200), data).good());
    CHECK(host.in(sized(0x28, 0, 3, 200), 200 * 512).data == data);
}

TEST_CASE("COMPARE AND WRITE writes only if all is as expected") {
    const bool in_memory = GENERATE(true, false);
    Disks disks;
    TargetHost host(open(disks.pdev(in_memory)));
    const Bytes before = pattern(2 * 512, 1);
    const Bytes after = pattern(2 * 512, 2);
    REQUIRE(host.out(sized(0x2a, 0, 5, 2), before).good());
    const auto caw = [](std::uint64_t lba, std::uint8_t blocks) {
        return Bytes{0x89, 0} + be(lba, 8) + Bytes{0, 0, 0, blocks, 0, 0};
    };
    Bytes wrong = before;
    wrong[700] ^= 1;
    const auto miscompare = host.out(caw(5, 2), wrong + after);
    CHECK(miscompare.is(SenseKey::miscompare, 0x1d, 0));
    CHECK(load_be32(miscompare.sense.bytes(), 3) == 700);
    CHECK(host.in(sized(0x28, 0, 5, 2), 1024).data == before);
    CHECK(host.out(caw(5, 2), before + after).good());
    CHECK(host.in(sized(0x28, 0, 5, 2), 1024).data == after);
    CHECK(host.out(caw(0, 0), after).is(SenseKey::illegal_request, 0x24, 0));
    CHECK(host.none(caw(0, 0)).good());
    CHECK(host.out(caw(5, 2), after).is(SenseKey::illegal_request, 0x24, 0));
    CHECK(host.out(caw(disk_blocks, 1), before).is(SenseKey::illegal_request, 0x21, 0));
    CHECK(host.out(caw(5, 200), pattern(400 * 512)).is(SenseKey::illegal_request, 0x24, 0));
}

TEST_CASE("ORWRITE sets bits and clears none") {
    const bool in_memory = GENERATE(true, false);
    Disks disks;
    TargetHost host(open(disks.pdev(in_memory)));
    const Bytes a = pattern(300 * 512, 1);
    const Bytes b = pattern(300 * 512, 2);
    REQUIRE(host.out(sized(0x2a, 0, 5, 300), a).good());
    REQUIRE(host.out(sized(0x8b, 0, 5, 300), b).good());
    Bytes expected = a;
    for (std::size_t i = 0; i < a.size(); ++i)
        expected[i] = static_cast<std::uint8_t>(a[i] | b[i]);
    CHECK(host.in(sized(0x28, 0, 5, 300), 300 * 512).data == expected);
}

TEST_CASE("WRITE SAME writes one block many times, or gives blocks back") {
    const bool in_memory = GENERATE(true, false);
    const unsigned opcode = GENERATE(0x41, 0x93);
    Disks disks;
    TargetHost host(open(disks.pdev(in_memory)));
    const Bytes block = pattern(512);
    const Bytes zeros(512, 0);
    REQUIRE(host.out(sized(opcode, 0, 1, 1500), block).good());
    CHECK(host.out(sized(0x2f, 0x06, 1, 1500), block).good());
    CHECK(host.in(sized(0x28, 0, 0, 1), 512).data == zeros);
    CHECK(host.in(sized(0x28, 0, 1501, 1), 512).data == zeros);
    // UNMAP with zeros gives back, with something else it has to be written.
    CHECK(host.out(sized(opcode, 0x08, 10, 100), zeros).good());
    CHECK(host.out(sized(0x2f, 0x06, 10, 100), zeros).good());
    CHECK(host.out(sized(opcode, 0x08, 10, 100), block).good());
    CHECK(host.out(sized(0x2f, 0x06, 1, 1500), block).good());
    CHECK(host.out(sized(opcode, 0, 4000, 0), block).is(SenseKey::illegal_request, 0x24, 0));
    CHECK(host.out(sized(opcode, 0, 0, 4097), block).is(SenseKey::illegal_request, 0x21, 0));
    // Not one block.
    CHECK(host.out(sized(opcode, 0, 0, 1), Bytes(256)).is(SenseKey::illegal_request, 0x24, 0));
    CHECK(host.out(sized(opcode, 0, 0, 1), Bytes(1024)).is(SenseKey::illegal_request, 0x24, 0));
    // ANCHOR.
    CHECK(host.out(sized(opcode, 0x18, 0, 1), zeros).is(SenseKey::illegal_request, 0x24, 0));
    if (opcode == 0x93) { // NDOB
        CHECK(host.none(sized(opcode, 0x09, 1, 10)).good());
        CHECK(host.none(sized(opcode, 0x01, 11, 10)).good());
        CHECK(host.out(sized(0x2f, 0x06, 1, 20), zeros).good());
    }
}

TEST_CASE("UNMAP gives exactly the named blocks back") {
    const bool in_memory = GENERATE(true, false);
    Disks disks;
    TargetHost host(open(disks.pdev(in_memory)));
    const Bytes data = pattern(64 * 512);
    REQUIRE(host.out(sized(0x2a, 0, 0, 64), data).good());
    const auto unmap = [&host](const std::vector<std::pair<std::uint64_t, std::uint32_t>>& list) {
        Bytes parameters = be(6 + list.size() * 16, 2) + be(list.size() * 16, 2) + Bytes(4);
        for (const auto& [lba, count] : list)
            parameters = parameters + be(lba, 8) + be(count, 4) + Bytes(4);
        return host.out(Bytes{0x42, 0, 0, 0, 0, 0, 0} + be(parameters.size(), 2) + Bytes{0},
                        parameters);
    };
    CHECK(unmap({{3, 1}, {10, 20}, {40, 0}}).good());
    Bytes expected = data;
    std::fill_n(expected.begin() + 3 * 512, 512, std::uint8_t{0});
    std::fill_n(expected.begin() + 10 * 512, 20 * 512, std::uint8_t{0});
    CHECK(host.in(sized(0x28, 0, 0, 64), 64 * 512).data == expected);
    // One wrong descriptor: none of them is done.
    CHECK(unmap({{0, 1}, {disk_blocks, 1}}).is(SenseKey::illegal_request, 0x21, 0));
    CHECK(unmap({{disk_blocks, 0}}).good());
    CHECK(host.in(sized(0x28, 0, 0, 64), 64 * 512).data == expected);
    CHECK(unmap({}).good());
    CHECK(host.none({0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0}).good());
    CHECK(host.out({0x42, 0, 0, 0, 0, 0, 0, 0, 7, 0}, Bytes(7))
              .is(SenseKey::illegal_request, 0x1a, 0));
    CHECK(host.none({0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0}).is(SenseKey::illegal_request, 0x1a, 0));
}

TEST_CASE("a read-only disk refuses every command that would change it") {
    const bool in_memory = GENERATE(true, false);
    Disks disks;
    TargetHost host(open(disks.pdev(in_memory), true));
    for (const unsigned opcode : {0x0a, 0x2a, 0xaa, 0x8a, 0x2e, 0xae, 0x8e, 0x41, 0x93, 0x8b})
        CHECK(host.out(sized(opcode, 0, 0, 1), Bytes(512)).is(SenseKey::data_protect, 0x27, 0));
    CHECK(host.out(Bytes{0x89, 0} + be(0, 8) + Bytes{0, 0, 0, 1, 0, 0}, Bytes(1024))
              .is(SenseKey::data_protect, 0x27, 0));
    CHECK(host.out({0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0}, Bytes(24))
              .is(SenseKey::data_protect, 0x27, 0));
    CHECK(host.in(sized(0x28, 0, 0, 1), 512).good());
    CHECK((host.in({0x1a, 0, 0x3f, 0, 255, 0}, 255).data[2] & 0x80) != 0);
}

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
