// Guests that have all that a port of their own sees. The test is the kernel, the fabric, the guest
// and the daemon's other half.
#include "backend/host_mode.hpp"
#include "backend/toolstack/vhost_nodes.hpp"
#include "tests/support/store_host.hpp"
#include "tests/support/vports_bed.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using toolstack::LunEntry;
using Texts = std::vector<std::string>;

namespace {

const std::string other_target = "5005076800000002:5005076800000000";
const std::string first = "fc." + target.substr(0, 16);
const std::string second = "fc." + other_target.substr(0, 16);

/// A guest 5 with what its port sees as vhost 0.
struct Bed : VportsBed {
    test::StoreHost host_of_store;
    hv::XsStore store = host_of_store.connect();
    const toolstack::Vhost vhost{DomId{0}, DomId{5}, DevId{0}};
    const std::string b = vhost.back(), f = vhost.front();
    std::shared_ptr<HostMode> mode;

    explicit Bed(const std::string& pdev = "vport:" + names_1) {
        fc.add_port(2, port_a);
        host_of_store.add_guest(DomId{5});
        REQUIRE(store.write(xenbus::domain_path(DomId{5}) + "/vm", "/vm/a"));
        REQUIRE(store.write(xenbus::domain_path(DomId{5}) + "/name", "web"));
        const auto list = toolstack::parse_vscsi({pdev + ",host,ro"});
        REQUIRE(list.mistakes.empty());
        REQUIRE(toolstack::write_vhost(store, hv::no_transaction, vhost, list.luns));
        begin();
    }
    /// Another daemon's, too.
    void begin() {
        mode = std::make_shared<HostMode>(control, store, DomId{0}, vports, fc.sys(), 5ms);
        mode->look();
    }
    std::string get(const std::string& path) { return store.read(path).value_or("-"); }
    Texts luns() {
        Texts texts;
        const auto now = toolstack::read_vhost(store, hv::no_transaction, vhost);
        REQUIRE(now);
        for (const LunEntry& lun : (*now)->luns)
            texts.push_back(lun.pdev + " " + lun.vdev + " " + xenbus::to_node(lun.state));
        return texts;
    }
    void comes_to(const Texts& wanted) {
        (void)until([&] { return luns() == wanted; });
        CHECK(luns() == wanted);
        stays();
        CHECK(luns() == wanted);
    }
    /// A few looks.
    void stays() {
        const auto end = std::chrono::steady_clock::now() + 40ms;
        (void)until([&] { return std::chrono::steady_clock::now() > end; });
    }
    void error_is(const std::string& wanted) {
        (void)until([&] { return get(b + "/error") == wanted; });
        CHECK(get(b + "/error") == wanted);
    }
};

} // namespace

TEST_CASE("what a guest's port sees becomes its LUNs, as it comes") {
    Bed bed;
    REQUIRE(bed.until([&] { return bed.is_there(wwpn_1); }));
    CHECK(bed.get(bed.b + "/feature-host") == "1");
    bed.error_is("-");
    const auto rport = bed.add_target(wwpn_1, {0, 5}, 3);
    bed.comes_to({first + ":0 0:0:3:0 1", first + ":5 0:0:3:5 1"});
    CHECK(bed.get(bed.vhost.back_lun(0) + "/vport") == names_1);
    CHECK(bed.get(bed.vhost.back_lun(0) + "/mode") == "r");
    bed.fc.add_unit(rport, 0x4000 | 300, "sg300"); // as the kernel numbers LUN 300
    bed.comes_to({first + ":0 0:0:3:0 1", first + ":5 0:0:3:5 1", first + ":300 0:0:3:300 1"});
}

TEST_CASE("a LUN goes when its target has it no more, and not because the target is away") {
    Bed bed;
    REQUIRE(bed.until([&] { return bed.is_there(wwpn_1); }));
    const auto rport = bed.add_target(wwpn_1, {0, 5});
    const Texts both{first + ":0 0:0:0:0 1", first + ":5 0:0:0:5 1"};
    bed.comes_to(both);
    bed.fc.set_remote_state(rport, "Not Present");
    bed.fc.remove_unit(rport, 0);
    bed.fc.remove_unit(rport, 5);
    bed.stays();
    CHECK(bed.luns() == both);
    bed.fc.add_unit(rport, 0, "sg7");
    bed.fc.set_remote_state(rport, "Online");
    bed.fc.add_unit(rport, 9, "sg9");
    bed.comes_to({first + ":0 0:0:0:0 1", first + ":9 0:0:0:9 1"});
}

TEST_CASE("a target keeps the number that the guest knows it by") {
    Bed bed;
    REQUIRE(bed.until([&] { return bed.is_there(wwpn_1); }));
    const auto rport = bed.add_target(wwpn_1, {0}, 0);
    bed.comes_to({first + ":0 0:0:0:0 1"});
    // Both have gone, and the other one was the first to come back.
    bed.fc.remove_unit(rport, 0);
    bed.fc.remove_remote(rport);
    const auto other = bed.fc.add_remote(bed.fc.host_of(wwpn_1), other_target, 0);
    bed.fc.add_unit(other, 0, "sg1");
    const auto again = bed.fc.add_remote(bed.fc.host_of(wwpn_1), target, 1);
    bed.fc.add_unit(again, 0, "sg2");
    bed.comes_to({first + ":0 0:0:0:0 1", second + ":0 0:0:1:0 1"});
}

TEST_CASE("why there is no port is told with the vhost, and its LUNs stay") {
    Bed bed;
    REQUIRE(bed.until([&] { return bed.is_there(wwpn_1); }));
    bed.add_target(wwpn_1);
    const Texts one{first + ":0 0:0:0:0 1"};
    bed.comes_to(one);
    bed.fc.set_vport_state(wwpn_1, "Linkdown", "Active");
    bed.error_is("the port " + wwpn_1 +
                 " is not logged in to the fabric: Linkdown (before: Active)");
    bed.fc.set_vport_state(wwpn_1, "Active", "Linkdown");
    bed.error_is("-");
    CHECK(bed.luns() == one);
    SECTION("another daemon goes on with it") {
        bed.mode.reset();
        bed.start();
        bed.begin();
        bed.stays();
        CHECK(bed.is_there(wwpn_1));
        CHECK(bed.luns() == one);
    }
}

TEST_CASE("a port that can't be had is told with the vhost") {
    Bed bed("vport:" + port_a);
    bed.error_is("5001438000000001 is the name of a port of this host; expected names that "
                 "nobody else has, as WWPN:WWNN");
    CHECK(bed.luns().empty());
}

TEST_CASE("the port goes with the vhost, and names of the pool are kept") {
    Bed bed("vport:auto");
    REQUIRE(bed.until([&] { return !bed.vports->list().empty(); }));
    const auto names = bed.vports->list().at(0).record.names;
    REQUIRE(bed.until([&] { return bed.fc.tree().vport(names.port).has_value(); }));
    CHECK(bed.vports->list().at(0).in_use);
    REQUIRE(toolstack::remove_vhost(bed.store, hv::no_transaction, bed.vhost));
    CHECK(bed.until([&] { return !bed.fc.tree().vport(names.port); }));
}

TEST_CASE("the kernel is had to look for LUNs that have come into a mask") {
    Bed bed;
    REQUIRE(bed.until([&] { return bed.count("scan - - -") == 1; }));
    bed.stays();
    CHECK(bed.count("scan - - -") == 1); // not each time
}
