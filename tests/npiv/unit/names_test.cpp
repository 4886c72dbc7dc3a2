// Who is on the fabric: addresses, zones, the name server.
#include "common/base/bytes.hpp"
#include "tests/npiv/fabric/name_server.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace pvscsi;
using namespace pvscsi::fabric;

namespace {

const Wwn node{0x2000000000000001};
Wwn name(std::uint64_t number) {
    return Wwn{0x2100000000000000 + number};
}

/// A target on link 1, its address 010200, and two initiators on link 0: 010100 and 010101.
struct Bed {
    Ports ports;
    Zones zones;
    NameServer names{ports, zones};
    Port& target = *ports.log_in(1, name(0xff), node, true);
    Port& physical = *ports.log_in(0, name(0), node, true);
    Port& vport = *ports.log_in(0, name(1), node, false);

    Bed() {
        target.target = true;
        target.types[8] = true;
        vport.types[8] = true;
        target.symbolic_name = "the target";
    }
    struct Said {
        std::uint16_t code = 0, why = 0;
        Bytes body;
        bool registered = false;
    };
    Said ask(Port& from, NameRequest what, const Bytes& body) {
        Bytes ct(16);
        ct[0] = 1;
        ct[4] = 0xfc;
        ct[5] = 2;
        store_be16(ct, 8, static_cast<std::uint16_t>(what));
        ct.insert(ct.end(), body.begin(), body.end());
        const auto answer = names.answer(from, ct);
        REQUIRE(answer);
        REQUIRE(answer->ct.size() >= 16);
        CHECK(answer->ct[4] == 0xfc);
        return {load_be16(answer->ct, 8), load_be16(answer->ct, 13),
                Bytes(answer->ct.begin() + 16, answer->ct.end()), answer->registered};
    }
};

constexpr std::uint16_t accepted = 0x8002, rejected = 0x8001;

Bytes about(const Port& port) {
    Bytes body(4);
    store_be32(body, 0, port.id.value());
    return body;
}

} // namespace

TEST_CASE("a link is an area, its physical port is port 0") {
    Bed bed;
    CHECK(bed.target.id == PortId{0x010200});
    CHECK(bed.physical.id == PortId{0x010100});
    CHECK(bed.vport.id == PortId{0x010101});
    CHECK(bed.ports.of_link(0) == std::vector{PortId{0x010100}, PortId{0x010101}});
    CHECK(bed.ports.find(name(1)) == &bed.vport);
    CHECK(bed.ports.find(name(2)) == nullptr);
    CHECK(bed.ports.find(PortId{0x010102}) == nullptr);
}

TEST_CASE("a name gets the address again that it had") {
    Bed bed;
    CHECK(bed.ports.log_in(0, name(2), node, false)->id == PortId{0x010102});
    bed.ports.remove(PortId{0x010101});
    CHECK(bed.ports.log_in(0, name(3), node, false)->id == PortId{0x010103});
    CHECK(bed.ports.log_in(0, name(1), node, false)->id == PortId{0x010101});
    // On another link it can't.
    bed.ports.remove(PortId{0x010102});
    CHECK(bed.ports.log_in(1, name(2), node, false)->id == PortId{0x010201});
}

TEST_CASE(
    "a link takes 255 ports, and addresses of ports that have gone when there are no others") {
    Bed bed;
    for (unsigned i = 2; i <= 255; ++i)
        REQUIRE(bed.ports.log_in(0, name(i), node, false) != nullptr);
    CHECK(bed.ports.log_in(0, name(256), node, false) == nullptr);
    CHECK(bed.ports.log_in(1, name(256), node, false) != nullptr);
    bed.ports.remove(PortId{0x010107});
    CHECK(bed.ports.log_in(0, name(300), node, false)->id == PortId{0x010107});
    std::set<PortId> ids;
    for (const auto& [id, port] : bed.ports.all())
        ids.insert(id);
    CHECK(ids.size() == 255 + 3);
}

