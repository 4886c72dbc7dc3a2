// Fibre Channel frames, alone and in Ethernet's clothes.
//
// Sources: FC-FS (frame header), FC-BB-5 (FCoE encapsulation), RFC 3643 annex (codes of SOF, EOF).
// Errors: what is no such frame is nothing. Views point into the bytes they were read from.
#pragma once

#include "tests/npiv/fabric/names.hpp"

namespace pvscsi::fabric {

/// R_CTL: what a frame is for.
enum class Routing : std::uint8_t {
    solicited_data = 0x01,
    unsolicited_control = 0x02, ///< a request of the common transport
    solicited_control = 0x03,   ///< its answer
    els_request = 0x22,
    els_reply = 0x23,
    abts = 0x81,
    ba_acc = 0x84,
};
enum class Type : std::uint8_t {
    basic_link = 0x00,
    els = 0x01,
    fcp = 0x08,
    common_transport = 0x20
};

/// F_CTL of a sequence that is one frame: the first, last and only one of a request by the
/// exchange's originator, the sequence initiative handed over; and of its responder's answer.
inline constexpr std::uint32_t f_ctl_request = 0x290000;
inline constexpr std::uint32_t f_ctl_reply = 0x990000;
inline constexpr std::uint16_t no_exchange = 0xffff;

/// Those fields of the header that mean anything here; the others are sent as 0.
struct Header {
    Routing routing{};
    PortId to, from;
    Type type{};
    std::uint32_t f_ctl = 0;
    std::uint16_t ox_id = no_exchange, rx_id = no_exchange;
};
inline constexpr std::size_t header_size = 24;

struct Frame {
    Header header;
    Bytes payload;
};
struct FrameView {
    Header header;
    View payload;
};

/// The header and the payload, filled up to whole words as F_CTL then says.
[[nodiscard]] Bytes encode(const Frame& frame);
/// Fill bytes are not part of the payload.
[[nodiscard]] std::optional<FrameView> decode(View bytes);

/// EtherType of FCoE and of FIP, the FCoE initialization protocol.
enum class EtherType : std::uint16_t { fcoe = 0x8906, fip = 0x8914 };
inline constexpr std::size_t ethernet_size = 14;
/// The least that Ethernet carries, without its own check sum.
inline constexpr std::size_t ethernet_least = 60;

struct Ethernet {
    Mac to{}, from{};
    EtherType type{};
};
/// Nothing also if its type is another than these two.
[[nodiscard]] std::optional<Ethernet> ethernet_of(View packet);
void append(Bytes& packet, const Ethernet& header);

/// What an FCoE packet carries.
struct FcoeView {
    Mac from{};
    View frame;          ///< header and payload, as decode() takes them
    bool intact = false; ///< its check sum is right
};
[[nodiscard]] std::optional<FcoeView> fcoe_of(View packet);
/// From the FCF to the port that the frame's D_ID names.
[[nodiscard]] Bytes to_fcoe(const Frame& frame);
/// Sends an FCoE packet on: only the Ethernet addresses change.
void readdress(Bytes& packet, PortId to);

} // namespace pvscsi::fabric
