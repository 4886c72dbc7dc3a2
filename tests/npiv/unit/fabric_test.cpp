// Ports by hand on a fabric: logins, frames between them, what it announces.
#include "tests/npiv/unit/fabric_bed.hpp"

using namespace pvscsi;
using namespace pvscsi::fabric;
using namespace pvscsi::fabric::test;

TEST_CASE("a fabric that starts ends the logins of the one before") {
    Bed bed;
    bed.fabric.start();
    REQUIRE(bed.wire.sent.size() == 2);
    CHECK(is_clear_link(bed.next().packet));
    CHECK(bed.next().link == 1);
}

TEST_CASE("it says that it is there, at once and each period") {
    Bed bed;
    bed.pass(0s);
    REQUIRE(bed.wire.sent.size() == 2);
    CHECK(load_be16(bed.next().packet, 16) == 1);
    bed.wire.sent.clear();
    bed.pass(3900ms);
    CHECK(bed.wire.sent.empty());
    CHECK(bed.fabric.next_due() == bed.now + 100ms);
    bed.pass(100ms);
    CHECK(bed.wire.sent.size() == 2);
}

TEST_CASE("ports log in, with the number of ports that NPIV gives them") {
    Bed bed;
    bed.all();
    CHECK(bed.fabric.ports().find(target)->target);
    CHECK_FALSE(bed.fabric.ports().find(initiator)->target);
    CHECK(load_be16(bed.login(0, Els::fdisc, vport(2))->payload, 8) == 0x3000);
    // The same name again is the same port.
    CHECK(bed.accepted(0, Els::fdisc, vport(2)) == PortId{0x010102});
    // A port of the target's link is none itself.
    CHECK(bed.accepted(1, Els::fdisc, vport(3)) == PortId{0x010201});
    CHECK_FALSE(bed.fabric.ports().find(vport(3))->target);
    bed.fabric.faults().npiv = false;
    CHECK(load_be16(bed.login(1, Els::flogi, target)->payload, 8) == 0x1000);
}

TEST_CASE("a name that is in use is refused") {
    Bed bed;
    bed.all();
    CHECK(bed.refused(1, Els::fdisc, vport(1)) == invalid_port_name);
    CHECK(bed.refused(0, Els::fdisc, initiator) == invalid_port_name);
    CHECK(bed.refused(1, Els::flogi, initiator) == invalid_port_name);
}

TEST_CASE("a FLOGI ends the link's logins, a LOGO its port's") {
    Bed bed;
    bed.all();
    CHECK(bed.login(0, Els::logo, vport(1), Bed::v)->payload == ls_acc());
    CHECK(bed.fabric.ports().find(Bed::v) == nullptr);
    CHECK(bed.fabric.ports().find(Bed::p) != nullptr);
    bed.accepted(0, Els::fdisc, vport(1));
    bed.accepted(0, Els::flogi, initiator);
    CHECK(bed.fabric.ports().of_link(0) == std::vector{Bed::p});
    bed.accepted(0, Els::fdisc, vport(1));
    bed.login(0, Els::logo, initiator, Bed::p);
    CHECK(bed.fabric.ports().of_link(0).empty());
    CHECK(bed.fabric.ports().find(Bed::t) != nullptr);
}

TEST_CASE("what is no login of the F_Port is refused") {
    Bed bed;
    CHECK(bed.refused(0, Els::plogi, initiator) == not_supported);
}

TEST_CASE("frames go from initiators to targets and back, with the addresses of the way") {
    Bed bed;
    bed.all();
    bed.fcp(Bed::v, Bed::t);
    auto sent = bed.next();
    CHECK(sent.link == 1);
    CHECK(std::equal(sent.packet.begin(), sent.packet.begin() + 6, provided_mac(Bed::t).begin()));
    bed.fcp(Bed::t, Bed::v, 1);
    CHECK(bed.next().link == 0);
    bed.fcp(Bed::p, Bed::v); // initiators are nothing to each other
    CHECK(bed.wire.sent.empty());
    bed.fcp(Bed::v, Bed::t, 1); // not from there
    CHECK(bed.wire.sent.empty());
    bed.fcp(PortId{0x010109}, Bed::t); // nobody
    CHECK(bed.wire.sent.empty());
    bed.fcp(Bed::v, PortId{0x010209});
    CHECK(bed.wire.sent.empty());
}

TEST_CASE("the well-known addresses answer") {
    Bed bed;
    bed.all();
    Bytes plogi(login_size);
    plogi[0] = 3;
    for (const auto to : {name_server, fabric_controller}) {
        bed.els(Bed::v, to, plogi);
        const auto reply = bed.next_frame();
        CHECK(reply.header.to == Bed::v);
        CHECK(reply.header.from == to);
        CHECK(reply.header.routing == Routing::els_reply);
        CHECK(reply.header.ox_id == 0x99);
        CHECK(reply.payload.size() == login_size);
    }
    bed.els(Bed::v, PortId{0xfffffa}, plogi);
    CHECK(bed.next_frame().payload == ls_rjt(not_supported));
    bed.els(Bed::v, name_server, {5, 0, 0, 0});
    CHECK(bed.next_frame().payload == ls_acc());
    bed.els(Bed::v, name_server, {0x20, 0, 0, 0}); // PRLI
    CHECK(bed.next_frame().payload == ls_rjt(not_supported));
    bed.els(Bed::v, name_server, {3, 0});
    CHECK(bed.next_frame().payload == ls_rjt(protocol_error));
    bed.send(0, {{Routing::abts, name_server, Bed::v, Type::basic_link, f_ctl_request, 5, 6}, {}});
    const auto acc = bed.next_frame();
    CHECK(acc.header.routing == Routing::ba_acc);
    CHECK(acc.payload == ba_acc(5, 6));
}

TEST_CASE("a damaged request is not answered") {
    Bed bed;
    bed.all();
    auto packet = to_fcoe(
        {{Routing::els_request, name_server, Bed::v, Type::els, f_ctl_request, 1, no_exchange},
         {5, 0, 0, 0}});
    packet[56] ^= 1; // of the CRC
    bed.fabric.receive(0, packet, bed.now);
    CHECK(bed.wire.sent.empty());
}

TEST_CASE("initiators hear of a target that comes and goes, targets of nobody") {
    Bed bed;
    bed.all();
    Bytes ct(24);
    ct[0] = 1;
    ct[4] = 0xfc;
    store_be16(ct, 8, 0x021f);
    store_be32(ct, 16, Bed::t.value());
    ct[23] = 8;
    bed.send(1, {{Routing::unsolicited_control, name_server, Bed::t, Type::common_transport,
                  f_ctl_request, 1, no_exchange},
                 ct});
    CHECK(bed.next_frame().header.routing == Routing::solicited_control);
    const auto frame = bed.next_frame();
    CHECK(frame.header.to == Bed::v);
    CHECK(frame.header.from == fabric_controller);
    CHECK(frame.payload == rscn(RscnFormat::port, Bed::t));
    CHECK(bed.wire.sent.empty()); // the physical port has not asked for any

    bed.fabric.set_carrier(1, false, bed.now);
    CHECK(bed.next_frame().payload == rscn(RscnFormat::port, Bed::t));
    CHECK(bed.fabric.ports().find(target) == nullptr);
    bed.accepted(1, Els::flogi, target);
    bed.els(Bed::t, fabric_controller, {0x62, 0, 0, 0, 0, 0, 0, 3}, 1);
    bed.wire.sent.clear();
    bed.fabric.set_carrier(0, false, bed.now);
    CHECK(bed.wire.sent.empty());
}
