// A disk whose medium fails, is slow, or loses its guest's patience: errors, aborts, resets, and
// what must not overtake what.
#include "backend/targets/disk.hpp"
#include "common/base/bytes.hpp"
#include "tests/support/scripted_medium.hpp"
#include "tests/support/target_host.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend;
using scsi::HostCode;
using scsi::SenseKey;
using test::Bytes;
using test::operator+;
using test::ScriptedMedium;
using test::TargetHost;
using Kind = MediumOp::Kind;

namespace {

constexpr std::size_t size = 1 << 20;
const Bytes read_2_at_5{0x28, 0, 0, 0, 0, 5, 0, 0, 2, 0};
const Bytes write_2_at_5{0x2a, 0, 0, 0, 0, 5, 0, 0, 2, 0};
const Bytes write_fua{0x2a, 0x08, 0, 0, 0, 5, 0, 0, 2, 0};
const Bytes sync_cache{0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0};
const Bytes verify{0x2f, 0, 0, 0, 0, 5, 0, 0, 2, 0};
const Bytes write_verify{0x2e, 0x02, 0, 0, 0, 5, 0, 0, 2, 0};
const Bytes write_same{0x41, 0, 0, 0, 0, 5, 0, 0, 2, 0};
const Bytes compare_and_write{0x89, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0};
const Bytes unmap{0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0};
const Bytes unmap_list{0, 22, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 0};
const Bytes test_unit_ready(6);
const Bytes data(1024, 0x77);

struct Bed {
    ScriptedMedium* medium;
    TargetHost host;
    std::vector<std::string> failures;
    Bed() : Bed(std::make_unique<ScriptedMedium>(size)) {}
    explicit Bed(std::unique_ptr<ScriptedMedium> made)
        : medium(made.get()),
          host(std::make_unique<Disk>(UnitIdentity{"DISK", "serial", ""}, std::move(made), false)) {
        host.target().on_failure = [this](const std::string& reason) {
            failures.push_back(reason);
        };
    }
};

} // namespace

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
        Bed bed;
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
    Bed bed;
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
    Bed bed;
    bed.medium->error = MediumError::read;
    bed.medium->transferred_before_error = 512;
    auto& flight = bed.host.send(read_2_at_5, {}, 1024);
    bed.medium->release_all();
    CHECK((flight.answer().sense.bytes()[0] & 0x80) != 0);
    CHECK(load_be32(flight.answer().sense.bytes(), 3) == 6);
}

TEST_CASE("no room to queue is BUSY") {
    Bed bed;
    bed.medium->error = MediumError::busy;
    auto& flight = bed.host.send(read_2_at_5, {}, 1024);
    bed.medium->release_all();
    CHECK(flight.answer().status == scsi::Status::busy);
}

