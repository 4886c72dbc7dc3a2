// The units of a vhost: opened, failed alone, added, removed and taken away while others are
// served.
#include "tests/support/vhost_bed.hpp"

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using xenbus::State;

TEST_CASE("a unit that can't be opened fails alone, with the reason in its node") {
    VhostBed bed;
    bed.create({{"0:0:0:0", "broken"}, {"0:0:0:1", "x"}, {"0:0:0:1", "x"}, {"nonsense", "x"}});
    bed.start_daemon();
    bed.connect();
    bed.expect(bed.dev("dev-1", "state"), "4");
    CHECK(bed.get(bed.dev("dev-0", "state")) == "6");
    CHECK(bed.get(bed.dev("dev-0", "error")) == "no such backing");
    CHECK(bed.get(bed.dev("dev-2", "state")) == "6");
    CHECK(bed.get(bed.dev("dev-2", "error")).find("taken by dev-1") != std::string::npos);
    CHECK(bed.get(bed.dev("dev-3", "state")) == "6");
    CHECK(bed.get(bed.dev("dev-3", "error")).find("HOST:CHANNEL:TARGET:LUN") != std::string::npos);

    // It is tried again with the next connection.
    bed.put(bed.dev("dev-0", "p-dev"), "x");
    bed.put(bed.f + "/state", "6");
    bed.expect(bed.b + "/state", "2");
    bed.put(bed.f + "/state", "1");
    bed.expect(bed.dev("dev-0", "state"), "3");
    CHECK(bed.get(bed.dev("dev-0", "error")) == "-");
}

TEST_CASE("units are added and removed while the others are served") {
    VhostBed bed;
    bed.serve({{"0:0:0:0", "x"}});

    bed.add_lun("dev-1", "0:0:0:1", "y");
    bed.put(bed.b + "/state", "7");
    bed.settle();
    CHECK(bed.get(bed.dev("dev-1", "state")) == "1"); // the frontend's turn
    bed.put(bed.f + "/state", "7");
    bed.expect(bed.b + "/state", "8");
    CHECK(bed.get(bed.dev("dev-1", "state")) == "3");
    bed.put(bed.f + "/state", "4");
    bed.expect(bed.b + "/state", "4");
    CHECK(bed.get(bed.dev("dev-1", "state")) == "4");

    bed.put(bed.dev("dev-0", "state"), "5");
    bed.put(bed.b + "/state", "7");
    bed.settle();
    CHECK_FALSE(opened[0].expired()); // served until the frontend is at 7
    bed.put(bed.f + "/state", "7");
    bed.expect(bed.b + "/state", "8");
    CHECK(bed.get(bed.dev("dev-0", "state")) == "6");
    bed.until([&] { return opened[0].expired(); });
    CHECK_FALSE(opened[1].expired());
    bed.put(bed.f + "/state", "4");
    bed.expect(bed.b + "/state", "4");
}

TEST_CASE("what may be changed of a unit in use gets to it, and is no reason to look") {
    VhostBed bed;
    bed.serve({{"0:0:0:0", "x"}, {"0:0:0:1", "y"}});
    longest = -1;
    bed.put(bed.dev("dev-0", "timeout"), "30");
    bed.until([] { return longest == 30; });
    bed.put(bed.dev("dev-0", "timeout"), "a lot"); // stays as it was
    bed.put(bed.dev("dev-9", "timeout"), "31");    // there is no such unit
    REQUIRE(bed.store.remove(bed.dev("dev-0", "timeout")));
    bed.until([] { return longest == 0; });
    CHECK(opened.size() == 2);
}

TEST_CASE("a unit's policy is that of its node, or the unit fails with what is wrong") {
    VhostBed bed;
    bed.settings.policies.emplace_back().name = "mine";
    const auto policy = [&](unsigned lun, const std::string& value) {
        bed.put(bed.dev("dev-" + std::to_string(lun), "policy"), value);
    };
    policy(0, "audit:mine");
    policy(1, "yours");
    policy(2, "tape");
    policy(3, "a b");
    bed.serve(
        {{"0:0:0:0", "x"}, {"0:0:0:1", "x"}, {"0:0:0:2", "x"}, {"0:0:0:3", "x"}, {"0:0:0:4", "x"}});
    CHECK(bed.get(bed.dev("dev-0", "state")) == "4");
    const auto error = [&](unsigned lun) {
        return bed.get(bed.dev("dev-" + std::to_string(lun), "error"));
    };
    CHECK(error(1).find("there is no policy 'yours' on this host; expected one of default") == 0);
    CHECK(error(1).find(", mine, or [policy.yours] in pvscsid.toml") != std::string::npos);
    CHECK(error(2).find("policy 'tape' is for devices of another type") == 0);
    CHECK(error(3) == "policy is \"a b\", expected NAME or audit:NAME");
}

