// LUNs behind ports of the guest's own: the test is the toolstack, the guest, the kernel and the
// fabric.
#include "backend/npiv/vports.hpp"
#include "backend/unit_records.hpp"
#include "tests/support/fake_fc.hpp"
#include "tests/support/vhost_bed.hpp"

#include <catch2/catch.hpp>

#include <cerrno>
#include <fstream>

using namespace pvscsi;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using backend::npiv::Vports;
using Catch::Contains;

namespace {

const std::string port_a = "5001438000000001:5001438000000000";
const std::string target = "5005076800000001:5005076800000000";
const std::string names = "2100000000000001:2000000000000001";
const std::string wwpn = names.substr(0, 16);
const std::string pdev = "fc.50:05:07:68:00:00:00:01:5";

struct PortBed : VhostBed {
    FakeFc fc;
    std::string unit_name; ///< the unit's own
    std::shared_ptr<Vports> ports;

    PortBed() {
        settings.npiv_linger = 0;
        settings.npiv_wait = 60;
        housekeeping = 50ms;
        fc.add_port(1, port_a);
        fc.first_state = "Linkdown";
        make_ports();
    }
    ~PortBed() {
        stop_daemon();
        vports = nullptr;
    }
    void make_ports() {
        ports = std::make_shared<Vports>(control,
                                         Vports::Place{host.directory().string() + "/units", "dom0",
                                                       fc.tree(), fc.kernel(), 5ms, 0ms},
                                         settings);
        ports->begin();
        vports = ports.get();
    }
    void add_port_lun(const std::string& name = "dev-0", const std::string& vport = names) {
        put(dev(name, "vport"), vport);
        add_lun(name, "0:0:0:" + name.substr(4), pdev);
    }
    void make_vhost() {
        put(b + "/online", "1");
        put(f + "/state", "1");
        put(b + "/state", "2");
    }
    bool is_there() const { return fc.tree().vport(*config::parse_wwn_name(wwpn)).has_value(); }
    void appear() {
        until([&] { return is_there(); });
        fc.set_vport_state(wwpn, "Active");
        fc.add_unit(fc.add_remote(fc.host_of(wwpn), target), 5, "sg7", unit_name);
    }
    /// With a LUN behind its port, connected.
    void serve_guest() {
        add_port_lun();
        make_vhost();
        start_daemon();
        appear();
        connect();
        expect(dev("dev-0", "state"), "4");
    }
    void remove_guest() {
        REQUIRE(store.remove(b));
        REQUIRE(store.remove(f));
    }
};

} // namespace

TEST_CASE("a LUN is opened by its guest's port when that is there, and not before") {
    PortBed bed;
    bed.add_port_lun();
    bed.make_vhost();
    bed.start_daemon();
    bed.until([&] { return bed.is_there(); });
    bed.settle();
    CHECK(bed.get(bed.dev("dev-0", "state")) == "1");
    CHECK(opened.empty());
    bed.appear();
    bed.expect(bed.dev("dev-0", "state"), "3");
    CHECK(pdevs == std::vector<std::string>{pdev + "@" + wwpn});
    bed.until(
        [&] { return bed.fc.tree().vports().at(0).symbolic_name.starts_with("pvscsi:dom0:"); });
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
    // Its guest goes: the port does, when the target has let go.
    bed.remove_guest();
    bed.until([&] { return !bed.is_there(); });
    CHECK(opened.at(0).expired());
    bed.until([&] { return bed.ports->list().empty(); });
}

TEST_CASE("a guest that connects before its port is there waits for it") {
    PortBed bed;
    bed.add_port_lun();
    bed.make_vhost();
    bed.start_daemon();
    bed.offer_ring();
    bed.until([&] { return bed.is_there(); });
    bed.settle();
    CHECK(bed.get(bed.b + "/state") == "2");
    bed.appear();
    bed.expect(bed.b + "/state", "4");
    CHECK(pdevs.size() == 1);
}

