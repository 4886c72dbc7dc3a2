// Vhosts that come and go while pvscsi-run runs, over a store by hand and devices by hand.
#include "frontend/run/vhost_watch.hpp"
#include "tests/support/fake_hypervisor.hpp"
#include "tests/support/fake_transport.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

using namespace pvscsi;
using namespace pvscsi::test;

namespace {

constexpr DomId guest{7};

struct WatchBed {
    FakeHost host;
    run::Loop loop;
    run::Server server{loop, "/tmp/pvscsi-watch-test-" + std::to_string(getpid()),
                       std::chrono::seconds(1)};
    std::map<std::uint32_t, FakeTransport*> opened;
    unsigned attempts = 0;
    bool refuse = false;
    run::VhostWatch watch{loop, server, FakeHypervisor(host, guest).open_store(), guest,
                          [this](std::uint32_t number) { return open(number); }};

    WatchBed() { server.run_once(); } // the event that comes with the watch

    std::unique_ptr<run::Transport> open(std::uint32_t number) {
        ++attempts;
        if (refuse)
            throw std::runtime_error("refused by the test");
        auto transport = std::make_unique<FakeTransport>(std::vector{Hctl{number, 0, 0, 0}});
        opened[number] = transport.get();
        return transport;
    }
    /// A turn of the server's loop, which something has woken.
    void turn() {
        host.set("/local/domain/7/device/vscsi/nonsense", "");
        server.run_once();
    }
    void set_state(unsigned number, const std::string& state) {
        host.set("/local/domain/7/device/vscsi/" + std::to_string(number) + "/state", state);
        server.run_once();
    }
};

} // namespace

TEST_CASE("a vhost that the toolstack has made is opened once") {
    WatchBed bed;
    bed.set_state(3, "1");
    CHECK(bed.server.nodes() == std::vector<Hctl>{{3, 0, 0, 0}});
    bed.set_state(3, "1");
    bed.set_state(3, "4");
    CHECK(bed.attempts == 1);
}

TEST_CASE("a vhost that somebody uses or has used is left alone") {
    WatchBed bed;
    for (const char* state : {"3", "4", "5", "6", "", "x"})
        bed.set_state(0, state);
    bed.turn();
    CHECK(bed.attempts == 0);
}

TEST_CASE("one that cannot be opened is reported, and the others are opened") {
    WatchBed bed;
    bed.refuse = true;
    bed.set_state(1, "1");
    CHECK(bed.attempts == 1);
    CHECK(bed.server.nodes().empty());
    bed.host.set("/local/domain/7/device/vscsi/1/state", "6"); // as a session leaves it
    bed.refuse = false;
    bed.set_state(2, "1");
    CHECK(bed.server.nodes() == std::vector<Hctl>{{2, 0, 0, 0}});
}

TEST_CASE("one that was removed and made again has its nodes again") {
    WatchBed bed;
    bed.set_state(0, "1");
    bed.set_state(0, "4");
    SECTION("with time between") {
        bed.host.remove("/local/domain/7/device/vscsi/0");
        bed.opened[0]->close();
        bed.turn();
        CHECK(bed.server.nodes().empty());
        CHECK_FALSE(bed.server.has_vhost(0));
        bed.set_state(0, "1");
    }
    SECTION("before its end was noticed") {
        bed.set_state(0, "1");
        CHECK(bed.attempts == 1);
        bed.opened[0]->close();
        bed.turn();
    }
    CHECK(bed.attempts == 2);
    CHECK(bed.server.nodes() == std::vector<Hctl>{{0, 0, 0, 0}});
}

TEST_CASE("a vhost that is gone is let go of, and the loop no longer looks at it") {
    WatchBed bed;
    bed.set_state(0, "1");
    bed.set_state(0, "4");
    bool destroyed = false;
    bed.opened[0]->on_destroyed([&] { destroyed = true; });
    bed.opened[0]->close();
    bed.turn();
    CHECK(destroyed);
    CHECK_FALSE(bed.server.has_vhost(0));
}
