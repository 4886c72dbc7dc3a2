// The fabric's codecs: names, frames, FCoE, link services, FIP.
#include "common/base/bytes.hpp"
#include "tests/npiv/fabric/els.hpp"
#include "tests/npiv/fabric/fip.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::fabric;
using namespace std::chrono_literals;

namespace {

Frame some_frame(Bytes payload) {
    return {{Routing::els_request, PortId{0x010203}, PortId{0x040506}, Type::els, f_ctl_request,
             0x1234, 0x5678},
            std::move(payload)};
}

/// A FIP packet of an ENode.
Bytes fip_packet(std::uint16_t operation, std::uint8_t subcode, const Bytes& descriptors) {
    Bytes packet;
    append(packet, {fcf_mac, {2, 0, 0, 0, 0, 10}, EtherType::fip});
    packet.resize(24);
    packet[14] = 0x10;
    store_be16(packet, 16, operation);
    packet[19] = subcode;
    store_be16(packet, 20, descriptors.size() / 4);
    packet.insert(packet.end(), descriptors.begin(), descriptors.end());
    packet.resize(std::max<std::size_t>(packet.size(), 60));
    return packet;
}

} // namespace

TEST_CASE("names are read in every usual spelling and written in one") {
    const auto name = Wwn{0x21000000c9abcdef};
    CHECK(to_string(name) == "21000000c9abcdef");
    CHECK(wwn_of("21000000c9abcdef") == name);
    CHECK(wwn_of("21000000C9ABCDEF") == name);
    CHECK(wwn_of("0x21000000c9abcdef") == name);
    CHECK(wwn_of("21:00:00:00:c9:ab:cd:ef") == name);
    for (const auto* wrong :
         {"", "0x", "21000000c9abcde", "21000000c9abcdef0", "21000000c9abcdeg", "any",
          "21-00-00-00-c9-ab-cd-ef", "21:00:00:00:c9:ab:cd:e:", "-1000000c9abcdef"})
        CHECK_FALSE(wwn_of(wrong));
    CHECK(to_string(PortId{0x0102}) == "000102");
    CHECK(port_id_of("010a0F") == PortId{0x010a0f});
    CHECK_FALSE(port_id_of("10a0f"));
    CHECK_FALSE(port_id_of("0x0a0f"));
    CHECK(provided_mac(PortId{0x010203}) == Mac{0x0e, 0xfc, 0x00, 1, 2, 3});
}

TEST_CASE("a frame's header is where FC-FS has it") {
    const auto bytes = encode(some_frame({0xaa, 0xbb, 0xcc, 0xdd}));
    const Bytes header{0x22, 1, 2, 3, 0,    4,    5,    6,    1, 0x29, 0, 0,
                       0,    0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0,    0, 0};
    REQUIRE(bytes.size() == 28);
    CHECK(Bytes(bytes.begin(), bytes.begin() + 24) == header);
    CHECK(bytes[24] == 0xaa);
}

TEST_CASE("what was encoded is decoded, whatever the payload's size") {
    const auto size = GENERATE(0u, 1u, 2u, 3u, 4u, 7u, 2112u);
    Bytes payload(size, 0x5a);
    const auto bytes = encode(some_frame(payload));
    CHECK(bytes.size() % 4 == 0);
    const auto frame = decode(bytes);
    REQUIRE(frame);
    CHECK(Bytes(frame->payload.begin(), frame->payload.end()) == payload);
    CHECK(frame->header.to == PortId{0x010203});
    CHECK(frame->header.from == PortId{0x040506});
    CHECK(frame->header.f_ctl == f_ctl_request);
    CHECK(frame->header.ox_id == 0x1234);
    CHECK(frame->header.rx_id == 0x5678);
}

TEST_CASE("what is no frame is nothing") {
    const auto bytes = encode(some_frame({}));
    CHECK_FALSE(decode(View(bytes).first(23)));
    CHECK_FALSE(decode(View(bytes).first(20)));
    auto filled = bytes;
    filled[11] |= 3; // fill bytes that are not there
    CHECK_FALSE(decode(filled));
}

TEST_CASE("FCoE has Ethernet, start, frame, check sum and end") {
    const auto packet = to_fcoe(some_frame({1, 2, 3, 4}));
    REQUIRE(packet.size() == 14 + 14 + 28 + 8);
    CHECK(Mac{0x0e, 0xfc, 0, 1, 2, 3} == provided_mac(PortId{0x010203}));
    CHECK(std::equal(packet.begin(), packet.begin() + 6, provided_mac(PortId{0x010203}).begin()));
    CHECK(std::equal(fcf_mac.begin(), fcf_mac.end(), packet.begin() + 6));
    CHECK(load_be16(packet, 12) == 0x8906);
    CHECK(packet[27] == 0x2e);
    CHECK(packet[60] == 0x42);
    const auto fcoe = fcoe_of(packet);
    REQUIRE(fcoe);
    CHECK(fcoe->intact);
    CHECK(fcoe->from == fcf_mac);
    CHECK(Bytes(fcoe->frame.begin(), fcoe->frame.end()) == encode(some_frame({1, 2, 3, 4})));
}

