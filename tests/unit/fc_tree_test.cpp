// What sysfs tells of Fibre Channel, and what the kernel's refusals mean, with a tree that looks
// like /sys and a kernel by hand.
#include "backend/npiv/fc_tree.hpp"
#include "tests/support/fake_fc.hpp"

#include <catch2/catch.hpp>

#include <cerrno>
#include <cstdlib>

using namespace pvscsi;
using namespace pvscsi::backend::npiv;
using Catch::Contains;

namespace {
const std::string port_a = "5001438000000001:5001438000000000";
const std::string port_b = "5001438000000003:5001438000000002";
const std::string guest_1 = "2100000000000001:2000000000000001";
const std::string guest_2 = "2100000000000002:2000000000000002";

WwnPair pair_of(const std::string& text) {
    return config::parse_wwn_pair(text).value();
}
Wwn port_of(const std::string& text) {
    return pair_of(text).port;
}
} // namespace

TEST_CASE("the host's ports are told from virtual ones, and who can have those") {
    test::FakeFc fc;
    CHECK(fc.tree().ports().empty());
    fc.add_port(1, port_a, 8);
    fc.add_port(2, port_b, 0);
    fc.set_port_state(2, "Linkdown");
    fc.make_vport(1, guest_1);
    const auto a = fc.tree().port(port_of(port_a));
    REQUIRE(a);
    CHECK(a->host == 1);
    CHECK(a->names == pair_of(port_a));
    CHECK(a->online());
    CHECK_FALSE(a->is_virtual);
    CHECK(a->max_vports == 8u);
    CHECK(a->vports_in_use == 1);
    const auto b = fc.tree().port(port_of(port_b));
    REQUIRE(b);
    CHECK(b->state == "Linkdown");
    CHECK_FALSE(b->online());
    CHECK_FALSE(b->max_vports);
    const auto own = fc.tree().port(port_of(guest_1));
    REQUIRE(own);
    CHECK(own->is_virtual);
    CHECK_FALSE(own->max_vports);
    CHECK_FALSE(fc.tree().port(port_of(guest_2)));
}

TEST_CASE("a virtual port says where it is, what it is and what it was") {
    test::FakeFc fc;
    fc.add_port(1, port_a);
    fc.make_vport(1, guest_1);
    fc.make_vport(1, guest_2);
    fc.set_vport_state("2100000000000002", "Fabric Rejected WWN", "Linkdown");
    const auto vport = fc.tree().vport(port_of(guest_2));
    REQUIRE(vport);
    CHECK(vport->name == "vport-1:0-1");
    CHECK(vport->names == pair_of(guest_2));
    CHECK(vport->state == VportState::fabric_rejected_wwn);
    CHECK(vport->last_state == VportState::linkdown);
    CHECK(vport->on_host == 1);
    CHECK(vport->host == fc.host_of("2100000000000002"));
    CHECK(fc.tree().vports().size() == 2);
    fc.remove_vport("2100000000000002");
    CHECK_FALSE(fc.tree().vport(port_of(guest_2)));
    // Made anew it is another one.
    fc.make_vport(1, guest_2);
    CHECK(fc.tree().vport(port_of(guest_2))->name == "vport-1:0-2");
}

TEST_CASE("every state of the kernel's is known, and others are not taken for one of them") {
    for (const char* const text :
         {"Unknown", "Active", "Disabled", "Linkdown", "Initializing", "No Fabric Support",
          "No Fabric Resources", "Fabric Logout", "Fabric Rejected WWN", "VPort Failed"}) {
        CAPTURE(text);
        CHECK(to_string(vport_state_of(text)) == text);
    }
    CHECK(vport_state_of("Active") == VportState::active);
    CHECK(vport_state_of("VPort Failed") == VportState::failed);
    for (const char* const text : {"", "active", "Something New"})
        CHECK(vport_state_of(text) == VportState::unknown);
}

