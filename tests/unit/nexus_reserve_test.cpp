// RESERVE and RELEASE, the older way, of guests that share a unit through one nexus.
#include "tests/support/nexus_bed.hpp"

using namespace pvscsi;
using namespace pvscsi::test;
namespace condition = scsi::condition;
using scsi::SenseKey;

TEST_CASE("RESERVE keeps the other guests and other hosts out") {
    NexusBed bed;
    bed.a(), bed.b();
    CHECK(bed.a().none(reserve_6).good());
    CHECK(bed.a().none(reserve_6).good());
    CHECK(conflicts(bed.b().none(reserve_6)));
    CHECK(conflicts(bed.b().none(test_unit_ready)));
    CHECK(bed.b().in(inquiry, 36).good());
    CHECK(conflicts(bed.other.none(test_unit_ready)));
    CHECK(writes(bed.a()));
    CHECK(bed.b().none(release_6).good()); // not its to release
    CHECK(conflicts(bed.other.none(test_unit_ready)));
    SECTION("until it is released") {
        CHECK(bed.a().none(release_6).good());
    }
    SECTION("until the guest's connection is another one") {
        bed.a().target().nexus_lost();
    }
    SECTION("until the unit is reset") {
        bed.b().target().reset([](bool) {});
        CHECK(says(bed.a(), condition::unit_was_reset));
        CHECK(says(bed.b(), condition::unit_was_reset));
    }
    SECTION("over a restart of the daemon") {
        bed.stop();
        bed.start();
        CHECK(conflicts(bed.b().none(test_unit_ready)));
        CHECK(bed.a().none(release_6).good());
    }
    CHECK(silent(bed.b()));
    CHECK(silent(bed.other));
}

TEST_CASE("a RESERVE that the device refuses keeps nobody out") {
    NexusBed bed;
    bed.a(), bed.b();
    REQUIRE(bed.other.none(reserve_6).good());
    CHECK(conflicts(bed.a().none(reserve_6)));
    REQUIRE(bed.other.none(release_6).good());
    CHECK(silent(bed.b()));
    CHECK(bed.b().none(reserve_6).good());
}

TEST_CASE("RESERVE and persistent reservations are not mixed") {
    NexusBed bed;
    bed.enroll_all();
    CHECK(conflicts(bed.c().none(reserve_6)));
    CHECK(silent(bed.a()));
}
