// What the fabric is told to do: zones, faults, ends of logins; and what it says.
#include "tests/npiv/unit/fabric_bed.hpp"

using namespace pvscsi;
using namespace pvscsi::fabric;
using namespace pvscsi::fabric::test;

TEST_CASE("a changed zone keeps frames away and is told to those whose view it changes") {
    Bed bed;
    bed.all();
    CHECK(bed.tell("zone add 2100000000000002 " + to_string(target)) == "");
    CHECK(bed.next_frame().payload == rscn(RscnFormat::port, Bed::t));
    bed.fcp(Bed::v, Bed::t);
    CHECK(bed.wire.sent.empty());
    CHECK(bed.tell("zone add " + to_string(target) + " 21:00:00:00:00:00:00:01") == "");
    CHECK(bed.next_frame().header.to == Bed::v);
    bed.fcp(Bed::v, Bed::t);
    CHECK(bed.next().link == 1);
    CHECK(bed.tell("zone remove 2100000000000002 " + to_string(target)) == "");
    CHECK(bed.wire.sent.empty()); // nobody's view
    CHECK(bed.tell("zone remove 2100000000000002 " + to_string(target)) ==
          "error: there is no such zone");
    CHECK(bed.tell("zone off") == "");
    CHECK(bed.wire.sent.empty());
}

TEST_CASE("FDISC is refused or ignored, for a time or until it is accepted") {
    Bed bed;
    bed.all();
    CHECK(bed.tell("refuse 2100000000000002 9 29") == "");
    CHECK(bed.refused(0, Els::fdisc, vport(2)) == no_resources);
    bed.accepted(0, Els::fdisc, vport(3));
    CHECK(bed.tell("accept") == "");
    bed.accepted(0, Els::fdisc, vport(2));

    CHECK(bed.tell("ignore any 5") == "");
    CHECK_FALSE(bed.login(0, Els::fdisc, vport(2)));
    CHECK(bed.tell("refuse any 9 d 5") == "");
    CHECK(bed.refused(0, Els::fdisc, vport(4)) == Refusal{9, 0x0d});
    bed.pass(5s);
    bed.accepted(0, Els::fdisc, vport(4));
}

TEST_CASE("who is not heard for two and a half periods is logged out") {
    Bed bed;
    bed.all();
    bed.pass(4s);
    bed.pass(4s);
    CHECK(bed.fabric.ports().find(Bed::v) != nullptr);
    Bytes keep_alive;
    append(keep_alive, {fcf_mac, enode, EtherType::fip});
    keep_alive.resize(60);
    keep_alive[14] = 0x10;
    keep_alive[17] = 3;
    keep_alive[19] = 1;
    bed.fabric.receive(0, keep_alive, bed.now);
    bed.pass(4s);
    CHECK(bed.fabric.ports().find(Bed::v) != nullptr);
    CHECK(bed.fabric.ports().find(Bed::t) == nullptr);
    CHECK(bed.tell("lose keep-alives si") == "");
    for (int i = 0; i < 2; ++i) {
        bed.fabric.receive(0, keep_alive, bed.now);
        bed.wire.sent.clear();
        bed.pass(4s);
    }
    CHECK(bed.fabric.ports().all().empty());
    CHECK(is_clear_link(bed.wire.sent.back().packet));
}

TEST_CASE("a link may lose its advertisements alone") {
    Bed bed;
    CHECK(bed.tell("lose advertisements si") == "");
    bed.pass(4s);
    REQUIRE(bed.wire.sent.size() == 1);
    CHECK(bed.next().link == 1);
    CHECK(bed.tell("lose nothing si") == "");
    bed.pass(4s);
    CHECK(bed.wire.sent.size() == 2);
}

TEST_CASE("a frozen fabric does nothing, and misses nobody afterwards") {
    Bed bed;
    bed.all();
    bed.pass(0s);
    bed.wire.sent.clear();
    CHECK(bed.tell("freeze 20") == "");
    CHECK(bed.fabric.frozen());
    CHECK(bed.fabric.next_due() == bed.now + 20s);
    bed.pass(19s);
    CHECK(bed.wire.sent.empty());
    bed.pass(1s);
    CHECK_FALSE(bed.fabric.frozen());
    CHECK(bed.wire.sent.size() == 2);
    CHECK(bed.fabric.ports().find(Bed::v) != nullptr);
}

TEST_CASE("frames of a kind are dropped, as many as was said") {
    Bed bed;
    bed.all();
    CHECK(bed.tell("drop fcp 2") == "");
    for (const bool lost : {true, true, false}) {
        bed.fcp(Bed::v, Bed::t);
        CHECK(bed.wire.sent.empty() == lost);
    }
    CHECK(bed.tell("drop els 1") == "");
    bed.fcp(Bed::v, Bed::t);
    CHECK_FALSE(bed.wire.sent.empty());
    CHECK_FALSE(bed.login(0, Els::fdisc, vport(2)));
    CHECK(bed.login(0, Els::fdisc, vport(2)));
}