TEST_CASE("a unit whose nodes are gone is no more served, whatever the frontend says") {
    const std::string frontend_state = GENERATE("3", "4", "7");
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}, {"0:0:0:1", "y"}});
    bed.start_daemon();
    bed.offer_ring();
    bed.expect(bed.b + "/state", "4");
    if (frontend_state != "3") {
        bed.put(bed.f + "/state", "4");
        bed.expect(bed.dev("dev-0", "state"), "4");
        bed.put(bed.f + "/state", frontend_state);
    }
    REQUIRE(bed.store.remove(bed.b + "/vscsi-devs/dev-0"));
    bed.until([&] { return opened[0].expired(); });
    CHECK_FALSE(opened[1].expired());
    CHECK(bed.get(bed.b + "/state") == "4");
}

TEST_CASE("a look at a connected vhost costs the same whatever number of units it has") {
    const auto cost = [](unsigned units) {
        VhostBed bed;
        for (unsigned i = 0; i < units; ++i)
            bed.add_lun("dev-" + std::to_string(i), "0:0:0:" + std::to_string(i), "x");
        bed.create({});
        bed.start_daemon();
        bed.connect();
        for (unsigned i = 0; i < units; ++i)
            bed.expect(bed.dev("dev-" + std::to_string(i), "state"), "4");
        bed.settle();
        const unsigned before = CountingStore::round_trips;
        bed.put(bed.f + "/state", "4");
        bed.settle();
        return CountingStore::round_trips - before;
    };
    const unsigned one = cost(1);
    CHECK(one > 0);
    CHECK(cost(12) == one);
}

TEST_CASE("a unit that failed is not tried again with every look, and new ones need no frontend") {
    VhostBed bed;
    refusals = 0;
    bed.create({{"0:0:0:0", "broken"}});
    bed.start_daemon();
    bed.expect(bed.dev("dev-0", "state"), "6");
    for (int i = 0; i < 5; ++i) {
        bed.put(bed.f + "/state", "1");
        bed.settle();
    }
    CHECK(refusals == 1);
    bed.put(bed.f + "/state", "6"); // its driver is unloaded
    bed.add_lun("dev-1", "0:0:0:1", "x");
    bed.expect(bed.dev("dev-1", "state"), "3");
    bed.put(bed.dev("dev-1", "state"), "5");
    bed.expect(bed.dev("dev-1", "state"), "6");
    bed.until([&] { return opened[0].expired(); });
    CHECK(refusals == 1);
}

TEST_CASE("a unit whose state can't be kept is served, with a warning that says so") {
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}});
    no_memory = true;
    bed.start_daemon();
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
    CHECK(bed.get(bed.dev("dev-0", "error")) == "-");
    CHECK(bed.get(bed.dev("dev-0", "warning")).find("No space left") != std::string::npos);
}

TEST_CASE("what a unit remarks is in its node, and goes when it is no longer so") {
    VhostBed bed;
    bed.serve({{"0:0:0:0", "x"}});
    bed.workers[0]->call([] { remarks = {"locked", ""}; });
    for (const char* const expected : {"locked", "-"}) {
        bed.until([&] { return bed.get(bed.dev("dev-0", "warning")) == expected; });
    }
}

