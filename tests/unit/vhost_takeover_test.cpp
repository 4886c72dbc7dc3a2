// A vhost when daemons come and go: taking a connection over, ending what can't be gone on with,
// burying what dead domains left.
#include "tests/support/vhost_bed.hpp"

#include <boost/asio/post.hpp>

#include <fstream>
#include <thread>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using xenbus::State;

TEST_CASE("a daemon that comes after a dead one ends what it can't go on with, and offers anew") {
    VhostBed bed;
    bed.serve({{"0:0:0:0", "x"}});
    bed.put(bed.b + "/state", "4");
    bed.stop_daemon();
    bed.put(bed.b + "/state", "4"); // as if it had been killed
    bed.start_daemon();
    bed.expect(bed.b + "/state", "5");
    CHECK(bed.get(bed.b + "/error").find("restarted") != std::string::npos);
    // What is in flight will never be answered: the frontend hears of it and need not wait.
    bed.expect(bed.b + "/state", "6");
    bed.settle();
    CHECK(bed.get(bed.b + "/state") == "6");
    bed.put(bed.f + "/state", "6");
    bed.expect(bed.b + "/state", "2");
    bed.put(bed.f + "/state", "1");
    bed.settle();
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
    CHECK(bed.get(bed.b + "/error") == "-");
}

TEST_CASE("a daemon that comes after another one goes on with the connection") {
    VhostBed bed;
    bed.serve({{"0:0:0:0", "x"}});
    bed.hand_over();
    CHECK(bed.get(bed.b + "/state") == "4");
    bed.send(QueueBed::request(9, {0, 0, 0, 0, 0, 0})); // while none is there

    SECTION("as if nothing had been") {
        bed.start_daemon();
        bed.until([&] { return opened.size() == 2 && bed.held(1) == 1; });
        CHECK(bed.get(bed.b + "/state") == "4");
        CHECK(bed.get(bed.dev("dev-0", "state")) == "4");
    }
    SECTION("once what the other one had open is free") {
        busy_opens = 3;
        bed.start_daemon();
        bed.until([&] { return opened.size() == 2 && bed.held(1) == 1; });
        CHECK(busy_opens == 0);
        CHECK(bed.get(bed.dev("dev-0", "state")) == "4");
    }
    SECTION("once the other one's commands have left the device") {
        busy_looks = 3;
        bed.start_daemon();
        bed.until([&] { return opened.size() == 2 && bed.held(1) == 1; });
        CHECK(busy_looks == 0);
    }
    SECTION("once another unit's reset of the device is over") {
        leftovers_then = Leftovers::resetting;
        bed.start_daemon();
        bed.until([] { return opened.size() == 2; });
        bed.settle();
        CHECK(bed.held(1) == 0);
        leftovers_then = Leftovers::disowned;
        bed.until([&] { return bed.held(1) == 1; }); // what was sent since, and never begun
    }
    SECTION("with what was set while the other one's commands were at the device") {
        bed.put(bed.dev("dev-0", "timeout"), "30");
        busy_looks = 100;
        bed.start_daemon();
        bed.until([] { return busy_looks < 99; });
        REQUIRE(opened.size() == 2);
        bed.put(bed.dev("dev-0", "timeout"), "7");
        bed.settle();
        longest = -1;
        busy_looks = 0;
        bed.until([&] { return bed.held(1) == 1; });
        CHECK(longest == 7);
    }
    SECTION("and closes it if the ring is not the same one") {
        bed.offer_ring(); // the guest started anew meanwhile
        bed.put(bed.f + "/state", "4");
        bed.start_daemon();
        bed.expect(bed.b + "/state", "5");
        CHECK(bed.get(bed.b + "/error").find("another ring") != std::string::npos);
    }
    SECTION("and connects to the new ring of a frontend that was bound again meanwhile") {
        bed.offer_ring();
        bed.start_daemon();
        bed.until([&] { return bed.get(bed.dev("dev-0", "state")) == "3"; });
        bed.expect(bed.b + "/state", "4");
        bed.send(QueueBed::request(9, {0, 0, 0, 0, 0, 0}));
        bed.until([&] { return opened.size() == 2 && bed.held(1) == 1; });
    }
    SECTION("and a frontend that starts anew waits for what the other one still has open") {
        bed.put(bed.f + "/state", "1");
        busy_opens = 5;
        bed.start_daemon();
        bed.expect(bed.b + "/state", "2");
        bed.offer_ring();
        bed.expect(bed.b + "/state", "4");
        CHECK(busy_opens == 0);
        CHECK(bed.get(bed.dev("dev-0", "state")) == "3");
    }
    SECTION("but not if the frontend has left meanwhile") {
        bed.put(bed.f + "/state", "6");
        bed.start_daemon();
        bed.expect(bed.b + "/state", "2");
        CHECK(!std::filesystem::exists(bed.journal()));
    }
    SECTION("and keeps no journal of vhosts that went meanwhile") {
        CHECK(std::filesystem::exists(bed.journal()));
        REQUIRE(bed.store.remove(bed.b));
        bed.start_daemon();
        CHECK(!std::filesystem::exists(bed.journal()));
    }
}