TEST_CASE("what goes while it is read is left out") {
    test::FakeFc fc;
    fc.add_port(1, port_a);
    fc.make_vport(1, guest_1);
    const std::string rport = fc.add_remote(1, "5005076800000001:5005076800000000");
    const auto names = fc.sys() / "class";
    SECTION("a port without a name") {
        std::filesystem::remove(names / "fc_host/host1/port_name");
        CHECK(fc.tree().ports().size() == 1);
    }
    SECTION("a virtual port without one") {
        fc.write(names / "fc_vports/vport-1:0-0/port_name", "0x0");
        CHECK(fc.tree().vports().empty());
    }
    SECTION("a virtual port whose state and host are gone already") {
        std::filesystem::remove(names / "fc_vports/vport-1:0-0/vport_state");
        std::filesystem::remove(names / "fc_vports/vport-1:0-0/device");
        const auto vport = fc.tree().vport(port_of(guest_1));
        REQUIRE(vport);
        CHECK(vport->state == VportState::unknown);
        CHECK_FALSE(vport->host);
    }
    SECTION("a port of the fabric") {
        std::filesystem::remove(names / "fc_remote_ports" / rport / "port_name");
        CHECK(fc.tree().remote_ports().empty());
    }
    SECTION("names that are none of these classes'") {
        for (const char* const odd : {"fc_host/hostx", "fc_host/host", "fc_vports/vport-1",
                                      "fc_vports/vport-1-0:0", "fc_remote_ports/rport-:0-1"})
            fc.write(names / odd / "port_name", "0x5005076800000009");
        CHECK(fc.tree().ports().size() == 2);
        CHECK(fc.tree().vports().size() == 1);
        CHECK(fc.tree().remote_ports().size() == 1);
    }
}

TEST_CASE("a port of the fabric says whose it is and whether it is a target") {
    test::FakeFc fc;
    fc.add_port(1, port_a);
    const std::string target = fc.add_remote(1, "5005076800000001:5005076800000000", 3);
    fc.add_remote(1, "2001000dec000001:2001000dec000000", -1, "Directory Server");
    fc.set_remote_state(target, "Blocked");
    const auto all = fc.tree().remote_ports();
    REQUIRE(all.size() == 2);
    CHECK(all[0].name == "rport-1:0-0");
    CHECK(all[0].host == 1);
    CHECK(all[0].channel == 0);
    CHECK(all[0].is_target());
    CHECK(all[0].target == 3u);
    CHECK(all[0].state == "Blocked");
    CHECK_FALSE(all[0].online());
    CHECK_FALSE(all[1].is_target());
    CHECK_FALSE(all[1].target);
}

TEST_CASE("a virtual port is made by the port's name and then the node's, named and deleted") {
    test::FakeFc fc;
    fc.add_port(1, port_a);
    const auto on = fc.tree().port(port_of(port_a));
    REQUIRE(on);
    CHECK_FALSE(create_vport(fc.tree(), *on, pair_of(guest_1), fc.kernel()));
    const auto vport = fc.tree().vport(port_of(guest_1));
    REQUIRE(vport);
    CHECK(vport->state == VportState::active);
    CHECK(name_vport(fc.tree(), *vport, "pvscsi:h:d:0", fc.kernel()));
    CHECK(fc.tree().vport(port_of(guest_1))->symbolic_name == "pvscsi:h:d:0");
    CHECK_FALSE(delete_vport(fc.tree(), *vport, fc.kernel()));
    CHECK_FALSE(fc.tree().vport(port_of(guest_1)));
    CHECK(fc.writes() == std::vector<std::string>{"vport_create " + guest_1,
                                                  "symbolic_name pvscsi:h:d:0",
                                                  "vport_delete " + guest_1});
    // Gone already, as somebody else did it: that is what was wanted.
    CHECK_FALSE(delete_vport(fc.tree(), *vport, fc.kernel()));
    CHECK_FALSE(name_vport(fc.tree(), *vport, "pvscsi:h:d:0", fc.kernel()));
}

TEST_CASE("what the kernel refuses is told with its reason, and whether it may pass") {
    struct Row {
        int code;
        const char* reason;
        bool passing;
    };
    const auto row = GENERATE(
        Row{ENOSPC, "has 0 of 255 virtual ports", true},
        Row{ENOTUNIQ, "has a port with the name 2100000000000001", false},
        Row{EOPNOTSUPP, "not at a fabric that has NPIV", true},
        Row{ENOSYS, "has no virtual ports", false}, Row{EINVAL, "refuses the names 2100", false},
        Row{EIO, "could not do it now", true}, Row{ENOMEM, "could not do it now", true},
        Row{ENODEV, "port has gone", true}, Row{ERANGE, "makes no virtual port", false},
        // Numbers of lpfc's own.
        Row{EPERM, "could not do it now", true}, Row{ENOENT, "refuses the names 2100", false},
        Row{ESRCH, "could not do it now", true}, Row{EINTR, "could not do it now", true},
        // The attribute can't be opened.
        Row{-EROFS, "sysfs can't be written here", false},
        Row{-EACCES, "sysfs can't be written here", false},
        Row{-EPERM, "sysfs can't be written here", false}, Row{-ENOENT, "port has gone", true});
    CAPTURE(row.code);
    test::FakeFc fc;
    fc.add_port(1, port_a);
    const auto on = fc.tree().port(port_of(port_a));
    fc.refusals = {row.code};
    const auto refusal = create_vport(fc.tree(), *on, pair_of(guest_1), fc.kernel());
    REQUIRE(refusal);
    CHECK(refusal->code == std::abs(row.code));
    CHECK_THAT(refusal->why.reason, Contains(row.reason));
    CHECK_FALSE(refusal->why.remedy.empty());
    CHECK(refusal->passing == row.passing);
    CHECK(fc.tree().vports().empty());
}