TEST_CASE("the check sum is that of IEEE 802.3, its least byte first") {
    // Bytes of 0 leave nothing of it but the shifts.
    Frame frame;
    frame.header = {Routing{0}, PortId{0}, PortId{0}, Type::basic_link, 0, 0, 0};
    const auto packet = to_fcoe(frame);
    std::uint32_t expected = 0xffffffff;
    for (unsigned bit = 0; bit < 24 * 8; ++bit)
        expected = (expected & 1) != 0 ? expected >> 1 ^ 0xedb88320 : expected >> 1;
    expected = ~expected;
    for (unsigned i = 0; i < 4; ++i)
        CHECK(packet[14 + 14 + 24 + i] == (expected >> (8 * i) & 0xff));
}

TEST_CASE("a damaged packet is told from an intact one, and what is no packet is nothing") {
    auto packet = to_fcoe(some_frame({1, 2, 3, 4}));
    auto damaged = packet;
    damaged[40] ^= 1;
    REQUIRE(fcoe_of(damaged));
    CHECK_FALSE(fcoe_of(damaged)->intact);
    auto endless = packet;
    endless[60] = 0;
    CHECK_FALSE(fcoe_of(endless));
    CHECK_FALSE(fcoe_of(View(packet).first(59)));
    CHECK_FALSE(fcoe_of({}));
    packet[13] = 0;
    CHECK_FALSE(fcoe_of(packet));
    CHECK_FALSE(ethernet_of(packet));
}

TEST_CASE("a packet that is sent on has new addresses, and the rest is as it was") {
    const auto packet = to_fcoe(some_frame({1, 2, 3, 4}));
    auto sent = packet;
    std::fill(sent.begin() + 6, sent.begin() + 12, std::uint8_t{0x77});
    readdress(sent, PortId{0x0a0b0c});
    CHECK(std::equal(sent.begin(), sent.begin() + 6, provided_mac(PortId{0x0a0b0c}).begin()));
    CHECK(std::equal(sent.begin() + 6, sent.end(), packet.begin() + 6));
}

TEST_CASE("logins are read and accepted") {
    Bytes payload(login_size);
    payload[0] = 0x51;
    store_be64(payload, 20, 0x2100000000000001);
    store_be64(payload, 28, 0x2000000000000001);
    const auto login = login_of(payload);
    REQUIRE(login);
    CHECK(login->what == Els::fdisc);
    CHECK(login->port == Wwn{0x2100000000000001});
    CHECK(login->node == Wwn{0x2000000000000001});
    CHECK_FALSE(login_of(View(payload).first(115)));

    const auto with = fabric_login_accepted(switch_name, true);
    const auto without = fabric_login_accepted(switch_name, false);
    REQUIRE(with.size() == login_size);
    CHECK(with[0] == 2);
    CHECK(load_be16(with, 8) == 0x3000);
    CHECK(load_be16(without, 8) == 0x1000);
    CHECK(load_be16(with, 10) == 2112);
    CHECK(load_be32(with, 12) == 10000);
    CHECK(load_be32(with, 16) == 2000);
    CHECK(load_be64(with, 28) == fabric_name.value());
    CHECK(load_be16(with, 68) == 0x8800);
    CHECK(load_be16(port_login_accepted(switch_name), 74) == 2048);
}

TEST_CASE("the other link services are as FC-LS has them") {
    CHECK(ls_acc() == Bytes{2, 0, 0, 0});
    CHECK(ls_rjt(no_resources) == Bytes{1, 0, 0, 0, 0, 9, 0x29, 0});
    CHECK(logo(PortId{0x010203}, Wwn{0x2100000000000001}) ==
          Bytes{5, 0, 0, 0, 0, 1, 2, 3, 0x21, 0, 0, 0, 0, 0, 0, 1});
    CHECK(rscn(RscnFormat::port, PortId{0x010203}) == Bytes{0x61, 4, 0, 8, 0, 1, 2, 3});
    CHECK(rscn(RscnFormat::fabric, PortId{0}) == Bytes{0x61, 4, 0, 8, 3, 0, 0, 0});
    CHECK(ba_acc(0x1234, 0x5678) == Bytes{0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0xff, 0xff});
    CHECK_FALSE(els_of(Bytes{4, 0, 0}));
    CHECK(els_of(Bytes{4, 0, 0, 0}) == Els::flogi);
}