TEST_CASE("what the toolstack takes offline stays closed") {
    VhostBed bed;
    bed.serve({{"0:0:0:0", "x"}});
    bed.put(bed.b + "/online", "0");
    bed.put(bed.b + "/state", "5");
    bed.settle();
    bed.put(bed.f + "/state", "6");
    bed.expect(bed.b + "/state", "6");
    bed.settle();
    CHECK(bed.get(bed.b + "/state") == "6");
}

TEST_CASE("a daemon that died after its last word offers anew all the same") {
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.put(bed.b + "/state", "6");
    bed.put(bed.f + "/state", "4");
    bed.start_daemon();
    bed.settle();
    CHECK(bed.get(bed.b + "/state") == "6");
    bed.put(bed.f + "/state", "6");
    bed.expect(bed.b + "/state", "2");
}

TEST_CASE("a dead domain's nodes are removed, also those of before the daemon's time") {
    VhostBed bed;
    const std::string stale = "/local/domain/0/backend/vscsi/99/0/state";
    bed.put(stale, "4");
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.expect(stale, "-");
    bed.connect();
    bed.host.release(vhost_guest);
    bed.expect(bed.b + "/state", "-");
    CHECK_FALSE(bed.store.list("/local/domain/0/backend/vscsi/7"));
    bed.until([&] { return opened[0].expired(); });
}

TEST_CASE("a connection with many units is taken over in turns, and goes on") {
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}});
    for (unsigned i = 1; i < 40; ++i)
        bed.add_lun("dev-" + std::to_string(i), "0:0:0:" + std::to_string(i), "x");
    bed.start_daemon();
    bed.connect();
    bed.expect(bed.dev("dev-39", "state"), "4");
    bed.hand_over();
    bed.send(QueueBed::request(9, {0, 0, 0, 0, 0, 0}));

    // The first one takes longer than a turn, and others have theirs before the next one.
    bool others = false, in_turns = false;
    while_opening = [&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(15));
        boost::asio::post(bed.control, [&] { others = true; });
        while_opening = [&] { in_turns = others; };
    };
    bed.start_daemon();
    bed.until([&] { return opened.size() == 80 && bed.held(40) == 1; });
    CHECK(in_turns);
    CHECK(bed.get(bed.b + "/state") == "4");
    CHECK(bed.get(bed.dev("dev-39", "state")) == "4");
}

TEST_CASE("a unit that was added while no daemon was there is opened after a take-over in turns") {
    VhostBed bed;
    bed.serve({{"0:0:0:0", "x"}, {"0:0:0:1", "x"}});
    bed.hand_over();
    bed.add_lun("dev-2", "0:0:0:2", "x");
    bed.put(bed.b + "/state", "7");
    bed.put(bed.f + "/state", "7");
    while_opening = [] { std::this_thread::sleep_for(std::chrono::milliseconds(15)); };
    bed.start_daemon();
    bed.expect(bed.b + "/state", "8");
    CHECK(bed.get(bed.dev("dev-2", "state")) == "3");
}

TEST_CASE(
    "what a dead daemon has begun is not begun again where its device was reset for another") {
    VhostBed bed;
    bed.serve({{"0:0:0:0", "x"}});
    bed.hand_over();
    const auto request = QueueBed::request(9, {0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0});
    bed.send(request);
    { // as a daemon leaves it that was killed with the command at the device
        auto journal = Journal::reopen(bed.journal());
        REQUIRE(journal);
        (*journal)->blank(0) = request;
        (*journal)->record(0, 0);
    }
    SECTION("but where it has none of them") {
        bed.start_daemon();
        bed.until([&] { return opened.size() == 2 && bed.held(1) == 1; });
    }
    SECTION("also if the device keeps them for long: it is reset then") {
        leftovers_then = Leftovers::some;
        bed.start_daemon();
        bed.until([&] { return bed.front->available().value_or(0) == 1; });
        CHECK(bed.held(1) == 0);
        CHECK(resets_of_leftovers == 1);
    }
    SECTION("nor is there a second reset") {
        leftovers_then = Leftovers::disowned;
        bed.start_daemon();
        bed.until([&] { return bed.front->available().value_or(0) == 1; });
        CHECK(bed.held(1) == 0);
        CHECK(resets_of_leftovers == 0);
    }
}

TEST_CASE("a guest that is new waits for a dead daemon's commands as well") {
    VhostBed bed;
    SECTION("where one has died") {
        std::ofstream(bed.host.directory() / "99-0.ring") << "left";
        busy_looks = 1000;
    }
    SECTION("for as long as another unit resets the device") {
        leftovers_then = Leftovers::resetting;
    }
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.settle();
    CHECK(bed.get(bed.dev("dev-0", "state")) == "1");
    leftovers_then = Leftovers::none;
    busy_looks = 0;
    bed.connect();
    CHECK(bed.get(bed.dev("dev-0", "state")) == "3");
}

TEST_CASE("nobody waits for commands where no daemon has died: they are this host's") {
    VhostBed bed;
    busy_looks = 1000;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.connect();
    CHECK(busy_looks > 900);
    CHECK(bed.get(bed.dev("dev-0", "state")) == "3");
}
