// The life of guests' virtual ports: made, waited for, kept, deleted, taken over.
#include "common/base/sysfs.hpp"
#include "tests/support/vports_bed.hpp"

#include <catch2/catch.hpp>

#include <cerrno>
#include <fmt/format.h>

using namespace pvscsi;
using namespace pvscsi::test;
using Catch::Contains;
using Bed = VportsBed;

TEST_CASE("a port is made, waited for, named, and deleted when the last LUN has let go") {
    Bed bed;
    bed.fc.add_port(1, port_a);
    bed.fc.first_state = "Linkdown";
    std::shared_ptr<const void> lease, other;
    CHECK_THAT(bed.reach(wish(names_1), lease, "is being made"), Contains(wwpn_1));
    CHECK_THAT(bed.reach(wish(names_1), lease, "not logged in"),
               Contains("Linkdown (before: Initializing)"));
    // libfc is not prepared for another name while it logs in.
    std::this_thread::sleep_for(20ms);
    bed.turn();
    CHECK(bed.count("symbolic_name") == 0);
    bed.fc.set_vport_state(wwpn_1, "Fabric Rejected WWN", "Linkdown");
    CHECK_THAT(bed.reach(wish(names_1), lease, "Fabric Rejected WWN"),
               Contains("before: Linkdown"));
    bed.fc.set_vport_state(wwpn_1, "Active");
    CHECK_THAT(bed.reach(wish(names_1), lease, "target port"), Contains("is not to be seen"));
    bed.add_target(wwpn_1, {0, 5});
    CHECK(bed.reach(wish(names_1), lease).empty());
    CHECK(bed.reach(wish(names_1, "/vm/a", 5), other).empty());
    CHECK(lease == other);
    CHECK(bed.until(
        [&] { return bed.fc.tree().vport(wwn(wwpn_1))->symbolic_name == "pvscsi:dom0:web:0"; }));
    std::this_thread::sleep_for(20ms);
    bed.turn();
    CHECK(bed.count("symbolic_name") == 1);
    CHECK(bed.count("vport_create") == 1);
    lease.reset();
    std::this_thread::sleep_for(20ms);
    bed.turn();
    CHECK(bed.is_there(wwpn_1));
    other.reset();
    CHECK(bed.until([&] { return !bed.is_there(wwpn_1) && bed.vports->list().empty(); }));
    CHECK(bed.count("vport_delete " + names_1) == 1);
    // Without ports of ours udev takes none for a guest's.
    CHECK_FALSE(std::filesystem::exists(bed.folder.path("units/npiv.vports")));
}

TEST_CASE("a port stays for a while when its guest has gone: it may reboot") {
    Bed bed;
    bed.settings.npiv_linger = 3600;
    bed.fc.add_port(1, port_a);
    std::shared_ptr<const void> lease;
    (void)bed.reach(wish(names_1), lease, "target port");
    bed.add_target(wwpn_1);
    CHECK(bed.reach(wish(names_1), lease).empty());
    lease.reset();
    std::this_thread::sleep_for(20ms);
    bed.turn();
    CHECK(bed.is_there(wwpn_1));
    CHECK(bed.reach(wish(names_1), lease).empty());
    CHECK(bed.count("vport_create") == 1);
}

TEST_CASE("a daemon's successor goes on with its ports and deletes what nobody wants") {
    Bed bed;
    bed.settings.npiv_linger = 3600;
    bed.fc.add_port(1, port_a);
    std::shared_ptr<const void> one, two;
    (void)bed.reach(wish(names_1), one, "target port");
    (void)bed.reach(wish(names_2, "/vm/b"), two, "target port");
    bed.add_target(wwpn_1);
    bed.fc.make_vport(1, "2100000000000003:2000000000000003"); // somebody else's
    CHECK(bed.reach(wish(names_1), one).empty());
    one.reset();
    two.reset();
    bed.start();
    CHECK(bed.is_there(wwpn_1));
    CHECK(bed.vports->list().size() == 2);
    CHECK(bed.reach(wish(names_1), one).empty());
    CHECK(bed.count("vport_create") == 2);
    bed.settings.npiv_linger = 0;
    CHECK(bed.until([&] { return !bed.is_there(wwpn_2) && bed.vports->list().size() == 1; }));
    CHECK(bed.is_there(wwpn_1));
    CHECK(bed.is_there("2100000000000003"));
    CHECK(bed.count("vport_delete") == 1);
}

TEST_CASE("after a boot of the host a port is made anew, or forgotten") {
    Bed bed;
    bed.settings.npiv_linger = 3600;
    bed.fc.add_port(1, port_a);
    std::shared_ptr<const void> one, two;
    (void)bed.reach(wish(names_1), one, "target port");
    (void)bed.reach(wish(names_2, "/vm/b"), two, "target port");
    one.reset();
    two.reset();
    bed.stop();
    bed.fc.remove_vport(wwpn_1);
    bed.fc.remove_vport(wwpn_2);
    bed.start();
    (void)bed.reach(wish(names_1), one, "target port");
    CHECK(bed.count("vport_create " + names_1) == 2);
    bed.settings.npiv_linger = 0;
    CHECK(bed.until([&] { return bed.vports->list().size() == 1; }));
    CHECK(bed.count("vport_delete") == 0);
}