TEST_CASE("a port that does not come in time fails its LUN alone, and a later one is hot plugged") {
    PortBed bed;
    bed.settings.npiv_wait = 1;
    bed.add_port_lun();
    bed.add_lun("dev-1", "0:0:0:1", "other");
    bed.make_vhost();
    bed.start_daemon();
    bed.connect();
    CHECK(bed.get(bed.dev("dev-0", "state")) == "6");
    CHECK(bed.get(bed.dev("dev-0", "error")) ==
          "the port 2100000000000001 is not logged in to the fabric: Linkdown (before: "
          "Initializing) (waited for 1 s)");
    bed.expect(bed.dev("dev-1", "state"), "4");
    // It stays, for it may yet be logged in.
    bed.settle();
    CHECK(bed.is_there());
    bed.appear();
    bed.expect(bed.b + "/state", "7");
    CHECK(bed.get(bed.dev("dev-0", "state")) == "1");
    bed.put(bed.f + "/state", "7");
    bed.expect(bed.b + "/state", "8");
    CHECK(bed.get(bed.dev("dev-0", "state")) == "3");
    CHECK(bed.get(bed.dev("dev-0", "error")) == "-");
    CHECK(pdevs.back() == pdev + "@" + wwpn);
}

TEST_CASE("what no waiting mends fails at once") {
    PortBed bed;
    const auto failure = [&] {
        bed.make_vhost();
        bed.start_daemon();
        bed.expect(bed.dev("dev-0", "state"), "6");
        return bed.get(bed.dev("dev-0", "error"));
    };
    SECTION("somebody else's port") {
        bed.fc.make_vport(1, names);
        bed.add_port_lun();
        CHECK_THAT(failure(), Contains("somebody else has made a virtual port 2100000000000001"));
    }
    SECTION("the kernel refuses") {
        bed.fc.refusals = {ENOSYS};
        bed.add_port_lun();
        CHECK_THAT(failure(), Contains("has no virtual ports"));
    }
    SECTION("a damaged node") {
        bed.add_port_lun("dev-0", "2100:2000");
        CHECK_THAT(failure(), Contains("vport is \"2100:2000\", expected auto or WWPN:WWNN"));
    }
    SECTION("a PDEV that is not behind a port") {
        bed.put(bed.dev("dev-0", "vport"), "auto");
        bed.add_lun("dev-0", "0:0:0:0", "/dev/sg0");
        CHECK_THAT(failure(), Contains("expected p-dev fc.<16hex>:<lun>"));
    }
    SECTION("no name to keep its names by") {
        bed.settings.npiv_pool = "2fff00163e12";
        bed.add_port_lun("dev-0", "auto");
        CHECK_THAT(failure(), Contains("no name that its port could be kept by"));
    }
    SECTION("no pool") {
        bed.add_port_lun("dev-0", "auto");
        CHECK_THAT(failure(), Contains("no pool of names"));
    }
    CHECK(opened.empty());
}

TEST_CASE("what a served unit's port waits for is a warning, until it is there again") {
    PortBed bed;
    bed.serve_guest();
    CHECK(bed.get(bed.dev("dev-0", "warning")) == "-");
    bed.fc.set_vport_state(wwpn, "Linkdown", "Active");
    bed.expect(bed.dev("dev-0", "warning"), "the port 2100000000000001 is not logged in to the "
                                            "fabric: Linkdown (before: Active)");
    bed.fc.set_vport_state(wwpn, "Active", "Linkdown");
    bed.expect(bed.dev("dev-0", "warning"), "-");
    CHECK(bed.get(bed.dev("dev-0", "state")) == "4");
    CHECK(pdevs.size() == 1);
}

TEST_CASE("a unit that was lost with its target goes on when both are back") {
    PortBed bed;
    bed.serve_guest();
    const std::string rport = bed.fc.tree().remote_ports().at(0).name;
    bed.fc.set_remote_state(rport, "Not Present");
    bed.fc.remove_unit(rport, 5);
    bed.workers[0]->call([] { loss = "its device is gone"; });
    bed.expect(bed.dev("dev-0", "state"), "6");
    CHECK(bed.get(bed.dev("dev-0", "error")) == "its device is gone");
    bed.fc.set_remote_state(rport, "Online");
    bed.fc.add_unit(rport, 5, "sg9");
    bed.expect(bed.dev("dev-0", "state"), "4");
    CHECK(bed.get(bed.dev("dev-0", "error")) == "-");
    CHECK(bed.get(bed.b + "/state") == "4");
    CHECK(pdevs.size() == 2);
    CHECK(opened.at(0).expired());
    CHECK(bed.is_there());
}