TEST_CASE("what has to be on the medium is asked to be") {
    Bed bed;
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

TEST_CASE("COMPARE AND WRITE has the disk to itself while it lasts") {
    Bed bed;
    auto& before = bed.host.send(write_2_at_5, data);
    auto& atomic = bed.host.send(compare_and_write, Bytes(512, 0x77) + Bytes(512, 0x11));
    auto& after = bed.host.send(write_2_at_5, Bytes(1024, 0x22));
    auto& reader = bed.host.send(read_2_at_5, {}, 1024);
    // Only the write before it and the read are with the medium.
    CHECK(bed.medium->held.size() == 2);
    bed.medium->release_one();
    CHECK(before.ended());
    CHECK_FALSE(atomic.ended());
    CHECK(bed.medium->kinds.back() == Kind::read);
    bed.medium->release_one(); // the reader
    CHECK(reader.ended());
    bed.medium->release_one();
    CHECK(bed.medium->kinds.back() == Kind::write);
    CHECK_FALSE(atomic.ended());
    CHECK(bed.medium->held.size() == 1);
    bed.medium->release_one();
    CHECK(atomic.answer().good());
    CHECK_FALSE(after.ended());
    bed.medium->release_all();
    CHECK(after.answer().good());
    CHECK(bed.medium->bytes[5 * 512] == std::byte{0x22});
}

TEST_CASE("an aborted command ends once, with ABORT, when the medium lets go of it") {
    Bed bed;
    auto& flight = bed.host.send(read_2_at_5, {}, 1024);
    bed.host.target().abort(flight.request());
    CHECK_FALSE(flight.ended());
    bed.medium->release_all();
    CHECK(flight.endings() == 1);
    CHECK(flight.answer().host == HostCode::abort);
    CHECK(flight.answer().data.empty());
}

TEST_CASE("an abort that comes too late changes nothing") {
    Bed bed;
    bed.medium->cancellable = false;
    auto& flight = bed.host.send(write_same, Bytes(512, 1));
    bed.medium->release_all();
    REQUIRE(flight.answer().good());
    bed.host.target().abort(flight.request());
    CHECK(flight.endings() == 1);
    CHECK(bed.host.target().start(flight.request()) != Step::done);
    bed.medium->release_all();
}

TEST_CASE("an abort between two stages stops before the next") {
    Bed bed;
    bed.medium->cancellable = false;
    auto& flight = bed.host.send(compare_and_write, Bytes(512) + Bytes(512, 0x11));
    bed.host.target().abort(flight.request());
    bed.medium->release_all();
    CHECK(flight.answer().host == HostCode::abort);
    CHECK(bed.medium->bytes[5 * 512] == std::byte{0});
    CHECK(bed.medium->kinds == std::vector{Kind::read});
}

TEST_CASE("an abort of a command that waits for others does not wait with them") {
    Bed bed;
    for (int round = 0; round < 2; ++round) { // what was aborted leaves no trace
        auto& atomic = bed.host.send(compare_and_write, Bytes(1024));
        auto& first = bed.host.send(write_2_at_5, data);
        auto& second = bed.host.send(write_2_at_5, Bytes(1024, 0x22));
        auto& third = bed.host.send(write_2_at_5, Bytes(1024));
        const unsigned submitted = bed.medium->submitted;
        bed.host.target().abort(second.request());
        CHECK_FALSE(second.ended()); // not from inside the call
        bed.host.worker().context().poll();
        CHECK(second.endings() == 1);
        CHECK(second.answer().host == HostCode::abort);
        CHECK_FALSE(first.ended());
        // The first in the line as well, and the line moves on in its order.
        bed.host.target().abort(first.request());
        bed.host.worker().context().poll();
        CHECK(first.answer().host == HostCode::abort);
        CHECK(bed.medium->submitted == submitted);
        bed.medium->release_all();
        CHECK(atomic.answer().good());
        CHECK(third.answer().good());
        for (auto* flight : {&atomic, &first, &second, &third})
            CHECK(flight->endings() == 1);
        CHECK(bed.medium->bytes[5 * 512] == std::byte{0});
    }
    bool done = false;
    bed.host.target().reset([&done](bool success) { done = success; });
    CHECK(done);
}

TEST_CASE("what ends at once lets those go on that waited for it") {
    Bed bed;
    auto& writer = bed.host.send(write_2_at_5, data);
    auto& atomic = bed.host.send(compare_and_write, data);
    auto& after = bed.host.send(write_2_at_5, Bytes(1024, 0x22));
    CHECK(bed.medium->held.size() == 1);
    // The atomic one gets its turn, and no further.
    bed.medium->refuse_next = 1;
    bed.medium->release_one();
    bed.host.worker().context().poll();
    CHECK(writer.answer().good());
    CHECK(atomic.answer().status == scsi::Status::busy);
    CHECK(bed.medium->held.size() == 1);
    bed.medium->release_all();
    CHECK(after.answer().good());
}

TEST_CASE("a reset is not held up by commands that wait for others") {
    Bed bed;
    auto& atomic = bed.host.send(compare_and_write, Bytes(1024));
    auto& parked = bed.host.send(write_2_at_5, data);
    bool done = false;
    bed.host.target().reset([&done](bool success) { done = success; });
    bed.host.worker().context().poll();
    CHECK(parked.answer().host == HostCode::reset);
    CHECK_FALSE(atomic.ended());
    CHECK_FALSE(done);
    bed.medium->release_all();
    CHECK(atomic.answer().host == HostCode::reset);
    CHECK(done);
}

TEST_CASE("a reset ends everything, also what waits, and then says so") {
    Bed bed;
    auto& first = bed.host.send(compare_and_write, Bytes(1024));
    auto& parked = bed.host.send(write_2_at_5, data);
    auto& reader = bed.host.send(read_2_at_5, {}, 1024);
    REQUIRE(bed.host.out({0x1b, 0, 0, 0, 4, 0}, {}).good()); // stopped
    bool done = false;
    bed.host.target().reset([&done](bool success) { done = success; });
    CHECK_FALSE(done);
    CHECK(bed.host.none(test_unit_ready).status != scsi::Status::good);
    bed.medium->release_all();
    CHECK(done);
    for (auto* flight : {&first, &parked, &reader}) {
        CHECK(flight->endings() == 1);
        CHECK(flight->answer().host == HostCode::reset);
    }
    CHECK(bed.medium->bytes[5 * 512] == std::byte{0});
    // As after power on: started, and the guest is told.
    CHECK(bed.host.none(test_unit_ready).is(SenseKey::unit_attention, 0x29, 0x03));
    CHECK(bed.host.none(test_unit_ready).good());
}

TEST_CASE("every reset is answered, also one that comes while another waits") {
    Bed bed;
    auto& reader = bed.host.send(read_2_at_5, {}, 1024);
    unsigned done = 0;
    for (int i = 0; i < 3; ++i)
        bed.host.target().reset([&done](bool success) { done += success ? 1 : 0; });
    CHECK(done == 0);
    bed.medium->release_all();
    CHECK(reader.answer().host == HostCode::reset);
    CHECK(done == 3);
}

TEST_CASE("data-out that never comes leaves nothing behind") {
    Bed bed;
    bed.medium->at_once = true;
    for (unsigned i = 0; i < 100; ++i)
        bed.host.target().drop(bed.host.send_without_data(write_2_at_5, 1024).request());
    CHECK(bed.host.out(write_2_at_5, data).good());
    // One that is still to come does not hold a reset up, and stops when it is there.
    auto& late = bed.host.send_without_data(write_2_at_5, 1024);
    bool done = false;
    bed.host.target().reset([&done](bool success) { done = success; });
    CHECK(done);
    CHECK(bed.host.target().resume(late.request()) == Step::done);
    CHECK(late.request().outcome.host == HostCode::reset);
}

TEST_CASE("a request that was another target's before is taken like any other") {
    Bed bed;
    bed.medium->at_once = true;
    auto& flight = bed.host.send(read_2_at_5, {}, 1024);
    int foreign = 0;
    flight.request().target_state = &foreign;
    flight.request().prepare(ring::Command(flight.request().command), 1024);
    CHECK(bed.host.target().start(flight.request()) == Step::done);
    CHECK(flight.request().outcome.data_in.size() == 1024);
}

TEST_CASE("more commands than there can be are TASK SET FULL") {
    Bed bed;
    for (unsigned i = 0; i < 32; ++i)
        bed.host.send(read_2_at_5, {}, 1024);
    CHECK(bed.host.in(read_2_at_5, 1024).status == scsi::Status::task_set_full);
    bed.medium->release_all();
    auto& next = bed.host.send(read_2_at_5, {}, 1024);
    bed.medium->release_all();
    CHECK(next.answer().good());
}

TEST_CASE("a backing that changes its size is announced once") {
    Bed bed;
    bed.medium->at_once = true;
    bed.medium->next_size = 2 * size;
    CHECK(bed.host.none(test_unit_ready).is(SenseKey::unit_attention, 0x2a, 0x09));
    CHECK(bed.host.none(test_unit_ready).good());
    const auto capacity = bed.host.in({0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 8);
    CHECK(load_be32(capacity.data, 0) == 2 * size / 512 - 1);
    bed.medium->next_size = 3 * size;
    const Bytes behind{0x28, 0, 0, 0, 0x10, 0, 0, 0, 1, 0};
    CHECK(bed.host.in(behind, 512).is(SenseKey::unit_attention, 0x2a, 0x09));
    CHECK(bed.host.in(behind, 512).good());
}