TEST_CASE("without zones all see each other, with zones only their members") {
    Zones zones;
    CHECK(zones.allow(name(1), name(2)));
    zones.add(name(2), name(1));
    CHECK(zones.allow(name(1), name(2)));
    CHECK(zones.allow(name(2), name(1)));
    CHECK_FALSE(zones.allow(name(1), name(3)));
    CHECK_FALSE(zones.remove(name(1), name(3)));
    CHECK(zones.remove(name(1), name(2)));
    CHECK_FALSE(zones.allow(name(1), name(2)));
    zones.add(name(1), name(2));
    zones.off();
    CHECK(zones.allow(name(1), name(3)));
    zones.add(name(3), name(4));
    CHECK_FALSE(zones.allow(name(1), name(2)));
}

TEST_CASE("initiators see targets, and neither sees its own kind") {
    Bed bed;
    CHECK(sees(bed.zones, bed.vport, bed.target));
    CHECK(sees(bed.zones, bed.target, bed.vport));
    CHECK_FALSE(sees(bed.zones, bed.vport, bed.physical));
    bed.zones.add(name(0), name(0xff));
    CHECK_FALSE(sees(bed.zones, bed.vport, bed.target));
    CHECK(sees(bed.zones, bed.physical, bed.target));
}

TEST_CASE("the ports of an FC-4 are told with their names, the last one marked") {
    Bed bed;
    auto& other = *bed.ports.log_in(2, name(0xfe), node, true);
    other.target = true;
    const Bytes fcp{0, 0, 0, 8};
    auto said = bed.ask(bed.vport, NameRequest::gpn_ft, fcp);
    CHECK(said.code == accepted);
    CHECK(said.body ==
          Bytes{0x80, 1, 2, 0, 0, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0xff}); // other has no FC-4
    other.types[8] = true;
    said = bed.ask(bed.vport, NameRequest::gid_ft, fcp);
    CHECK(said.body == Bytes{0, 1, 2, 0, 0x80, 1, 3, 0});
    CHECK(bed.ask(bed.vport, NameRequest::gpn_ft, fcp).body.size() == 32);
    bed.zones.add(name(1), name(0xfe));
    CHECK(bed.ask(bed.vport, NameRequest::gid_ft, fcp).body == Bytes{0x80, 1, 3, 0});
}

TEST_CASE("nobody of an FC-4 is a rejection, which libfc waits for") {
    Bed bed;
    for (const auto what : {NameRequest::gpn_ft, NameRequest::gid_ft}) {
        auto said = bed.ask(bed.vport, what, {0, 0, 0, 5});
        CHECK(said.code == rejected);
        CHECK(said.why == 0x0907);
        // Targets look for nobody.
        CHECK(bed.ask(bed.target, what, {0, 0, 0, 8}).code == rejected);
    }
}

TEST_CASE("one port is told about by its address or its name, to those who see it") {
    Bed bed;
    const auto id = about(bed.target);
    CHECK(bed.ask(bed.vport, NameRequest::gpn_id, id).body == Bytes{0x21, 0, 0, 0, 0, 0, 0, 0xff});
    CHECK(bed.ask(bed.vport, NameRequest::gnn_id, id).body == Bytes{0x20, 0, 0, 0, 0, 0, 0, 1});
    CHECK(bed.ask(bed.vport, NameRequest::gspn_id, id).body ==
          Bytes{10, 't', 'h', 'e', ' ', 't', 'a', 'r', 'g', 'e', 't'});
    CHECK(bed.ask(bed.vport, NameRequest::gft_id, id).body[2] == 1);
    CHECK(bed.ask(bed.vport, NameRequest::gff_id, id).body[7] == 1);
    CHECK(bed.ask(bed.target, NameRequest::gff_id, about(bed.vport)).body[7] == 2);
    Bytes port(8);
    store_be64(port, 0, name(0xff).value());
    CHECK(bed.ask(bed.vport, NameRequest::gid_pn, port).body == Bytes{0, 1, 2, 0});
    bed.zones.add(name(0), name(0xff));
    auto said = bed.ask(bed.vport, NameRequest::gpn_id, id);
    CHECK(said.code == rejected);
    CHECK(said.why == 0x0901);
    CHECK(bed.ask(bed.vport, NameRequest::gid_pn, port).why == 0x0902);
    CHECK(bed.ask(bed.vport, NameRequest::gpn_id, {0, 1, 9, 9}).why == 0x0901);
}