TEST_CASE("the kernel's refusals are waited out if they may pass, and told if not") {
    Bed bed;
    bed.fc.add_port(1, port_a);
    std::shared_ptr<const void> lease;
    SECTION("they pass") {
        bed.fc.refusals = {EOPNOTSUPP, EIO};
        CHECK_THAT(bed.reach(wish(names_1), lease, "fabric that has NPIV"),
                   Contains(port_a.substr(0, 16)));
        (void)bed.reach(wish(names_1), lease, "target port");
        CHECK(bed.count("vport_create") == 3);
    }
    SECTION("they don't") {
        bed.fc.refusals = {ENOSYS};
        CHECK_THAT(bed.refusal(wish(names_1)),
                   Contains("has no virtual ports, or no more; expected"));
        CHECK(bed.count("vport_create") == 1);
    }
    SECTION("the port of the host has gone meanwhile") {
        bed.settings.npiv_linger = 3600;
        (void)bed.reach(wish(names_1), lease, "target port");
        bed.fc.remove_vport(wwpn_1);
        std::filesystem::remove(bed.fc.sys() / "class/fc_host/host1");
        CHECK_THAT(bed.reach(wish(names_1), lease, "no port with the name"),
                   Contains("5001438000000001"));
    }
    SECTION("a deletion that fails is tried again, and the record stays until then") {
        (void)bed.reach(wish(names_1), lease, "target port");
        bed.fc.refusals = {EIO};
        lease.reset();
        REQUIRE(bed.until([&] { return bed.count("vport_delete") == 1; }));
        CHECK(bed.vports->list().size() == 1);
        CHECK(bed.until([&] { return bed.vports->list().empty(); }));
        CHECK_FALSE(bed.is_there(wwpn_1));
    }
}

TEST_CASE("a LUN that came after the login is looked for; no sooner than its target answers") {
    Bed bed;
    bed.fc.add_port(1, port_a);
    std::shared_ptr<const void> lease;
    (void)bed.reach(wish(names_1, "/vm/a", 300), lease, "target port");
    const auto rport = bed.add_target(wwpn_1, {}, 7);
    const auto scans = bed.fc.sys() / "class/scsi_host" /
                       ("host" + std::to_string(bed.fc.host_of(wwpn_1))) / "scan";
    bed.fc.write(scans, "");
    bed.fc.set_remote_state(rport, "Blocked");
    CHECK_THAT(bed.reach(wish(names_1, "/vm/a", 300), lease, "no LUN 300"), Contains("(Blocked)"));
    CHECK(bed.count("scan") == 0);
    bed.fc.set_remote_state(rport, "Online");
    (void)bed.reach(wish(names_1, "/vm/a", 300), lease, "(Online)");
    REQUIRE(bed.until([&] { return bed.count("scan") == 1; }));
    CHECK(bed.count("scan 0 7 16684") == 1);
    bed.fc.add_unit(rport, 16684, "sg1");
    CHECK(bed.reach(wish(names_1, "/vm/a", 300), lease).empty());
    CHECK(bed.count("scan") == 1);
    // Its device is there, but nobody would answer.
    bed.fc.set_remote_state(rport, "Blocked");
    CHECK_THAT(bed.reach(wish(names_1, "/vm/a", 300), lease, "does not answer"),
               Contains("Blocked"));
}

TEST_CASE("a port that is wanted again while it is deleted is made anew") {
    Bed bed;
    bed.fc.add_port(1, port_a);
    std::shared_ptr<const void> lease;
    (void)bed.reach(wish(names_1), lease, "target port");
    bed.fc.hold("vport_delete");
    lease.reset();
    std::string awaited;
    REQUIRE(bed.until([&] { return bed.vports->list().at(0).state == "being deleted"; }));
    const auto access = bed.vports->reach(wish(names_1));
    CHECK_THAT(access.awaited, Contains("is being deleted, to be made anew"));
    CHECK_THROWS_WITH(bed.vports->remove(wwn(wwpn_1)), Contains("uses the port"));
    bed.fc.hold({});
    (void)bed.reach(wish(names_1), lease, "target port");
    CHECK(bed.count("vport_create") == 2);
    CHECK(bed.is_there(wwpn_1));
}

TEST_CASE("a port that somebody deleted is made anew when it is wanted") {
    Bed bed;
    bed.fc.add_port(1, port_a);
    std::shared_ptr<const void> lease;
    (void)bed.reach(wish(names_1), lease, "target port");
    bed.fc.remove_vport(wwpn_1);
    CHECK(bed.vports->list().at(0).state == "absent");
    CHECK(bed.until([&] {
        lease = bed.vports->reach(wish(names_1)).lease;
        return bed.is_there(wwpn_1);
    }));
}