TEST_CASE("an ENode's solicitation is read, and answered at the size that it asks for") {
    const auto packet =
        fip::packet_of(fip_packet(1, 1, {2, 2, 2, 0, 0, 0, 0, 10, 6, 1, 0x08, 0x6a}));
    REQUIRE(packet);
    REQUIRE(packet->solicitation);
    CHECK(packet->solicitation->enode == Mac{2, 0, 0, 0, 0, 10});
    CHECK(packet->solicitation->packet_size == 0x086a);
    const auto answer = fip::advertisement(packet->solicitation->enode, 8s, 0x086a);
    CHECK(answer.size() == 14 + 0x086a);
    CHECK(load_be16(answer, 12) == 0x8914);
    CHECK(load_be16(answer, 22) == 0x8027); // provides addresses, FCF, available, solicited
    CHECK(load_be16(answer, 20) == (4 + 8 + 12 + 16 + 8) / 4);
    CHECK(load_be32(answer, 24 + 4 + 8 + 12 + 16 + 4) == 8000);
    CHECK(load_be16(fip::advertisement(all_enodes, 8s, 0), 22) == 0x8025);
}

TEST_CASE("logins over FIP are read, and answered with an address or without") {
    Bytes payload(login_size);
    payload[0] = 4;
    auto frame = encode(some_frame(payload));
    Bytes descriptor{7, static_cast<std::uint8_t>((frame.size() + 4) / 4), 0, 0};
    descriptor.insert(descriptor.end(), frame.begin(), frame.end());
    descriptor.insert(descriptor.end(), {2, 2, 0, 0, 0, 0, 0, 0});
    const auto packet = fip::packet_of(fip_packet(2, 1, descriptor));
    REQUIRE(packet);
    REQUIRE(packet->login);
    CHECK(packet->login->kind == fip::LoginKind::flogi);
    CHECK(packet->login->frame == frame);

    const Mac enode{2, 0, 0, 0, 0, 10};
    const auto accepted = fip::login_reply(enode, fip::LoginKind::fdisc, some_frame(ls_acc()),
                                           provided_mac(PortId{0x010101}));
    CHECK(accepted[24] == 8);
    CHECK(accepted[25] == (4 + 24 + 4) / 4);
    CHECK(load_be16(accepted, 20) == (4 + 24 + 4 + 8) / 4);
    CHECK(Bytes(accepted.begin() + 56, accepted.begin() + 64) ==
          Bytes{2, 2, 0x0e, 0xfc, 0, 1, 1, 1});
    const auto refused =
        fip::login_reply(enode, fip::LoginKind::fdisc, some_frame(ls_rjt(no_resources)), {});
    CHECK(load_be16(refused, 20) == (4 + 24 + 8) / 4);
}

TEST_CASE("keep-alives are told apart: the ENode's, and a port's") {
    auto packet = fip::packet_of(fip_packet(3, 1, {2, 2, 2, 0, 0, 0, 0, 11}));
    REQUIRE(packet);
    REQUIRE(packet->keep_alive);
    CHECK(packet->keep_alive->enode == Mac{2, 0, 0, 0, 0, 11});
    CHECK_FALSE(packet->keep_alive->port);
    Bytes descriptors{2, 2, 2, 0, 0, 0, 0, 11, 11, 5, 0x0e, 0xfc, 0, 1, 1, 1, 0, 1, 1, 1};
    descriptors.resize(28);
    packet = fip::packet_of(fip_packet(3, 1, descriptors));
    REQUIRE(packet);
    CHECK(packet->keep_alive->port == PortId{0x010101});
}

TEST_CASE("links are cleared port by port, or as a whole") {
    const auto one = fip::clear_link(all_enodes, {{PortId{0x010101}, Wwn{0x2100000000000001}}});
    CHECK(load_be16(one, 16) == 3);
    CHECK(one[19] == 2);
    CHECK(load_be16(one, 20) == (8 + 12 + 20) / 4);
    CHECK(Bytes(one.begin() + 44, one.begin() + 64) ==
          Bytes{11, 5, 0x0e, 0xfc, 0, 1, 1, 1, 0, 1, 1, 1, 0x21, 0, 0, 0, 0, 0, 0, 1});
    CHECK(load_be16(fip::clear_link(all_enodes, {}), 20) == (8 + 12) / 4);
}

TEST_CASE("what is no FIP of an ENode is nothing") {
    const auto good = fip_packet(1, 1, {2, 2, 2, 0, 0, 0, 0, 10});
    REQUIRE(fip::packet_of(good));
    CHECK_FALSE(fip::packet_of(View(good).first(23)));
    const auto change = [&](std::size_t at, std::uint8_t value) {
        auto packet = good;
        packet[at] = value;
        return packet;
    };
    CHECK_FALSE(fip::packet_of(change(13, 0x06))); // FCoE
    CHECK_FALSE(fip::packet_of(change(14, 0x20))); // another version
    CHECK_FALSE(fip::packet_of(change(21, 0xff))); // more than there is
    CHECK_FALSE(fip::packet_of(change(25, 0)));    // a descriptor of no size
    CHECK_FALSE(fip::packet_of(change(25, 3)));    // one that is cut off
    CHECK_FALSE(fip::packet_of(change(19, 2)));    // from an FCF
    CHECK_FALSE(fip::packet_of(change(17, 4)));    // VLANs
    CHECK_FALSE(fip::packet_of(fip_packet(2, 1, {2, 2, 2, 0, 0, 0, 0, 10}))); // no login in it
}
