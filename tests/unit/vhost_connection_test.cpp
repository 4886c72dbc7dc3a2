// A vhost's connection: how it comes to be, ends and comes again, whatever the frontend does.
#include "tests/support/vhost_bed.hpp"

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using xenbus::State;

TEST_CASE("no more segments are offered than the smallest device takes") {
    struct Row {
        std::uint64_t carried;
        const char* offered;
    };
    const auto row = GENERATE(Row{0, "64"}, Row{1 << 20, "64"}, Row{128 << 10, "32"},
                              Row{(128 << 10) + 4095, "32"}, Row{4096, "26"});
    VhostBed bed;
    carried = row.carried;
    bed.create({{"0:0:0:0", "x"}, {"0:0:0:1", "y"}});
    bed.start_daemon();
    bed.expect(bed.dev("dev-1", "state"), "3");
    bed.settle();
    CHECK(bed.get(bed.b + "/feature-sg-grant") == row.offered);
}

TEST_CASE("a vhost connects: units at 3 before the backend is at 4, at 4 with the frontend") {
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}, {"0:0:1:5", "y"}});
    bed.start_daemon();
    bed.expect(bed.dev("dev-1", "state"), "3");
    CHECK(bed.get(bed.b + "/feature-sg-grant") == "64");
    CHECK(bed.get(bed.b + "/state") == "2");
    bed.offer_ring();
    bed.expect(bed.b + "/state", "4");
    CHECK(bed.get(bed.dev("dev-0", "state")) == "3");
    CHECK(bed.get(bed.dev("dev-1", "state")) == "3");
    // Served although the frontend is at 3 still.
    bed.send(QueueBed::request(1, {0, 0, 0, 0, 0, 0}));
    bed.until([&] { return bed.held(0) == 1; });
    bed.put(bed.f + "/state", "4");
    bed.expect(bed.dev("dev-0", "state"), "4");
    bed.expect(bed.dev("dev-1", "state"), "4");
    CHECK(serials[0] != serials[1]);
}

TEST_CASE("a frontend that waits at Initialised when the daemon comes is served") {
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}}, GENERATE("1", "2"));
    bed.offer_ring();
    bed.start_daemon();
    bed.expect(bed.b + "/state", "4");
}

TEST_CASE("a vhost that appears while the daemon runs is found, and forgotten when removed") {
    VhostBed bed;
    bed.start_daemon();
    bed.create({{"0:0:0:0", "x"}});
    bed.expect(bed.b + "/feature-sg-grant", "64");
    bed.connect();
    REQUIRE(bed.store.remove(bed.b));
    bed.until([&] { return opened[0].expired(); });
}

TEST_CASE("nothing is written of a vhost that is removed while the daemon looks at it") {
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}});
    if (GENERATE(false, true))
        bed.offer_ring();
    int lists = GENERATE(range(1, 8)); // of the daemon, until then
    std::function<void()> listed = [&] {
        if (--lists == 0)
            REQUIRE(bed.store.remove(bed.b));
        else
            CountingStore::after_list = listed;
    };
    CountingStore::after_list = listed;
    bed.start_daemon();
    bed.settle();
    CountingStore::after_list = nullptr;
    if (lists > 0) // as many were not needed
        REQUIRE(bed.store.remove(bed.b));
    CHECK_FALSE(bed.store.list(bed.b));
}

TEST_CASE("closing waits for the devices, and the frontend can come back") {
    VhostBed bed;
    bed.serve({{"0:0:0:0", "x"}});
    bed.send(QueueBed::request(1, {0, 0, 0, 0, 0, 0}));
    bed.until([&] { return bed.held(0) == 1; });

    SECTION("by way of Closing, as one does that resets itself and waits for 6") {
        bed.put(bed.f + "/state", "5");
        bed.expect(bed.b + "/state", "5");
        bed.put(bed.f + "/state", "6");
        bed.settle();
        CHECK(bed.get(bed.b + "/state") == "5");
        bed.end_held(opened[0]);
        bed.expect(bed.b + "/state", "6");
        bed.settle();
        CHECK(bed.get(bed.b + "/state") == "6");
        bed.put(bed.f + "/state", "1");
        bed.expect(bed.b + "/state", "2");
    }
    SECTION(
        "at once, as one does that is unbound, and that finds us at InitWait when it is bound") {
        bed.put(bed.f + "/state", "6");
        bed.expect(bed.b + "/state", "2");
        bed.settle();
        CHECK(bed.held(0) == 1);
        bed.end_held(opened[0]);
        bed.settle();
        CHECK(bed.get(bed.b + "/state") == "2");
    }
    SECTION("at once, when the toolstack has taken it away") {
        bed.put(bed.b + "/online", "0");
        bed.put(bed.f + "/state", "6");
        bed.expect(bed.b + "/state", "5");
        bed.end_held(opened[0]);
        bed.expect(bed.b + "/state", "6");
        bed.put(bed.b + "/online", "1");
        bed.put(bed.f + "/state", "1");
        bed.expect(bed.b + "/state", "2");
    }
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
    CHECK(opened.size() == 1);
}