TEST_CASE("another unit than the one that was lost is not given to the guest") {
    PortBed bed;
    bed.unit_name = "naa.1";
    bed.serve_guest();
    const std::string rport = bed.fc.tree().remote_ports().at(0).name;
    bed.workers[0]->call([] { loss = "its device is gone"; });
    bed.expect(bed.dev("dev-0", "state"), "6");
    bed.settle();
    CHECK(pdevs.size() == 1); // its node is there as before: what it has lost is something else
    bed.fc.remove_unit(rport, 5);
    bed.fc.add_unit(rport, 5, "sg9", "naa.2");
    bed.expect(bed.dev("dev-0", "error"),
               "another unit is there now, naa.2; the guest was given naa.1: detach it, and attach "
               "what is meant");
    bed.settle();
    CHECK(pdevs.size() == 1);
    bed.fc.remove_unit(rport, 5);
    bed.fc.add_unit(rport, 5, "sg10", "naa.1");
    bed.expect(bed.dev("dev-0", "state"), "4");
    CHECK(pdevs.size() == 2);
    // And once more, with a node that gets the number of the one that went.
    bed.fc.remove_unit(rport, 5);
    bed.workers[0]->call([] { loss = "its device is gone"; });
    bed.expect(bed.dev("dev-0", "state"), "6");
    bed.settle();
    CHECK(pdevs.size() == 2);
    bed.fc.add_unit(rport, 5, "sg10", "naa.1");
    bed.expect(bed.dev("dev-0", "state"), "4");
    CHECK(pdevs.size() == 3);
}

TEST_CASE("a daemon's successor takes the LUN over by the same port") {
    PortBed bed;
    bed.serve_guest();
    bed.settings.npiv_linger = 3600;
    bed.hand_over();
    bed.ports.reset();
    bed.settle();
    CHECK(bed.is_there());
    bed.make_ports();
    bed.start_daemon();
    bed.until([&] { return pdevs.size() == 2; });
    CHECK(pdevs.back() == pdev + "@" + wwpn);
    bed.settle();
    CHECK(bed.get(bed.b + "/state") == "4");
    CHECK(bed.is_there());
}

TEST_CASE("what a LUN is when its guest is suspended is told by the guest's own port") {
    PortBed bed;
    bed.put("/local/domain/7/name", "web");
    bed.put("/local/domain/7/vm", "/vm/5f4dcc3b");
    bed.serve_guest();
    bed.settle();
    bed.put("/local/domain/7/control/shutdown", "suspend");
    const backend::UnitRecords kept(bed.host.directory().string() + "/units/suspended.d");
    bed.until([&] { return kept.all("web").contains("0:0:0:0"); });
    CHECK(kept.all("web").at("0:0:0:0").pdev == pdev + "@" + wwpn);
}

TEST_CASE("a LUN whose nodes change while it waits is what they say then") {
    PortBed bed;
    std::ofstream(bed.journal()) << "x"; // a predecessor, whose commands are waited for
    busy_looks = 1'000'000;
    bed.add_port_lun();
    bed.make_vhost();
    bed.start_daemon();
    bed.appear();
    bed.fc.add_unit(bed.fc.tree().remote_ports().at(0).name, 6, "sg8");
    for (const std::string lun : {"6", "5", "6", "5", "6"}) {
        const std::string wanted = pdev.substr(0, pdev.size() - 1) + lun;
        const auto seen = pdevs.size();
        bed.until([&] { return pdevs.size() > seen; }); // it is looked at just now
        bed.put(bed.dev("dev-0", "p-dev"), wanted);
        bed.until([&] { return pdevs.back() == wanted + "@" + wwpn; });
        CHECK(bed.get(bed.dev("dev-0", "error")) == "-");
    }
    busy_looks = 0;
    bed.expect(bed.dev("dev-0", "state"), "3");
}

TEST_CASE("a LUN that is detached lets go of its port, also while it waits") {
    PortBed bed;
    bed.add_port_lun();
    bed.make_vhost();
    bed.start_daemon();
    SECTION("while it waits") {
        bed.until([&] { return bed.is_there(); });
    }
    SECTION("while it is served") {
        bed.appear();
        bed.expect(bed.dev("dev-0", "state"), "3");
    }
    bed.put(bed.dev("dev-0", "state"), "5");
    bed.expect(bed.dev("dev-0", "state"), "6");
    REQUIRE(bed.store.remove(bed.b + "/vscsi-devs/dev-0"));
    bed.until([&] { return !bed.is_there(); });
    bed.until([&] { return bed.ports->list().empty(); });
}
