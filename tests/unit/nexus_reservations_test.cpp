// Guests that share a unit through one nexus reserve it against each other and against other hosts.
#include "backend/nexus/reservation_rules.hpp"
#include "tests/support/nexus_bed.hpp"

#include <atomic>
#include <thread>

using namespace pvscsi;
using namespace pvscsi::test;
namespace condition = scsi::condition;
using scsi::SenseKey;

TEST_CASE("each type of reservation lets through what SPC says it does") {
    struct Row {
        unsigned type;
        bool registered_reads, registered_writes, other_reads, other_writes;
    };
    const auto row = GENERATE(Row{1, true, false, true, false}, Row{3, false, false, false, false},
                              Row{5, true, true, true, false}, Row{6, true, true, false, false},
                              Row{7, true, true, true, false}, Row{8, true, true, false, false});
    CAPTURE(row.type);
    NexusBed bed;
    bed.enroll_all();
    REQUIRE(bed.works(row.type, bed.a(), bed.a_key));
    CHECK(reads(bed.a()));
    CHECK(writes(bed.a()));
    CHECK(reads(bed.b()) == row.registered_reads);
    CHECK(writes(bed.b()) == row.registered_writes);
    CHECK(reads(bed.c()) == row.other_reads);
    CHECK(writes(bed.c()) == row.other_writes);
    // The device does so with other hosts.
    CHECK(bed.device.type == row.type);
    CHECK(bed.device.holds(0));
    CHECK(reads(bed.other) == row.other_reads);
    CHECK_FALSE(writes(bed.other));
    for (TargetHost* guest : {&bed.b(), &bed.c()}) {
        CHECK(guest->none(test_unit_ready).good());
        CHECK(guest->in(inquiry, 36).good());
        const Bytes unmap{0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        CHECK(conflicts(guest->none(unmap)) == (guest == &bed.c() || row.type < 5));
    }
    // And nobody has it any more when it is released.
    CHECK(send(bed.a(), pr_out(release, bed.a_key, 0, static_cast<std::uint8_t>(row.type))).good());
    CHECK(bed.device.type == 0);
    if (row.type >= 5)
        CHECK(says(bed.b(), condition::reservations_released));
    for (TargetHost* guest : {&bed.a(), &bed.b(), &bed.c()}) {
        CHECK(silent(*guest));
        CHECK(writes(*guest));
    }
    CHECK(writes(bed.other));
}

TEST_CASE("commands are judged by what they do") {
    using backend::Use;
    struct Row {
        std::uint8_t type;
        Bytes cdb;
        Use use;
    };
    const auto long_cdb = [](std::uint8_t opcode, std::uint8_t action, std::size_t size) {
        Bytes cdb(size);
        cdb[0] = opcode, cdb[1] = action;
        return cdb;
    };
    Bytes moving(12), still(12);
    moving[0] = still[0] = 0xb8, still[6] = 0x02;
    const Row rows[] = {
        {0, test_unit_ready, Use::harmless},
        {0, inquiry, Use::harmless},
        {0, {0x03, 0, 0, 0, 18, 0}, Use::harmless},
        {0, long_cdb(0x25, 0, 10), Use::harmless},
        {0, long_cdb(0x9e, 0x10, 16), Use::harmless},
        {0, long_cdb(0x9e, 0x12, 16), Use::reads}, // GET LBA STATUS
        {0, long_cdb(0xa3, 0x0a, 12), Use::harmless},
        {0, long_cdb(0xa4, 0x0a, 12), Use::writes},
        {0, {0x1b, 0, 0, 0, 1, 0}, Use::harmless},
        {0, {0x1b, 0, 0, 0, 0, 0}, Use::writes},
        {0, {0x1b, 0, 0, 0, 0x11, 0}, Use::writes},
        {0, {0x1e, 0, 0, 0, 0, 0}, Use::harmless},
        {0, {0x1e, 0, 0, 0, 1, 0}, Use::writes},
        {0, read_1, Use::reads},
        {0, {0x1a, 0, 0x3f, 0, 252, 0}, Use::reads},
        {0, write_1, Use::writes},
        {0, long_cdb(0x42, 0, 10), Use::writes},
        {0, long_cdb(0x89, 0, 16), Use::writes},
        {0, long_cdb(0xc0, 0, 10), Use::writes}, // a vendor's
        {0, reserve_6, Use::writes},
        {1, {0x05, 0, 0, 0, 0, 0}, Use::harmless},
        {1, long_cdb(0x34, 0, 10), Use::harmless},
        {1, {0x01, 0, 0, 0, 0, 0}, Use::writes}, // REWIND
        {1, {0x1b, 0, 0, 0, 1, 0}, Use::writes}, // LOAD
        {1, {0x08, 0, 0, 0, 1, 0}, Use::reads},
        {5, long_cdb(0x42, 0, 10), Use::reads}, // READ SUB-CHANNEL
        {5, long_cdb(0x4a, 0, 10), Use::harmless},
        {8, moving, Use::reads},
        {8, still, Use::harmless},
    };
    for (const Row& row : rows) {
        CAPTURE(row.type, row.cdb);
        CHECK(backend::use_of(row.type, *ring::Cdb::make(row.cdb)) == row.use);
    }
}

TEST_CASE("keys are each guest's own") {
    NexusBed bed;
    CHECK(conflicts(send(bed.a(), pr_out(enroll, 1, 0xa)))); // it is not registered
    CHECK(send(bed.a(), pr_out(enroll, 0, 0)).good());       // nor is it by this
    CHECK(bed.device.registrants.empty());
    bed.enroll_all();
    CHECK(keys(bed.c()) == Keys{0xa, 0xb});
    CHECK(keys(bed.a()) == Keys{0xa, 0xb});
    CHECK(keys(bed.other) == Keys{0xa}); // one nexus, one key

    const auto generation = [&] { return load_be32(bed.a().in(pr_in(0), 1024).data, 0); };
    const auto before = generation();
    CHECK(conflicts(send(bed.b(), pr_out(enroll, 0xa, 0xbb)))); // another's key
    CHECK(send(bed.b(), pr_out(enroll, 0xb, 0xbb)).good());
    CHECK(keys(bed.a()) == Keys{0xa, 0xbb});
    CHECK(send(bed.a(), pr_out(enroll_anyway, 77, 0xaa)).good());
    CHECK(keys(bed.a()) == Keys{0xaa, 0xbb});
    CHECK(keys(bed.other) == Keys{0xaa});
    CHECK(generation() == before + 2);

    CHECK(conflicts(send(bed.c(), pr_out(reserve, 0, 0, 1))));
    CHECK(conflicts(send(bed.b(), pr_out(reserve, 0xaa, 0, 1))));
    // Who leaves takes its key along; the device has one as long as anybody is registered.
    CHECK(send(bed.a(), pr_out(enroll, 0xaa, 0)).good());
    CHECK(keys(bed.a()) == Keys{0xbb});
    CHECK(keys(bed.other) == Keys{0xbb});
    CHECK(send(bed.b(), pr_out(enroll, 0xbb, 0)).good());
    CHECK(bed.device.registrants.empty());
    for (TargetHost* guest : {&bed.a(), &bed.b(), &bed.c()})
        CHECK(silent(*guest));
}

TEST_CASE("what a guest asks wrongly is refused as a device would") {
    NexusBed bed;
    bed.enroll_all();
    const auto refused = [&](PrOutCommand command, unsigned asc, unsigned ascq) {
        return send(bed.a(), command).is(SenseKey::illegal_request, asc, ascq);
    };
    CHECK(refused(pr_out(static_cast<Action>(7), 0xa, 1), 0x24, 0x00)); // REGISTER AND MOVE
    CHECK(refused(pr_out(static_cast<Action>(8), 0xa, 1), 0x24, 0x00)); // REPLACE LOST
    CHECK(refused(pr_out(enroll, 0xa, 1, 0, 0x08), 0x26, 0x00));        // SPEC_I_PT
    CHECK(refused(pr_out(enroll, 0xa, 1, 0, 0x04), 0x26, 0x00));        // ALL_TG_PT
    CHECK(refused(pr_out(reserve, 0xa, 0, 2), 0x24, 0x00));             // no such type
    CHECK(refused(pr_out(reserve, 0xa, 0, 0x15), 0x24, 0x00));          // no such scope
    CHECK(refused(pr_out(preempt, 0xa, 0, 1), 0x26, 0x00));             // nobody's key
    REQUIRE(bed.works(1, bed.a(), 0xa));
    CHECK(refused(pr_out(release, 0xa, 0, 3), 0x26, 0x04)); // another type
    PrOutCommand cut = pr_out(reserve, 0xa, 0, 1);
    cut.list.resize(20);
    CHECK(refused(cut, 0x1a, 0x00));
    CHECK(bed.a().none(cut.cdb).is(SenseKey::illegal_request, 0x1a, 0x00)); // no list at all
    cut = pr_out(reserve, 0xa, 0, 1);
    cut.cdb[8] = 16;
    CHECK(refused(cut, 0x1a, 0x00));
    for (backend::NexusId id = 10; id < 10 + backend::ReservationTable::most - 2; ++id)
        CHECK(send(bed.guest(id), pr_out(enroll, 0, id)).good());
    CHECK(send(bed.guest(99), pr_out(enroll, 0, 99)).is(SenseKey::illegal_request, 0x55, 0x04));
    CHECK(bed.a().in(pr_in(2), 8).data == Bytes{0, 8, 0x73, 0xff, 0xff, 0xff, 0, 0});
}

TEST_CASE("a device without persistent reservations says so to the guest") {
    NexusBed bed;
    bed.device.has_pr = false;
    CHECK(bed.a().in(pr_in(0), 1024).is(SenseKey::illegal_request, 0x20, 0x00));
    CHECK(send(bed.a(), pr_out(enroll, 0, 0xa)).is(SenseKey::illegal_request, 0x20, 0x00));
    CHECK(bed.unit->reservations().registrations().empty());
    CHECK(writes(bed.a()));
}

TEST_CASE("one guest holds it at a time, and its holder leaving releases it") {
    NexusBed bed;
    bed.enroll_all();
    const unsigned type = GENERATE(1u, 5u);
    REQUIRE(bed.works(type, bed.b(), 0xb));
    CHECK(bed.works(type, bed.b(), 0xb));       // again: it has it
    CHECK_FALSE(bed.works(type, bed.a(), 0xa)); // another one
    CHECK_FALSE(bed.works(3, bed.b(), 0xb));    // another type
    CHECK(held(bed.a()) == Held{type, 0xb});
    CHECK(held(bed.other) == Held{type, 0xb}); // the key is the holder's, also to other hosts
    CHECK(send(bed.a(), pr_out(release, 0xa, 0, static_cast<std::uint8_t>(type))).good());
    CHECK(held(bed.a()) == Held{type, 0xb}); // it was not its
    CHECK(send(bed.b(), pr_out(enroll, 0xb, 0)).good());
    CHECK(held(bed.other) == Held{});
    CHECK(keys(bed.other) == Keys{0xa});
    if (type == 5)
        CHECK(says(bed.a(), condition::reservations_released));
    CHECK(silent(bed.a()));
    CHECK(writes(bed.c()));
}

TEST_CASE("a reservation of all registrants ends with the last of them") {
    NexusBed bed;
    bed.enroll_all();
    REQUIRE(bed.works(7, bed.a(), 0xa));
    CHECK(bed.works(7, bed.b(), 0xb)); // it holds it, too
    CHECK(send(bed.a(), pr_out(enroll, 0xa, 0)).good());
    CHECK(bed.device.type == 7);
    CHECK(writes(bed.b()));
    CHECK_FALSE(writes(bed.a()));
    CHECK(send(bed.b(), pr_out(enroll, 0xb, 0)).good());
    CHECK(bed.device.type == 0);
    CHECK(writes(bed.a()));
}

TEST_CASE("READ FULL STATUS has each guest in the place of the one nexus") {
    NexusBed bed;
    REQUIRE(send(bed.other, pr_out(enroll, 0, bed.other_key)).good());
    bed.enroll_all();
    REQUIRE(bed.works(5, bed.b(), 0xb));
    const auto data = bed.a().in(pr_in(3), 1024).data;
    struct Row {
        std::uint64_t key;
        unsigned holds, type, nexus;
        bool operator==(const Row&) const = default;
    };
    std::vector<Row> rows;
    for (std::size_t at = 8; at < 8 + load_be32(data, 4); at += 24 + load_be32(data, at + 20))
        rows.push_back({load_be64(data, at), data[at + 12] & 1u, data[at + 13] & 0xfu,
                        load_be16(data, at + 18)});
    CHECK(rows == std::vector<Row>{{bed.other_key, 0, 0, 1}, {0xa, 0, 0, 0}, {0xb, 1, 5, 0}});
    CHECK(bed.a().in(pr_in(3, 10), 1024).data.size() == 10);
    CHECK(bed.a().in(pr_in(0, 0), 1024).data.empty());
    CHECK(keys(bed.a()) == Keys{0xa, 0xb, bed.other_key});
}

TEST_CASE("CLEAR ends all registrations and says so to the others") {
    NexusBed bed;
    bed.enroll_all();
    REQUIRE(bed.works(6, bed.a(), 0xa));
    CHECK(conflicts(send(bed.c(), pr_out(clear, 0xc))));
    CHECK(send(bed.b(), pr_out(clear, 0xb)).good());
    CHECK(says(bed.a(), condition::reservations_preempted));
    CHECK(bed.device.registrants.empty());
    for (TargetHost* guest : {&bed.a(), &bed.b(), &bed.c()}) {
        CHECK(silent(*guest));
        CHECK(writes(*guest));
        CHECK(keys(*guest).empty());
    }
}

TEST_CASE("what another host reserves counts for guests that are not registered") {
    NexusBed bed;
    REQUIRE(send(bed.other, pr_out(enroll, 0, bed.other_key)).good());
    bed.a(), bed.c();
    REQUIRE(send(bed.a(), pr_out(enroll, 0, bed.a_key)).good());
    REQUIRE(send(bed.other, pr_out(reserve, bed.other_key, 0, 5)).good());
    bed.a().target().keep_house();
    CHECK_FALSE(writes(bed.c())); // though the device would let it through
    CHECK(writes(bed.a()));
    CHECK(held(bed.c()) == Held{5, bed.other_key});
    CHECK_FALSE(bed.works(5, bed.a(), bed.a_key));
    REQUIRE(send(bed.other, pr_out(release, bed.other_key, 0, 5)).good());
    CHECK(says(bed.a(), condition::reservations_released));
    CHECK(writes(bed.c()));
}

TEST_CASE("changes are made one at a time") {
    NexusBed bed;
    bed.enroll_all();
    const backend::Nexus someone{77};
    REQUIRE(bed.unit->begin_change(someone));
    CHECK(send(bed.a(), pr_out(reserve, 0xa, 0, 1)).status == scsi::Status::busy);
    CHECK(bed.a().in(pr_in(0), 1024).status == scsi::Status::busy);
    CHECK(writes(bed.a()));
    bed.unit->end_change(someone);
    CHECK(bed.works(1, bed.a(), 0xa));
}

TEST_CASE("a unit attention that the daemon's own commands meet is told to all") {
    NexusBed bed;
    bed.enroll_all();
    bed.device.tell(0, condition::capacity_changed);
    CHECK(bed.works(1, bed.a(), 0xa)); // its own command had been let through already
    CHECK(says(bed.a(), condition::capacity_changed));
    CHECK(says(bed.b(), condition::capacity_changed));
    CHECK(says(bed.c(), condition::capacity_changed));
}

TEST_CASE("guests on threads of their own do not get into each other's way") {
    NexusBed bed;
    std::atomic<unsigned> wrong{0};
    const auto guest = [&](backend::NexusId id) {
        TargetHost host(std::make_unique<backend::NexusTarget>(
            std::make_unique<PrPath>(bed.device, 0), bed.unit, id));
        const auto until_good = [&](const PrOutCommand& command) {
            for (unsigned i = 0; i < 10'000; ++i) {
                const auto answer = send(host, command);
                if (answer.good())
                    return;
                if (answer.status != scsi::Status::busy &&
                    answer.status != scsi::Status::check_condition) // a unit attention
                    ++wrong;
                std::this_thread::yield();
            }
            ++wrong;
        };
        for (unsigned round = 0; round < 50; ++round) {
            until_good(pr_out(enroll_anyway, 0, id));
            if (!host.in(inquiry, 36).good())
                ++wrong;
            until_good(pr_out(enroll, id, 0));
            host.target().keep_house();
        }
    };
    std::thread other([&] { guest(2); });
    guest(1);
    other.join();
    CHECK(wrong == 0);
    CHECK(bed.device.registrants.empty());
    CHECK(bed.unit->reservations().registrations().empty());
}
