// Commands of a disk that wait, are aborted or reset, and what must not overtake what.
#include "tests/support/scripted_disk.hpp"

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using scsi::HostCode;
using scsi::SenseKey;
using Kind = MediumOp::Kind;

TEST_CASE("COMPARE AND WRITE has the disk to itself while it lasts") {
    ScriptedDisk bed;
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
    ScriptedDisk bed;
    auto& flight = bed.host.send(read_2_at_5, {}, 1024);
    bed.host.target().abort(flight.request());
    CHECK_FALSE(flight.ended());
    bed.medium->release_all();
    CHECK(flight.endings() == 1);
    CHECK(flight.answer().host == HostCode::abort);
    CHECK(flight.answer().data.empty());
}

TEST_CASE("an abort that comes too late changes nothing") {
    ScriptedDisk bed;
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
    ScriptedDisk bed;
    bed.medium->cancellable = false;
    auto& flight = bed.host.send(compare_and_write, Bytes(512) + Bytes(512, 0x11));
    bed.host.target().abort(flight.request());
    bed.medium->release_all();
    CHECK(flight.answer().host == HostCode::abort);
    CHECK(bed.medium->bytes[5 * 512] == std::byte{0});
    CHECK(bed.medium->kinds == std::vector{Kind::read});
}

TEST_CASE("an abort of a command that waits for others does not wait with them") {
    ScriptedDisk bed;
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
    ScriptedDisk bed;
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
    ScriptedDisk bed;
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
    ScriptedDisk bed;
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
    ScriptedDisk bed;
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
    ScriptedDisk bed;
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
    ScriptedDisk bed;
    bed.medium->at_once = true;
    auto& flight = bed.host.send(read_2_at_5, {}, 1024);
    int foreign = 0;
    flight.request().target_state = &foreign;
    flight.request().prepare(ring::Command(flight.request().command), 1024);
    CHECK(bed.host.target().start(flight.request()) == Step::done);
    CHECK(flight.request().outcome.data_in.size() == 1024);
}

TEST_CASE("more commands than there can be are TASK SET FULL") {
    ScriptedDisk bed;
    for (unsigned i = 0; i < 32; ++i)
        bed.host.send(read_2_at_5, {}, 1024);
    CHECK(bed.host.in(read_2_at_5, 1024).status == scsi::Status::task_set_full);
    bed.medium->release_all();
    auto& next = bed.host.send(read_2_at_5, {}, 1024);
    bed.medium->release_all();
    CHECK(next.answer().good());
}
