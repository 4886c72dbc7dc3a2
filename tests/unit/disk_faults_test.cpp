// A disk whose medium fails: the command's error, or the unit's end.
#include "tests/support/scripted_disk.hpp"

#include "common/base/bytes.hpp"

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using scsi::HostCode;
using scsi::SenseKey;
using Kind = MediumOp::Kind;

TEST_CASE("every error of the medium becomes the command's") {
    struct Row {
        Bytes cdb, out;
        std::uint32_t in;
        unsigned good_first;
        MediumError error;
        SenseKey key;
        unsigned asc, ascq;
    };
    const Row rows[] = {
        {read_2_at_5, {}, 1024, 0, MediumError::read, SenseKey::medium_error, 0x11, 0},
        {write_2_at_5, data, 0, 0, MediumError::write, SenseKey::medium_error, 0x0c, 0},
        {write_2_at_5, data, 0, 0, MediumError::no_space, SenseKey::data_protect, 0x27, 7},
        {write_2_at_5, data, 0, 0, MediumError::protect, SenseKey::data_protect, 0x27, 0},
        {sync_cache, {}, 0, 0, MediumError::write, SenseKey::medium_error, 0x0c, 0},
        {verify, {}, 0, 0, MediumError::read, SenseKey::medium_error, 0x11, 0},
        {write_verify, data, 0, 0, MediumError::write, SenseKey::medium_error, 0x0c, 0},
        {write_verify, data, 0, 1, MediumError::read, SenseKey::medium_error, 0x11, 0},
        {write_same, Bytes(512, 1), 0, 0, MediumError::write, SenseKey::medium_error, 0x0c, 0},
        {compare_and_write, Bytes(1024), 0, 0, MediumError::read, SenseKey::medium_error, 0x11, 0},
        {compare_and_write, Bytes(1024), 0, 1, MediumError::write, SenseKey::medium_error, 0x0c, 0},
        {unmap, unmap_list, 0, 0, MediumError::write, SenseKey::medium_error, 0x0c, 0},
        {unmap, unmap_list, 0, 0, MediumError::no_space, SenseKey::data_protect, 0x27, 7},
    };
    const bool at_once = GENERATE(true, false);
    for (const Row& row : rows) {
        ScriptedDisk bed;
        bed.medium->at_once = at_once;
        bed.medium->error = row.error;
        bed.medium->good_first = row.good_first;
        auto& flight = bed.host.send(row.cdb, row.out, row.in);
        bed.medium->release_all();
        REQUIRE(flight.ended());
        INFO("opcode " << int{row.cdb[0]} << " error " << int(row.error));
        CHECK(flight.answer().is(row.key, row.asc, row.ascq));
        CHECK(flight.answer().data.empty());
        // It was that command's own trouble.
        auto& next = bed.host.send(read_2_at_5, {}, 1024);
        bed.medium->release_all();
        CHECK(next.answer().good());
        CHECK(bed.failures.empty());
    }
}

TEST_CASE("a medium that is lost ends the unit, and somebody is told once") {
    struct Row {
        MediumError error;
        SenseKey key;
        unsigned asc, ascq;
    };
    const auto row = GENERATE(Row{MediumError::gone, SenseKey::not_ready, 0x3a, 0},
                              Row{MediumError::shrunk, SenseKey::hardware_error, 0x3e, 1});
    const bool at_once = GENERATE(true, false);
    ScriptedDisk bed;
    bed.medium->at_once = at_once;
    auto& others = bed.host.send(write_2_at_5, data);
    bed.medium->error = row.error;
    auto& flight = bed.host.send(read_2_at_5, {}, 1024);
    if (!at_once)
        bed.medium->good_first = 1; // the write
    bed.medium->release_all();
    CHECK(others.answer().good());
    CHECK(flight.answer().is(row.key, row.asc, row.ascq));
    REQUIRE(bed.failures.size() == 1);
    CHECK(bed.failures[0] == "scripted");
    const unsigned submitted = bed.medium->submitted;
    for (const auto& cdb : {test_unit_ready, sync_cache, Bytes{0x1b, 0, 0, 0, 1, 0}})
        CHECK(bed.host.none(cdb).is(row.key, row.asc, row.ascq));
    CHECK(bed.host.in(read_2_at_5, 1024).is(row.key, row.asc, row.ascq));
    CHECK(bed.host.out(write_2_at_5, data).is(row.key, row.asc, row.ascq));
    CHECK(bed.medium->submitted == submitted); // what is lost is not asked again
    CHECK(bed.failures.size() == 1);
}

TEST_CASE("a medium error names the first block that failed") {
    ScriptedDisk bed;
    bed.medium->error = MediumError::read;
    bed.medium->transferred_before_error = 512;
    auto& flight = bed.host.send(read_2_at_5, {}, 1024);
    bed.medium->release_all();
    CHECK((flight.answer().sense.bytes()[0] & 0x80) != 0);
    CHECK(load_be32(flight.answer().sense.bytes(), 3) == 6);
}

TEST_CASE("no room to queue is BUSY") {
    ScriptedDisk bed;
    bed.medium->error = MediumError::busy;
    auto& flight = bed.host.send(read_2_at_5, {}, 1024);
    bed.medium->release_all();
    CHECK(flight.answer().status == scsi::Status::busy);
}

TEST_CASE("what has to be on the medium is asked to be") {
    ScriptedDisk bed;
    bed.medium->at_once = true;
    REQUIRE(bed.host.out(write_2_at_5, data).good());
    CHECK_FALSE(bed.medium->durable.back());
    REQUIRE(bed.host.out(write_fua, data).good());
    CHECK(bed.medium->durable.back());
    REQUIRE(bed.host.out(write_verify, data).good());
    CHECK(bed.medium->durable[2]);
    // FUA of a READ: what was written goes to the medium first.
    bed.medium->kinds.clear();
    REQUIRE(bed.host.in({0x28, 0x08, 0, 0, 0, 5, 0, 0, 2, 0}, 1024).good());
    CHECK(bed.medium->kinds == std::vector{Kind::sync, Kind::read});
    bed.medium->kinds.clear();
    REQUIRE(bed.host.none(sync_cache).good());
    CHECK(bed.medium->kinds == std::vector{Kind::sync});
    // Without a write cache every write is.
    const Bytes caching{0, 0, 0, 0, 8, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    REQUIRE(bed.host.out({0x15, 0x10, 0, 0, 24, 0}, caching).good());
    REQUIRE(bed.host.out(write_2_at_5, data).good());
    CHECK(bed.medium->durable.back());
}

TEST_CASE("a backing that changes its size is announced once") {
    ScriptedDisk bed;
    bed.medium->at_once = true;
    bed.medium->next_size = 2 * scripted_size;
    CHECK(bed.host.none(test_unit_ready).is(SenseKey::unit_attention, 0x2a, 0x09));
    CHECK(bed.host.none(test_unit_ready).good());
    const auto capacity = bed.host.in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8);
    CHECK(load_be32(capacity.data, 0) == 2 * scripted_size / 512 - 1);
    bed.medium->next_size = 3 * scripted_size;
    const Bytes behind{0x28, 0, 0, 0, 0x10, 0, 0, 0, 1, 0};
    CHECK(bed.host.in(behind, 512).is(SenseKey::unit_attention, 0x2a, 0x09));
    CHECK(bed.host.in(behind, 512).good());
}
