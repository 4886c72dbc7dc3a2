// FIP, by which ENodes (hosts' ends of links) find the fabric, log in and out, and both ends show
// that they are still there.
//
// Source: FC-BB-5, FCoE Initialization Protocol. Errors: what is no such packet, or one that only
// an FCF or a VN2VN port sends, is nothing.
#pragma once

#include "tests/npiv/fabric/frame.hpp"

#include <chrono>

namespace pvscsi::fabric::fip {

/// An ENode looks for FCFs.
struct Solicitation {
    Mac enode{};
    std::uint16_t packet_size = 0; ///< the largest that it takes; the answer shall be of this size
};
/// Which of a login's descriptors.
enum class LoginKind : std::uint8_t { flogi = 7, fdisc = 8, logo = 9 };
/// FLOGI, FDISC or LOGO of an ENode.
struct LoginRequest {
    Mac enode{};
    LoginKind kind{};
    Bytes frame; ///< as decode() takes it
};
/// An ENode is there, or one of its ports.
struct KeepAlive {
    Mac enode{};
    std::optional<PortId> port;
};

/// At most one of them is there.
struct Packet {
    std::optional<Solicitation> solicitation;
    std::optional<LoginRequest> login;
    std::optional<KeepAlive> keep_alive;
};
[[nodiscard]] std::optional<Packet> packet_of(View packet);

/// Says that there is an FCF, and that it says so again each `period`. `padded`: the size of the
/// packet without Ethernet's header, for an answer to a solicitation; 0 if nobody has asked.
[[nodiscard]] Bytes advertisement(const Mac& to, std::chrono::milliseconds period,
                                  std::uint16_t padded);
/// The answer to a login; with the port's Ethernet address unless it is refused.
[[nodiscard]] Bytes login_reply(const Mac& to, LoginKind kind, const Frame& reply,
                                const std::optional<Mac>& granted);

/// A port whose login is over.
struct ClearedPort {
    PortId id;
    Wwn port;
};
/// Clear Virtual Link: ends these logins, or all of the link's if there are none.
[[nodiscard]] Bytes clear_link(const Mac& to, const std::vector<ClearedPort>& ports);

} // namespace pvscsi::fabric::fip