TEST_CASE("a port that is switched off is dead until it is on again") {
    Bed bed;
    bed.all();
    CHECK(bed.tell("port down si") == "");
    CHECK(is_clear_link(bed.wire.sent.back().packet));
    CHECK(bed.fabric.ports().of_link(0).empty());
    CHECK_FALSE(bed.login(0, Els::flogi, initiator));
    bed.pass(4s);
    for (const auto& sent : bed.wire.sent)
        CHECK(sent.link == 1);
    bed.wire.sent.clear();
    CHECK(bed.tell("port up si") == "");
    CHECK(bed.next().link == 0);
    CHECK(bed.accepted(0, Els::flogi, initiator) == Bed::p);
}

TEST_CASE("logins are ended one by one, or a link's") {
    Bed bed;
    bed.all();
    CHECK(bed.tell("relogin 010101") == "");
    CHECK(load_be16(bed.next().packet, 20) == (8 + 12 + 20) / 4);
    CHECK(bed.fabric.ports().find(Bed::v) == nullptr);
    bed.accepted(0, Els::fdisc, vport(1));
    CHECK(bed.tell("relogin " + to_string(initiator)) == "");
    CHECK(load_be16(bed.next().packet, 20) == (8 + 12) / 4);
    CHECK(bed.fabric.ports().of_link(0).empty());
    CHECK(bed.tell("relogin st") == "");
    CHECK(bed.fabric.ports().all().empty());
}

TEST_CASE("a port is told in another's name that their login is over") {
    Bed bed;
    bed.all();
    CHECK(bed.tell("logout 010200 010101") == "");
    const auto frame = bed.next_frame();
    CHECK(frame.header.from == Bed::t);
    CHECK(frame.header.to == Bed::v);
    CHECK(frame.payload == logo(Bed::t, target));
}

TEST_CASE("RSCNs on demand: about a target, about all") {
    Bed bed;
    bed.all();
    CHECK(bed.tell("rscn 010200") == "");
    CHECK(bed.next_frame().payload == rscn(RscnFormat::port, Bed::t));
    CHECK(bed.tell("rscn fabric") == "");
    CHECK(bed.next_frame().payload == rscn(RscnFormat::fabric, PortId{0}));
    CHECK(bed.tell("rscn 010101") == "error: only targets are announced");
}

TEST_CASE("ports and state are told") {
    Bed bed;
    bed.all();
    bed.fabric.ports().find(Bed::v)->symbolic_name = "a\nb";
    CHECK(bed.tell("list") == "010100 200002000000000a 0000000000000000 si physical \n"
                              "010101 2100000000000001 0000000000000000 si virtual a\\x0ab\n"
                              "010200 200002000000000b 0000000000000000 st target \n");
    CHECK(bed.tell("state") == "npiv on\nport up si\nport up st\n");
    for (const auto* line : {"npiv off", "port down st", "lose advertisements si",
                             "lose keep-alives si", "refuse any 9 29", "ignore 2100000000000001",
                             "drop ct 7", "zone add 2100000000000001 200002000000000b"})
        CHECK(bed.tell(line) == "");
    CHECK(bed.tell("state") ==
          "npiv off\nport up si loses-advertisements loses-keep-alives\nport down st\n"
          "refuse any\nignore 2100000000000001\ndrop ct 7\nzone on\n"
          "zone 200002000000000b 2100000000000001\n");
}

TEST_CASE("a command that makes no sense changes nothing and says why") {
    Bed bed;
    bed.all();
    const auto before = bed.tell("state") + bed.tell("list");
    CHECK(bed.tell("") == "error: a word is missing");
    CHECK(bed.tell("dance") == "error: unknown word 'dance'");
    CHECK(bed.tell("npiv") == "error: a word is missing");
    CHECK(bed.tell("npiv maybe") == "error: unknown word 'maybe'");
    CHECK(bed.tell("npiv off now") == "error: one word too many: 'now'");
    CHECK(bed.tell("port down sx") == "error: no link 'sx'");
    CHECK(bed.tell("port down si st") == "error: one word too many: 'st'");
    CHECK(bed.tell("refuse any 9") == "error: a word is missing");
    CHECK(bed.tell("refuse any 9 100") == "error: no number: '100'");
    CHECK(bed.tell("refuse 21 9 29") == "error: no port name: '21'");
    CHECK(bed.tell("ignore any soon") == "error: no number: 'soon'");
    CHECK(bed.tell("drop fcp -1") == "error: no number: '-1'");
    CHECK(bed.tell("drop all 1") == "error: unknown word 'all'");
    CHECK(bed.tell("freeze 1s") == "error: no number: '1s'");
    CHECK(bed.tell("zone swap a b") == "error: zone add, zone remove or zone off");
    CHECK(bed.tell("zone add 2100000000000001") == "error: a word is missing");
    CHECK(bed.tell("relogin 010109") == "error: no port '010109' is logged in");
    CHECK(bed.tell("logout 010200") == "error: a word is missing");
    CHECK(bed.tell("list all") == "error: one word too many: 'all'");
    CHECK(bed.tell("state") + bed.tell("list") == before);
    CHECK_FALSE(bed.fabric.frozen());
    CHECK(bed.wire.sent.empty());
}