TEST_CASE(
    "a name that the adapter has, and a port that is full, are refused by the kernel itself") {
    test::FakeFc fc;
    fc.add_port(1, port_a, 1);
    const auto on = *fc.tree().port(port_of(port_a));
    CHECK(create_vport(fc.tree(), on, {on.names.port, on.names.node}, fc.kernel())->code == EINVAL);
    CHECK_FALSE(create_vport(fc.tree(), on, pair_of(guest_1), fc.kernel()));
    CHECK(create_vport(fc.tree(), on, pair_of(guest_1), fc.kernel())->code == EINVAL);
    CHECK(create_vport(fc.tree(), on, pair_of(guest_2), fc.kernel())->code == ENOSPC);
    std::filesystem::remove(fc.sys() / "class/fc_host/host1");
    CHECK(create_vport(fc.tree(), on, pair_of(guest_2), fc.kernel())->code == ENOENT);
    const auto vport = fc.tree().vport(port_of(guest_1));
    REQUIRE(vport);
    CHECK_FALSE(delete_vport(fc.tree(), *vport, fc.kernel()));
}

TEST_CASE("a deletion that fails says so") {
    test::FakeFc fc;
    fc.add_port(1, port_a);
    fc.make_vport(1, guest_1);
    const auto vport = *fc.tree().vport(port_of(guest_1));
    fc.refusals = {-EROFS, EIO, ERANGE};
    CHECK_FALSE(delete_vport(fc.tree(), vport, fc.kernel())->passing);
    CHECK(delete_vport(fc.tree(), vport, fc.kernel())->passing);
    CHECK_THAT(delete_vport(fc.tree(), vport, fc.kernel())->why.reason,
               Contains("2100000000000001 is not deleted"));
    CHECK(fc.tree().vport(port_of(guest_1)));
}

TEST_CASE("how long commands are held is less than how long the unit stays") {
    test::FakeFc fc;
    fc.add_port(1, port_a);
    fc.add_remote(1, "5005076800000001:5005076800000000");
    const auto target = fc.tree().remote_ports().at(0);
    const auto text = [&](const char* name) {
        std::string line;
        std::getline(std::ifstream(fc.tree().remote_port_attribute(target.name, name)), line);
        return line;
    };
    CHECK(hold_commands(fc.tree(), target, 59, fc.kernel()));
    CHECK(text("dev_loss_tmo") == "60");
    CHECK(hold_commands(fc.tree(), target, 600, fc.kernel()));
    CHECK(text("dev_loss_tmo") == "601");
    CHECK(text("fast_io_fail_tmo") == "600");
    fc.write(fc.tree().remote_port_attribute(target.name, "dev_loss_tmo"), "off");
    CHECK(hold_commands(fc.tree(), target, 0, fc.kernel()));
    CHECK(text("dev_loss_tmo") == "off");
    CHECK(text("fast_io_fail_tmo") == "0");
    fc.remove_remote(target.name);
    CHECK_FALSE(hold_commands(fc.tree(), target, 5, fc.kernel()));
}

TEST_CASE("an attribute is written in one go, or its errno is told") {
    const test::Folder folder;
    const auto file = folder.file("attribute", "old");
    CHECK(write_attribute(file, "text").done());
    const Written none = write_attribute(folder.path("none"), "text");
    CHECK(none.code == ENOENT);
    CHECK_FALSE(none.opened);
    const Written full = write_attribute("/dev/full", "text");
    CHECK(full.code == ENOSPC);
    CHECK(full.opened);
}

TEST_CASE("a symbolic name says host, domain and vhost, and has room for no more than 63") {
    CHECK(symbolic_name("dom0", "web", "0") == "pvscsi:dom0:web:0");
    CHECK(symbolic_name("a b", "x:y\n\xff", "4294967295") == "pvscsi:a_b:x_y__:4294967295");
    const std::string longest =
        symbolic_name(std::string(100, 'h'), std::string(100, 'd'), "4294967295");
    CHECK(longest.size() == 63);
    CHECK(longest == "pvscsi:" + std::string(20, 'h') + ":" + std::string(24, 'd') + ":4294967295");
}