TEST_CASE("a frontend bound again faster than the daemon looks is served, and finds its units") {
    VhostBed bed;
    bed.serve({{"0:0:0:0", "x"}});
    bed.send(QueueBed::request(1, {0, 0, 0, 0, 0, 0}));
    bed.until([&] { return bed.held(0) == 1; });
    // Its old page is still ours, so it has another one.
    const auto offer_another_ring = [&] {
        bed.memory.page(1001).fill({});
        bed.front.emplace(ring::SharedPage(bed.memory.page(1001)));
        bed.put(bed.f + "/ring-ref", "1001");
        bed.put(bed.f + "/state", "3");
    };
    std::string waits_for = "4";
    SECTION("it waits at Initialised") {
        bed.put(bed.f + "/state", "6");
        offer_another_ring();
    }
    SECTION("it waits at Initialised, and we have seen that it was closed") {
        bed.put(bed.f + "/state", "6");
        bed.expect(bed.b + "/state", "2");
        offer_another_ring();
    }
    SECTION("it has found us at Connected") {
        bed.put(bed.f + "/state", "6");
        bed.expect(bed.b + "/state", "2");
        offer_another_ring();
        bed.put(bed.f + "/state", "4");
        waits_for = "7";
    }
    SECTION("it has found us at Connected, and we have seen it at nothing else") {
        offer_another_ring();
        bed.put(bed.f + "/state", "4");
        waits_for = "7";
    }
    bed.settle();
    bed.end_held(opened[0]);
    bed.expect(bed.b + "/state", waits_for);
    bed.put(bed.f + "/state", "4");
    // As Linux' does, which looks for units when we are at Reconfigured.
    bed.expect(bed.b + "/state", "7");
    CHECK(bed.get(bed.dev("dev-0", "state")) == "3");
    bed.put(bed.f + "/state", "7");
    bed.expect(bed.b + "/state", "8");
    bed.put(bed.f + "/state", "4");
    bed.expect(bed.b + "/state", "4");
    bed.expect(bed.dev("dev-0", "state"), "4");
    CHECK(opened.size() == 1);
    bed.send(QueueBed::request(9, {0, 0, 0, 0, 0, 0}));
    bed.until([&] { return bed.held(0) == 1; });
}

TEST_CASE("an endpoint that can't be used ends that connection with the reason") {
    const auto [ref, port, reason] = GENERATE(
        table<std::string, std::string, std::string>({{"", "5", "ring-ref"},
                                                      {"-1", "5", "ring-ref"},
                                                      {"4294967296", "5", "ring-ref"},
                                                      {"1000x", "5", "ring-ref"},
                                                      {std::string(1500, '9'), "5", "ring-ref"},
                                                      {"77", "5", "no such grant"},
                                                      {"1000", "", "event-channel"},
                                                      {"1000", "0x5", "event-channel"},
                                                      {"1000", "6", "event-channel"}}));
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.offer_ring(ref, port);
    bed.expect(bed.b + "/state", "5");
    CHECK(bed.get(bed.b + "/error").find(reason) != std::string::npos);
    CHECK(bed.get(bed.b + "/error").size() < 300);
    bed.put(bed.f + "/state", "6");
    bed.expect(bed.b + "/state", "2");
    bed.put(bed.f + "/state", "1");
    bed.settle();
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
}

TEST_CASE("connections that fail are offered again after pauses that grow, until one has served") {
    using std::chrono::milliseconds;
    using std::chrono::steady_clock;
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.expect(bed.b + "/state", "2");
    const auto until_offered = [&] {
        const auto begin = steady_clock::now();
        bed.expect(bed.b + "/state", "5");
        bed.put(bed.f + "/state", "6");
        bed.expect(bed.b + "/state", "2");
        return steady_clock::now() - begin;
    };
    const auto fails = [&] {
        bed.offer_ring("77");
        return until_offered();
    };
    CHECK(fails() >= milliseconds(10));
    CHECK(fails() >= milliseconds(20));
    for (const int pause : {40, 80, 160, 320, 640})
        CHECK(fails() >= milliseconds(pause));

    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
    bed.send(QueueBed::request(1, {0, 0, 0, 0, 0, 0}));
    bed.until([&] { return bed.held(0) == 1; });
    bed.end_held(opened[0]);
    bed.until([&] { return bed.front->available().value_or(0) == 1; });
    const std::uint32_t mad = 1000;
    bed.workers[0]->call([&] { std::memcpy(bed.memory.page(1000).data(), &mad, sizeof mad); });
    const std::uint64_t one = 1;
    REQUIRE(::write(bed.hypervisor.daemon_end.get(), &one, sizeof one) == sizeof one);
    CHECK(until_offered() < milliseconds(1000)); // the next one would be 1280
    CHECK(fails() < milliseconds(1000));
}

