// What Fibre Channel calls things: addresses of ports, names of ports and nodes, and the Ethernet
// addresses that stand for them.
#pragma once

#include "common/base/strong_id.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pvscsi::fabric {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

/// An N_Port's address on the fabric: 24 bits, domain, area and port (FC-FS, address identifiers).
using PortId = StrongId<struct PortIdTag, std::uint32_t>;
/// A World Wide Name, of a port or of a node (FC-FS, Name_Identifier).
using Wwn = StrongId<struct WwnTag, std::uint64_t>;
using Mac = std::array<std::uint8_t, 6>;
/// A link, which is an interface of this machine: its number in the order of the command line.
using LinkIndex = std::size_t;

/// The well-known addresses (FC-FS) that this fabric answers at.
inline constexpr PortId f_port{0xfffffe};
inline constexpr PortId fabric_controller{0xfffffd};
inline constexpr PortId name_server{0xfffffc};
inline constexpr PortId first_well_known{0xfffc00};

/// The fabric's own names: NAA 1, of a made-up organisation.
inline constexpr Wwn switch_name{0x1000aabbccddee01};
inline constexpr Wwn fabric_name{0x1000aabbccddee00};
/// The Ethernet address of the FCF, the switch as ENodes see it; one for all links.
inline constexpr Mac fcf_mac{0x02, 0xfc, 0xf0, 0x00, 0x00, 0x01};
inline constexpr Mac all_enodes{0x01, 0x10, 0x18, 0x01, 0x00, 0x01};
/// The upper half of the addresses that the fabric gives out (FC-BB-5, FC-MAP's default).
inline constexpr std::uint32_t fc_map = 0x0efc00;

/// The Ethernet address that a port gets with its FC_ID (FC-BB-5, fabric-provided MAC address).
[[nodiscard]] Mac provided_mac(PortId id);

/// "010101"
[[nodiscard]] std::string to_string(PortId id);
/// "21000000c9000001"
[[nodiscard]] std::string to_string(Wwn name);
/// 6 hexadecimal digits.
[[nodiscard]] std::optional<PortId> port_id_of(std::string_view text);
/// 16 hexadecimal digits; also with "0x" before them, or with a colon after each two.
[[nodiscard]] std::optional<Wwn> wwn_of(std::string_view text);

} // namespace pvscsi::fabric