TEST_CASE("GA_NXT goes round all that a port sees and itself") {
    Bed bed;
    auto said = bed.ask(bed.vport, NameRequest::ga_nxt, {0, 0, 0, 0});
    CHECK(said.code == accepted);
    REQUIRE(said.body.size() == 620);
    CHECK(load_be32(said.body, 0) == 0x01010101); // an N_Port, itself
    said = bed.ask(bed.vport, NameRequest::ga_nxt, about(bed.vport));
    CHECK(load_be32(said.body, 0) == 0x01010200);
    CHECK(load_be64(said.body, 4) == name(0xff).value());
    CHECK(said.body[12] == 10);
    CHECK(said.body[13] == 't');
    CHECK(load_be64(said.body, 268) == node.value());
    CHECK(load_be32(said.body, 556) == 8); // class 3
    CHECK(said.body[562] == 1);            // FCP
    said = bed.ask(bed.vport, NameRequest::ga_nxt, about(bed.target));
    CHECK(load_be32(said.body, 0) == 0x01010101);
}

TEST_CASE("a port registers for itself, and is complete with its FC-4's features") {
    Bed bed;
    auto id = about(bed.physical);
    auto types = id;
    types.resize(36);
    types[6] = 1;  // FCP
    types[11] = 1; // common transport, type 20h
    auto said = bed.ask(bed.physical, NameRequest::rft_id, types);
    CHECK(said.code == accepted);
    CHECK_FALSE(said.registered);
    CHECK(bed.physical.types[8]);
    CHECK(bed.physical.types[0x20]);
    CHECK(bed.physical.types.count() == 2);
    CHECK(Bytes(types.begin() + 4, types.end()) ==
          bed.ask(bed.target, NameRequest::gft_id, id).body);

    auto symbol = id;
    symbol.insert(symbol.end(), {3, 'a', 'b', 'c', 0, 0, 0, 0});
    CHECK(bed.ask(bed.physical, NameRequest::rspn_id, symbol).code == accepted);
    CHECK(bed.physical.symbolic_name == "abc");
    symbol[4] = 255; // more than there is
    CHECK(bed.ask(bed.physical, NameRequest::rspn_id, symbol).code == accepted);
    CHECK(bed.physical.symbolic_name.size() == 7);

    auto features = id;
    features.insert(features.end(), {0, 0, 2, 8});
    said = bed.ask(bed.physical, NameRequest::rff_id, features);
    CHECK(said.registered);
    CHECK(bed.physical.fcp_features == 2);
    features[7] = 0x28;
    CHECK_FALSE(bed.ask(bed.physical, NameRequest::rff_id, features).registered);

    said = bed.ask(bed.vport, NameRequest::rff_id, features);
    CHECK(said.code == rejected);
    CHECK(said.why == 0x0901);
}

TEST_CASE("what is too short, or not known, is rejected; what is no CT is not answered") {
    Bed bed;
    for (const auto what : {NameRequest::ga_nxt, NameRequest::gpn_id, NameRequest::gid_pn,
                            NameRequest::gpn_ft, NameRequest::rft_id, NameRequest::rff_id,
                            NameRequest::rspn_id, NameRequest::rsnn_nn, NameRequest::rnn_id}) {
        const auto said = bed.ask(bed.vport, what, {0, 1, 1});
        CHECK(said.code == rejected);
        CHECK(said.why == 0x0400);
    }
    CHECK(bed.ask(bed.vport, static_cast<NameRequest>(0x0101), {0, 0, 0, 0}).why == 0x0b00);
    CHECK_FALSE(bed.names.answer(bed.vport, Bytes(15)));
    Bytes management(20);
    management[4] = 0xfa;
    store_be16(management, 8, 0x0112);
    const auto answer = bed.names.answer(bed.vport, management);
    REQUIRE(answer);
    CHECK(load_be16(answer->ct, 8) == rejected);
}