TEST_CASE("a frontend that does not wait for the offer is served when the pause is over") {
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    for (int i = 0; i < 5; ++i) {
        bed.offer_ring("77");
        bed.expect(bed.b + "/state", "5");
        bed.put(bed.f + "/state", "6");
        bed.expect(bed.b + "/state", "6");
    }
    bed.offer_ring();
    bed.expect(bed.b + "/state", "4");
}

TEST_CASE("a ring fault disconnects that vhost_guest, with the reason") {
    VhostBed bed;
    bed.serve({{"0:0:0:0", "x"}});
    const std::uint32_t mad = 1000;
    bed.workers[0]->call([&] { std::memcpy(bed.memory.page(1000).data(), &mad, sizeof mad); });
    const std::uint64_t one = 1;
    REQUIRE(::write(bed.hypervisor.daemon_end.get(), &one, sizeof one) == sizeof one);
    bed.expect(bed.b + "/state", "5");
    CHECK(bed.get(bed.b + "/error").find("more requests") != std::string::npos);
    bed.expect(bed.b + "/state", "6");
    bed.put(bed.f + "/state", "6");
    bed.expect(bed.b + "/state", "2");
}

TEST_CASE("a frontend's state is taken for what it is, or for nothing") {
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    for (const char* text : {"", "9", "44", "-1", "four", "4\n", " 4"}) {
        bed.put(bed.f + "/state", text);
        bed.settle();
        CHECK(bed.get(bed.b + "/state") == "2");
    }
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
}

TEST_CASE("a frontend that starts anew without ever reading 6 is served") {
    VhostBed bed;
    bed.serve({{"0:0:0:0", "x"}});
    bed.put(bed.f + "/state", "5");
    bed.expect(bed.b + "/state", "5");
    bed.put(bed.f + "/state", "1");
    bed.expect(bed.b + "/state", "2");
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
}

TEST_CASE("a frontend that flaps its state is looked at a bounded number of times") {
    VhostBed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.expect(bed.b + "/feature-sg-grant", "64");
    for (int i = 0; i < 2000; ++i)
        bed.put(bed.f + "/state", i % 2 == 0 ? "6" : "1");
    bed.put(bed.f + "/state", "1");
    bed.settle();
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
}

TEST_CASE("a store that dies is noticed, and the connection serves on until then") {
    VhostBed bed;
    bed.serve({{"0:0:0:0", "x"}});
    bed.host.stop();
    bed.send(QueueBed::request(1, {0, 0, 0, 0, 0, 0}));
    bed.until([&] { return bed.held(0) == 1; });
    bed.until([&] { return bed.store_lost; });
}

TEST_CASE("a device that the kernel's own backend has taken is left to it, and the error says so") {
    VhostBed bed;
    const std::filesystem::path device = bed.kernel_devices() + "/vscsi-7-0";
    std::filesystem::create_directories(device);
    std::filesystem::create_symlink("../../drivers/xen-pvscsi", device / "driver");
    SECTION("while it connects") {
        bed.create({{"0:0:0:0", "x"}}, "1");
        bed.start_daemon();
        bed.offer_ring();
        bed.settle();
        CHECK(bed.get(bed.b + "/state") == "1");
    }
    SECTION("that it serves already") {
        bed.create({{"0:0:0:0", "x"}}, "4");
        bed.put(bed.f + "/state", "4");
        bed.start_daemon();
        bed.settle();
        CHECK(bed.get(bed.b + "/state") == "4");
    }
    CHECK(opened.empty());
    CHECK(bed.get(bed.b + "/error").find("xen-pvscsi has taken this device") != std::string::npos);
    CHECK(bed.get(bed.b + "/error").find("rmmod xen-scsiback") != std::string::npos);

    // Its module is unloaded: it closes, and what it leaves is ours.
    std::filesystem::remove_all(device);
    bed.put(bed.f + "/state", "1");
    bed.expect(bed.b + "/state", "2");
    CHECK(bed.get(bed.b + "/error") == "-");
    bed.connect();
}
