// A fabric of two links, "si" with initiators and "st" with a target, whose ports and time are the
// test's.
#pragma once

#include "common/base/bytes.hpp"
#include "common/base/log.hpp"
#include "tests/npiv/fabric/control.hpp"

#include <catch2/catch.hpp>

#include <deque>

namespace pvscsi::fabric::test {

using namespace std::chrono_literals;

inline const Mac enode{2, 0, 0, 0, 0, 10};
inline const Wwn initiator{0x200002000000000a}, target{0x200002000000000b};
inline Wwn vport(std::uint64_t number) {
    return Wwn{0x2100000000000000 + number};
}

class Recorder final : public Wire {
  public:
    struct Sent {
        LinkIndex link;
        Bytes packet;
    };
    void send(LinkIndex link, View packet) override {
        sent.push_back({link, Bytes(packet.begin(), packet.end())});
    }
    std::deque<Sent> sent;
};

struct Bed {
    Bed() { log::set_level(log::Level::error); }

    Recorder wire;
    TimePoint now{};
    Fabric fabric{{{{"si", false}, {"st", true}}, 4s}, wire, now};

    void pass(std::chrono::milliseconds time) {
        now += time;
        fabric.advance(now);
    }
    std::string tell(const std::string& line) {
        const auto said = command(fabric, line);
        return said ? *said : "error: " + said.error();
    }
    Recorder::Sent next() {
        REQUIRE_FALSE(wire.sent.empty());
        auto sent = wire.sent.front();
        wire.sent.pop_front();
        return sent;
    }
    /// The next packet, which is a frame.
    Frame next_frame() {
        const auto packet = next().packet;
        const auto fcoe = fcoe_of(packet);
        REQUIRE(fcoe);
        CHECK(fcoe->intact);
        const auto frame = decode(fcoe->frame);
        REQUIRE(frame);
        return {frame->header, Bytes(frame->payload.begin(), frame->payload.end())};
    }

    /// FLOGI, FDISC or LOGO in FIP; the frame of the answer.
    std::optional<Frame> login(LinkIndex link, Els what, Wwn name, PortId from = PortId{0}) {
        Bytes payload(what == Els::logo ? 16 : login_size);
        payload[0] = static_cast<std::uint8_t>(what);
        store_be64(payload, what == Els::logo ? 8 : 20, name.value());
        const auto frame = encode(
            {{Routing::els_request, f_port, from, Type::els, f_ctl_request, 0x77, no_exchange},
             payload});
        Bytes packet;
        append(packet, {fcf_mac, enode, EtherType::fip});
        packet.resize(24);
        packet[14] = 0x10;
        store_be16(packet, 16, 2);
        packet[19] = 1;
        store_be16(packet, 20, (frame.size() + 4) / 4);
        const auto kind = what == Els::flogi ? 7 : what == Els::fdisc ? 8 : 9;
        packet.insert(packet.end(), {static_cast<std::uint8_t>(kind),
                                     static_cast<std::uint8_t>((frame.size() + 4) / 4), 0, 0});
        packet.insert(packet.end(), frame.begin(), frame.end());
        wire.sent.clear();
        fabric.receive(link, packet, now);
        // What others are told of it comes first.
        while (!wire.sent.empty()) {
            const auto sent = next();
            if (ethernet_of(sent.packet)->type != EtherType::fip)
                continue;
            CHECK(sent.link == link);
            const auto size = std::size_t{sent.packet[25]} * 4 - 4;
            const auto reply = decode(View(sent.packet).subspan(28, size));
            REQUIRE(reply);
            CHECK(reply->header.ox_id == 0x77);
            return Frame{reply->header, Bytes(reply->payload.begin(), reply->payload.end())};
        }
        return {};
    }
    PortId accepted(LinkIndex link, Els what, Wwn name) {
        const auto reply = login(link, what, name);
        REQUIRE(reply);
        REQUIRE(reply->payload[0] == 2);
        return reply->header.to;
    }
    Refusal refused(LinkIndex link, Els what, Wwn name) {
        const auto reply = login(link, what, name);
        REQUIRE(reply);
        REQUIRE(reply->payload[0] == 1);
        return {reply->payload[5], reply->payload[6]};
    }
    /// A frame of a port; what it carries.
    void send(LinkIndex link, const Frame& frame) {
        wire.sent.clear();
        fabric.receive(link, to_fcoe(frame), now);
    }
    void els(PortId from, PortId to, Bytes payload, LinkIndex link = 0) {
        send(link, {{Routing::els_request, to, from, Type::els, f_ctl_request, 0x99, no_exchange},
                    std::move(payload)});
    }
    void fcp(PortId from, PortId to, LinkIndex link = 0) {
        send(link, {{Routing{6}, to, from, Type::fcp, f_ctl_request, 1, no_exchange}, Bytes(32)});
    }
    /// Both physical ports and a vport: 010100, 010200, 010101; the vport wants RSCNs.
    void all() {
        CHECK(accepted(1, Els::flogi, target) == PortId{0x010200});
        CHECK(accepted(0, Els::flogi, initiator) == PortId{0x010100});
        CHECK(accepted(0, Els::fdisc, vport(1)) == PortId{0x010101});
        els(PortId{0x010101}, fabric_controller, {0x62, 0, 0, 0, 0, 0, 0, 3});
        CHECK(next_frame().payload == ls_acc());
        wire.sent.clear();
    }
    static constexpr PortId t{0x010200}, p{0x010100}, v{0x010101};
};

inline bool is_clear_link(View packet) {
    return ethernet_of(packet)->type == EtherType::fip && load_be16(packet, 16) == 3;
}

} // namespace pvscsi::fabric::test
