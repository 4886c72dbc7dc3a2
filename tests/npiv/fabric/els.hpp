// Extended and basic link services: what ports and fabric say to each other to log in and out.
//
// Sources: FC-LS (payloads, reason codes), FC-FS (BA_ACC). Errors: what is no such payload is
// nothing.
#pragma once

#include "tests/npiv/fabric/names.hpp"

namespace pvscsi::fabric {

/// The first byte of a payload.
enum class Els : std::uint8_t {
    ls_rjt = 0x01,
    ls_acc = 0x02,
    plogi = 0x03,
    flogi = 0x04,
    logo = 0x05,
    rrq = 0x12,
    fdisc = 0x51,
    rscn = 0x61,
    scr = 0x62,
};
[[nodiscard]] std::optional<Els> els_of(View payload);

/// Why a request is refused: LS_RJT's reason and explanation (FC-LS, LS_RJT).
struct Refusal {
    std::uint8_t reason = 0, explanation = 0;
    friend bool operator==(const Refusal&, const Refusal&) = default;
};
inline constexpr Refusal not_supported{0x0b, 0x00};
inline constexpr Refusal protocol_error{0x07, 0x00};
inline constexpr Refusal invalid_length{0x03, 0x2d};
/// Unable to perform: insufficient resources to support login.
inline constexpr Refusal no_resources{0x09, 0x29};
/// Unable to perform: invalid N_Port/F_Port name.
inline constexpr Refusal invalid_port_name{0x09, 0x0d};

/// FLOGI, FDISC and PLOGI, and their acceptance, are of this size.
inline constexpr std::size_t login_size = 116;
struct Login {
    Els what{};
    Wwn port, node;
};
[[nodiscard]] std::optional<Login> login_of(View payload);

/// The fabric's service parameters. `npiv`: it takes more than one N_Port on a link (FDISC).
[[nodiscard]] Bytes fabric_login_accepted(Wwn port, bool npiv);
/// The service parameters of a well-known address.
[[nodiscard]] Bytes port_login_accepted(Wwn port);
[[nodiscard]] Bytes ls_acc();
[[nodiscard]] Bytes ls_rjt(Refusal refusal);
[[nodiscard]] Bytes logo(PortId id, Wwn port);
/// How much an RSCN is about: one port, or all of the fabric.
enum class RscnFormat : std::uint8_t { port = 0, fabric = 3 };
[[nodiscard]] Bytes rscn(RscnFormat format, PortId id);
[[nodiscard]] Bytes ba_acc(std::uint16_t ox_id, std::uint16_t rx_id);

} // namespace pvscsi::fabric
