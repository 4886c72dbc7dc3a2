// Reservations outlive the daemon, whenever it dies.
#include "tests/support/nexus_bed.hpp"

#include <filesystem>

using namespace pvscsi;
using namespace pvscsi::test;
namespace condition = scsi::condition;

TEST_CASE("a restart changes nothing") {
    NexusBed bed;
    bed.enroll_all();
    REQUIRE(bed.works(6, bed.b(), 0xb));
    bed.stop();
    bed.start();
    CHECK_FALSE(reads(bed.c()));
    CHECK(writes(bed.a()));
    CHECK(keys(bed.a()) == Keys{0xa, 0xb});
    CHECK(held(bed.c()) == Held{6, 0xb});
    CHECK(send(bed.b(), pr_out(release, 0xb, 0, 6)).good());
    CHECK(says(bed.a(), condition::reservations_released));
    CHECK(writes(bed.c()));
}

TEST_CASE("what others have done meanwhile is found, and told to those who come later") {
    NexusBed bed;
    REQUIRE(send(bed.other, pr_out(enroll, 0, bed.other_key)).good());
    bed.enroll_all();
    REQUIRE(bed.works(5, bed.a(), 0xa));
    bed.stop();
    REQUIRE(send(bed.other, pr_out(preempt, bed.other_key, 0xa, 5)).good());
    bed.device.attentions.clear();
    bed.start();
    bed.c().target().keep_house();
    CHECK_FALSE(writes(bed.c()));
    CHECK(says(bed.a(), condition::registrations_preempted));
    CHECK(says(bed.b(), condition::registrations_preempted));
    CHECK_FALSE(writes(bed.b()));
}

TEST_CASE("a record that is damaged has no registrations, and the device none of ours") {
    NexusBed bed;
    bed.enroll_all();
    REQUIRE(bed.works(1, bed.a(), 0xa));
    bed.stop();
    SECTION("of another size") {
        bed.folder.file("reservations", "nothing");
    }
    SECTION("with both copies torn") {
        std::fstream file(bed.record(), std::ios::in | std::ios::out | std::ios::binary);
        for (const std::streamoff at : {64, 1400})
            file.seekp(at).write("torn", 4);
    }
    bed.start();
    CHECK(conflicts(send(bed.a(), pr_out(reserve, 0xa, 0, 1))));
    // The guests have to begin anew, as their software does after a loss of registrations.
    CHECK(send(bed.a(), pr_out(enroll_anyway, 0, 0xa)).good());
    CHECK(bed.works(1, bed.a(), 0xa));
    CHECK_FALSE(writes(bed.b()));
}

namespace {

/// What there was at one moment: where the daemon is killed then.
struct Moment {
    std::string record;
    std::vector<PrUnit::Registrant> registrants;
    std::uint8_t type;
    unsigned holder;
};

std::string text_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Whoever is registered and whatever is held: what the guests are let do is what the device has.
void check_sound(NexusBed& bed) {
    bed.a(), bed.b(), bed.c();
    bed.c().target().keep_house();
    const auto table = bed.unit->reservations();
    CHECK((bed.device.key_of(0) != 0) == !table.registrations().empty());
    CHECK(bed.device.key_of(0) == table.device_key);
    CHECK(bed.device.holds(0) == table.held_here());
    if (table.held_here()) {
        CHECK(static_cast<unsigned>(table.type) == bed.device.type);
        if (bed.device.type < 7)
            CHECK(table.key_of(table.holder) == bed.device.key_of(0));
    }
    for (TargetHost* guest : {&bed.a(), &bed.b(), &bed.c()})
        while (!guest->none(test_unit_ready).good()) // what they are told
            ;
    CHECK(writes(bed.c()) == (bed.device.type == 0));
}

} // namespace

TEST_CASE("killed at any step of a change, the next daemon goes on from one side of it") {
    struct Row {
        const char* what;
        unsigned type; ///< held by a before
        PrOutCommand command;
        backend::NexusId by;
    };
    const Row rows[] = {
        {"the first registers", 0, pr_out(enroll_anyway, 0, 0xaa), NexusBed::a_id},
        {"another registers", 0, pr_out(enroll, 0, 0xc), NexusBed::c_id},
        {"reserve", 0, pr_out(reserve, 0xb, 0, 5), NexusBed::b_id},
        {"reserve with the device's key", 0, pr_out(reserve, 0xa, 0, 1), NexusBed::a_id},
        {"release", 6, pr_out(release, 0xa, 0, 6), NexusBed::a_id},
        {"the holder leaves", 5, pr_out(enroll, 0xa, 0), NexusBed::a_id},
        {"another leaves", 5, pr_out(enroll, 0xb, 0), NexusBed::b_id},
        {"clear", 8, pr_out(clear, 0xb), NexusBed::b_id},
        {"preempt", 1, pr_out(preempt, 0xb, 0xa, 3), NexusBed::b_id},
        {"preempt with the same type", 5, pr_out(preempt, 0xb, 0xa, 5), NexusBed::b_id},
        {"preempt all", 7, pr_out(preempt, 0xb, 0, 5), NexusBed::b_id},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        NexusBed bed;
        bed.enroll_all();
        if (row.type != 0)
            REQUIRE(bed.works(row.type, bed.a(), 0xa));
        std::vector<Moment> moments;
        const auto now = [&] {
            moments.push_back({text_of(bed.record()), bed.device.registrants, bed.device.type,
                               bed.device.holder});
        };
        bed.device.around_each = now;
        CHECK(send(bed.guest(row.by), row.command).good());
        now();
        bed.device.around_each = nullptr;
        CHECK(moments.size() >= 3);
        for (std::size_t i = 0; i < moments.size(); ++i) {
            CAPTURE(i);
            bed.stop();
            bed.folder.file("reservations", moments[i].record);
            bed.device.registrants = moments[i].registrants;
            bed.device.type = moments[i].type;
            bed.device.holder = moments[i].holder;
            bed.start();
            check_sound(bed);
        }
    }
}

TEST_CASE("of a store that was cut off the one before it counts") {
    const Folder folder;
    const auto path = folder.path("record");
    backend::ReservationTable table;
    table.set_key(1, 0xa);
    {
        backend::ReservationRecord record(path);
        record.store(table);
    }
    const std::string before = text_of(path);
    table.set_key(2, 0xb);
    {
        backend::ReservationRecord record(path);
        CHECK(record.contents().registrations().size() == 1);
        record.store(table);
    }
    const std::string after = text_of(path);
    REQUIRE(before.size() == after.size());
    // What has come to the disk is any part of what was written.
    for (std::size_t cut = 0; cut <= after.size(); ++cut) {
        if (cut < after.size() && before[cut] == after[cut])
            continue;
        folder.file("record", after.substr(0, cut) + before.substr(cut));
        const auto found = backend::ReservationRecord(path).contents();
        const auto size = found.registrations().size();
        if ((size != 1 && size != 2) || found.key_of(1) != 0xa)
            FAIL("cut at " << cut << ": " << size << " registrations");
    }
    CHECK(backend::ReservationRecord(path).contents().registrations().size() == 2);
}