TEST_CASE("what the kernel does not end for one port holds up no other, nor this thread") {
    Bed bed;
    bed.settings.npiv_linger = 3600;
    bed.fc.add_port(1, port_a);
    std::vector<std::shared_ptr<const void>> hung;
    bed.fc.hold("vport_create 22");
    for (unsigned i = 0; i < 12; ++i) {
        const std::string name =
            fmt::format("22000000000000{:02x}:20000000000000{:02x}", i, i + 64);
        hung.push_back(bed.vports->reach(wish(name, "/vm/" + name)).lease);
    }
    std::shared_ptr<const void> lease;
    CHECK_THAT(bed.reach(wish(names_1), lease, "target port"), Contains("is not to be seen"));
    CHECK(bed.vports->list().back().state == "being made");
    // Nor does a target that never answers.
    bed.add_target(wwpn_1, {});
    bed.fc.hold("scan");
    (void)bed.reach(wish(names_1), lease, "shows this port no LUN");
    bed.fc.remove_vport(wwpn_1);
    CHECK_THAT(bed.reach(wish(names_1), lease, "has gone"), Contains("is to be made anew"));
    std::shared_ptr<const void> other;
    (void)bed.reach(wish(names_2, "/vm/b"), other, "target port");
    CHECK(bed.count("vport_create " + names_1) == 1);
    bed.fc.hold({});
    (void)bed.reach(wish(names_1), lease, "target port");
    CHECK(bed.count("vport_create " + names_1) == 2);
    CHECK(bed.count("vport_create 22") == 12);
}

TEST_CASE("a port that was made by hand is there again after a boot, and until it is deleted") {
    Bed bed;
    bed.fc.add_port(1, port_a);
    bed.fc.refusals = {EIO}; // it may do better
    bed.vports->create(config::parse_vport_choice(names_1).value());
    CHECK(bed.until([&] { return bed.is_there(wwpn_1); }));
    CHECK(bed.count("vport_create") == 2);
    bed.stop();
    bed.fc.remove_vport(wwpn_1);
    bed.start();
    CHECK(bed.until([&] { return bed.vports->list().at(0).state == "Active"; }));
    bed.vports->remove(wwn(wwpn_1));
    CHECK(bed.until([&] { return bed.vports->list().empty(); }));
    // What can't be had is not asked for again.
    bed.fc.refusals = {ENOTUNIQ};
    bed.vports->create(config::parse_vport_choice(names_2).value());
    CHECK(bed.until([&] { return !bed.vports->list().at(0).reason.empty(); }));
    std::this_thread::sleep_for(1100ms);
    bed.turn();
    std::this_thread::sleep_for(20ms);
    CHECK(bed.count("vport_create " + names_2) == 1);
}

TEST_CASE("an end in mid-creation leaves the port to the next daemon, by the record") {
    Bed bed;
    bed.fc.add_port(1, port_a);
    std::shared_ptr<const void> lease = bed.vports->reach(wish(names_1)).lease;
    bed.stop(); // what the kernel was asked for is waited for
    lease.reset();
    CHECK(bed.is_there(wwpn_1));
    bed.start();
    CHECK(bed.vports->list().size() == 1);
    CHECK(bed.until([&] { return !bed.is_there(wwpn_1) && bed.vports->list().empty(); }));
}

TEST_CASE(
    "commands to a target that goes away are held for as long as it is set, behind our ports") {
    Bed bed;
    bed.settings.npiv_linger = 3600;
    bed.fc.add_port(1, port_a);
    std::shared_ptr<const void> lease;
    (void)bed.reach(wish(names_1), lease, "target port");
    const auto others = bed.fc.add_remote(1, target);
    const auto rport = bed.add_target(wwpn_1);
    bed.fc.add_remote(bed.fc.host_of(wwpn_1), "2001000dec000001:2001000dec000000", -1,
                      "Directory Server");
    const auto attribute = [&](const std::string& port, const char* name) {
        return sysfs::first_line(bed.fc.sys() / "class/fc_remote_ports" / port / name);
    };
    const auto held = [&](const std::string& port) { return attribute(port, "fast_io_fail_tmo"); };
    bed.until([&] { return !held(rport).empty() && bed.count("vport_create") == 1; });
    CHECK(held(rport) == "off"); // the driver's, until it is said
    bed.settings.npiv_hold = 10;
    CHECK(bed.until([&] { return held(rport) == "10"; }));
    CHECK(attribute(rport, "dev_loss_tmo") == "60");
    bed.settings.npiv_hold = 0;
    CHECK(bed.until([&] { return held(rport) == "0"; }));
    // It is not lost before that.
    bed.settings.npiv_hold = 60;
    CHECK(bed.until([&] { return held(rport) == "60"; }));
    CHECK(attribute(rport, "dev_loss_tmo") == "61");
    CHECK(held(others) == "off");
    CHECK(bed.count("fast_io_fail_tmo") == 3);
    bed.fc.remove_remote(rport);
    CHECK(bed.until([&] { return bed.fc.tree().remote_ports().size() == 2; }));
    bed.turn();
    const auto again = bed.fc.add_remote(bed.fc.host_of(wwpn_1), target);
    CHECK(bed.until([&] { return held(again) == "60"; }));
}