TEST_CASE("a guest's nexus ends with its connection or its unit, but not with the daemon") {
    VhostBed bed;
    bed.serve({{"0:0:0:0", "x"}});
    const unsigned at_first = nexus_losses;
    SECTION("the connection") {
        bed.put(bed.f + "/state", "5");
        bed.expect(bed.b + "/state", "5");
        bed.until([&] { return nexus_losses == at_first + 1; });
    }
    SECTION("the unit") {
        bed.put(bed.dev("dev-0", "state"), "5");
        bed.put(bed.b + "/state", "7");
        bed.put(bed.f + "/state", "7");
        bed.expect(bed.dev("dev-0", "state"), "6");
        bed.until([&] { return nexus_losses == at_first + 1; });
    }
    SECTION("the guest") {
        bed.stop_daemon(); // which ends the connections
        CHECK(nexus_losses > at_first);
    }
    SECTION("not the daemon that has a successor") {
        bed.hand_over();
        CHECK(nexus_losses == at_first);
        bed.start_daemon();
        bed.until([&] { return opened.size() > 1 && !opened[1].expired(); });
        bed.settle();
        CHECK(nexus_losses == at_first);
    }
}

TEST_CASE("a unit that is taken away while it is opened is not served, and its nodes stay away") {
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.expect(bed.dev("dev-0", "state"), "3");
    const std::string pdev = GENERATE("y", "broken");
    while_opening = [&] { REQUIRE(bed.store.remove(bed.b + "/vscsi-devs/dev-1")); };
    bed.add_lun("dev-1", "0:0:1:0", pdev);
    bed.until([] { return while_opening == nullptr; });
    bed.settle();
    CHECK(bed.store.list(bed.b + "/vscsi-devs") == std::vector<std::string>{"dev-0"});

    bed.add_lun("dev-2", "0:0:1:0", "y"); // its address is free
    bed.expect(bed.dev("dev-2", "state"), "3");
}

TEST_CASE("a unit that is made another one while it is opened is opened as that") {
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.expect(bed.dev("dev-0", "state"), "3");
    struct Change {
        const char *node, *value;
    };
    const auto [node, value] =
        GENERATE(Change{"p-dev", "z"}, Change{"v-dev", "0:0:2:0"}, Change{"mode", "r"},
                 Change{"exclusive", "no"}, Change{"policy", "disk"}, Change{"vport", "auto"});
    CAPTURE(node);
    while_opening = [&] { // as by a toolstack that makes the vhost anew
        REQUIRE(bed.store.remove(bed.b + "/vscsi-devs/dev-1"));
        bed.add_lun("dev-1", "0:0:1:0", "y");
        bed.put(bed.dev("dev-1", node), value);
    };
    bed.add_lun("dev-1", "0:0:1:0", "y");
    bed.until([] { return while_opening == nullptr; });
    if (node == std::string("vport")) // there is none: but it was not served without
        bed.expect(bed.dev("dev-1", "state"), "6");
    else
        bed.expect(bed.dev("dev-1", "state"), "3");
    bed.settle();
    CHECK(opened[1].expired());
    if (node == std::string("p-dev"))
        CHECK(pdevs.back() == "z");
}

TEST_CASE("a unit that is to be removed when it would be confirmed is removed") {
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}, {"0:0:0:1", "y"}});
    bed.start_daemon();
    bed.offer_ring();
    bed.expect(bed.b + "/state", "4");
    // Between the daemon's look at the units and its write.
    CountingStore::after_list = [&] {
        bed.put(bed.dev("dev-0", "state"), "5");
        bed.put(bed.b + "/state", "7");
    };
    bed.put(bed.f + "/state", "4");
    bed.expect(bed.dev("dev-1", "state"), "4");
    bed.settle();
    CHECK(bed.get(bed.dev("dev-0", "state")) == "5");
    bed.put(bed.f + "/state", "7");
    bed.expect(bed.dev("dev-0", "state"), "6");
    bed.expect(bed.b + "/state", "8");
}

TEST_CASE("the host's bound of timeouts holds for every unit") {
    VhostBed bed;
    bed.settings.max_timeout = 20;
    longest = -1;
    bed.serve({{"0:0:0:0", "x"}});
    CHECK(longest == 20);
    bed.put(bed.dev("dev-0", "timeout"), "30");
    bed.put(bed.dev("dev-0", "timeout"), "10");
    bed.until([] { return longest == 10; });
    bed.put(bed.dev("dev-0", "timeout"), "30");
    bed.until([] { return longest == 20; });
    bed.settings.max_timeout.reset(); // read again
    bed.put(bed.dev("dev-0", "timeout"), "40");
    bed.until([] { return longest == 40; });
}
