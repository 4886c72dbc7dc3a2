// A guest's life as the daemon sees it: it begins before the store knows the domain, ends with it,
// and goes on in another domain when it migrates.
#include "backend/toolstack/guest_life.hpp"
#include "tests/support/vhost_bed.hpp"

using namespace pvscsi;
using namespace pvscsi::test;

namespace {

const std::string home = "/local/domain/7";
const std::string vm = "/vm/6f0a4fe2-0d3c-4c41-9d0a-c5e5a5b05b4d";

/// As libxl leaves a domain before it introduces it, or after it has destroyed it in part.
void take_from_store(VhostBed& bed) {
    bed.host.release(vhost_guest);
    bed.put(home + "/name", "demo");
    bed.put(home + "/vm", vm);
    bed.put(vm + "/uuid", vm.substr(4));
}

} // namespace

TEST_CASE("a domain's nodes stay while it is being made, whichever other one ends") {
    VhostBed bed;
    take_from_store(bed);
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.expect(bed.dev("dev-0", "state"), "3");
    bed.host.add_guest(DomId{8});
    bed.host.release(DomId{8});
    bed.settle();
    CHECK(bed.get(bed.b + "/state") == "2");

    SECTION("and it runs") {
        bed.host.add_guest(vhost_guest);
        bed.connect();
        bed.expect(bed.dev("dev-0", "state"), "4");
    }
    SECTION("and they go when the toolstack gives it up") {
        REQUIRE(bed.store.remove(vm));
        bed.expect(bed.b + "/state", "-");
        bed.until([&] { return opened[0].expired(); });
    }
}

TEST_CASE("a dead domain's nodes go, though its toolstack has left its own") {
    VhostBed bed;
    bed.put(vm + "/uuid", vm.substr(4));
    bed.put(home + "/vm", vm);
    bed.serve({{"0:0:0:0", "x"}});
    take_from_store(bed);
    bed.expect(bed.b + "/state", "-");
    bed.until([&] { return opened[0].expired(); });
}

TEST_CASE("a unit is waited for while the domain that migrates into this one has it") {
    VhostBed bed;
    bed.put(home + "/vm", vm);
    bed.host.add_guest(DomId{8});
    bed.create({{"0:0:0:0", "x"}});
    SECTION("one that has this guest's UUID") {
        bed.put("/local/domain/8/vm", vm);
        busy_opens = 4;
        bed.start_daemon();
        // Until the guest runs the other one does, and is to have it.
        bed.expect(bed.dev("dev-0", "state"), "6");
        bed.connect();
        CHECK(busy_opens == 0);
        bed.expect(bed.dev("dev-0", "state"), "4");
        CHECK(bed.get(bed.dev("dev-0", "error")) == "-");
    }
    SECTION("not while another one has") {
        bed.put("/local/domain/8/vm", "/vm/11111111-2222-3333-4444-555555555555");
        busy_opens = 3;
        bed.start_daemon();
        bed.expect(bed.dev("dev-0", "state"), "6");
        bed.connect();
        CHECK(busy_opens == 1);
        CHECK(bed.get(bed.dev("dev-0", "state")) == "6");
    }
}

TEST_CASE("a migrating domain is the one that it was") {
    CHECK(toolstack::lasting_name("demo--incoming") == "demo");
    CHECK(toolstack::lasting_name("demo--migratedaway") == "demo");
    CHECK(toolstack::lasting_name("demo") == "demo");
    CHECK(toolstack::lasting_name("--incoming") == "--incoming");
}
