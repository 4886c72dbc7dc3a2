// Vhosts with many units: the work is in proportion to their number, and other vhosts get their
// turn.
#include "tests/support/vhost_bed.hpp"

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;

namespace {

std::string nth(unsigned n) {
    return "dev-" + std::to_string(n);
}

void create_many(VhostBed& bed, unsigned count, const std::string& pdev) {
    for (unsigned i = 0; i < count; ++i)
        bed.add_lun(nth(i), fmt::format("0:0:{}:{}", i / 200, i % 200), pdev);
    bed.create({});
}

} // namespace

TEST_CASE("many units are opened with a few round trips each") {
    VhostBed bed;
    constexpr unsigned count = 400;
    // All at once, and, as by a toolstack that knows no transactions, while the daemon looks.
    const bool at_once = GENERATE(true, false);
    if (!at_once)
        bed.start_daemon();
    CountingStore::round_trips = 0;
    create_many(bed, count, "x");
    if (at_once)
        bed.start_daemon();
    // In the store's order, not by number; some at a time, as a busy machine with a sanitizer opens
    // but 20 in a second.
    for (unsigned some = 50; some <= count; some += 50)
        bed.until([&] { return opened.size() >= some; });
    bed.settle();
    CHECK(opened.size() == count);
    CHECK(CountingStore::round_trips < count * 40);
    bed.connect();
    bed.expect(bed.dev(nth(count - 1), "state"), "4");
    bed.settle();
    CHECK(CountingStore::round_trips < count * 50);
}

TEST_CASE("a vhost is served while many units of another one are still opened") {
    VhostBed bed;
    constexpr unsigned count = 100;
    create_many(bed, count, "slow");
    bed.start_daemon();
    bed.expect(bed.dev(nth(0), "state"), "3");
    const std::string other = "/local/domain/0/backend/vscsi/7/1";
    bed.put(other + "/vscsi-devs/dev-0/p-dev", "x");
    bed.put(other + "/vscsi-devs/dev-0/v-dev", "1:0:0:0");
    bed.put(other + "/vscsi-devs/dev-0/state", "1");
    bed.put("/local/domain/7/device/vscsi/1/state", "1");
    bed.put(other + "/state", "2");
    bed.expect(other + "/vscsi-devs/dev-0/state", "3");
    CHECK(bed.get(bed.dev(nth(count - 1), "state")) == "1");
    // Not connected before all of them are there.
    bed.offer_ring();
    bed.expect(bed.b + "/state", "4");
    CHECK(bed.get(bed.dev(nth(count - 1), "state")) == "3");
}

TEST_CASE("a unit that is removed, or fails, while others are still opened") {
    VhostBed bed;
    constexpr unsigned count = 60;
    create_many(bed, count, "slow");
    bed.put(bed.dev(nth(count - 2), "p-dev"), "broken");
    refusals = 0;
    bed.start_daemon();
    bed.expect(bed.dev(nth(0), "state"), "3");
    bed.put(bed.dev(nth(count - 1), "state"), "5");
    REQUIRE(bed.store.remove(bed.b + "/vscsi-devs/" + nth(count - 3)));
    bed.offer_ring();
    bed.expect(bed.b + "/state", "4");
    CHECK(bed.get(bed.dev(nth(count - 1), "state")) == "6");
    CHECK(bed.get(bed.dev(nth(count - 2), "error")) == "no such backing");
    CHECK(bed.get(bed.dev(nth(count - 3), "state")) == "-");
    CHECK(opened.size() == count - 3);
    CHECK(refusals <= 2); // when it was found, and once for the connection
}

TEST_CASE("what a unit's node is set to by others is news, whatever we wrote before") {
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}, {"0:0:0:1", "x"}});
    bed.start_daemon();
    bed.expect(bed.dev("dev-1", "state"), "3");
    bed.settle();
    SECTION("removed before any frontend was there") {
        bed.put(bed.dev("dev-0", "state"), "5");
        bed.expect(bed.dev("dev-0", "state"), "6");
    }
    SECTION("made anew under the same name") {
        bed.put(bed.dev("dev-0", "state"), "1");
        bed.expect(bed.dev("dev-0", "state"), "3");
        CHECK(opened.size() == 3);
    }
    SECTION("taken away with the whole node") {
        REQUIRE(bed.store.remove(bed.b + "/vscsi-devs/dev-0"));
    }
    bed.until([&] { return opened[0].expired(); });
    CHECK_FALSE(opened[1].expired());
}

TEST_CASE("a guest with many units that flaps its state gets a share of the daemon's time") {
    using std::chrono::steady_clock;
    VhostBed bed;
    create_many(bed, 100, "x");
    bed.start_daemon();
    bed.expect(bed.dev(nth(99), "state"), "3");
    bed.settle();
    CountingStore::slowness = std::chrono::microseconds(300);
    const auto begin = steady_clock::now();
    std::chrono::duration<double> busy{0};
    for (int i = 0; steady_clock::now() < begin + std::chrono::seconds(4); ++i) {
        bed.put(bed.f + "/state", i % 2 == 0 ? "6" : "1");
        bed.control.restart();
        const auto turn = steady_clock::now();
        bed.control.run_one_for(std::chrono::milliseconds(1));
        const auto took = steady_clock::now() - turn;
        if (took > std::chrono::milliseconds(10)) // not only an idle one
            busy += took;
    }
    CountingStore::slowness = std::chrono::microseconds(0);
    // A burst of a second, a fifth of the rest, and as much as a look can take in excess.
    CHECK(busy.count() < 2.6);
    bed.put(bed.f + "/state", "1");
    bed.connect();
    bed.expect(bed.dev(nth(99), "state"), "4");
}
