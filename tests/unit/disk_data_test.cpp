// Emulated disks as a guest sees them, on memory and on a file: commands that read and change data.
#include "common/base/bytes.hpp"
#include "tests/support/disk_bed.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using scsi::SenseKey;

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
