// World wide names of Fibre Channel, and `vport=`, which is made of them. People write them in many
// ways; here they are one type, and are printed in one way: 16 hexadecimal digits in lower case, as
// the kernel takes them.
//
// Which of the two names of a port comes first is not the same everywhere: here, as in the kernel,
// it is the port's (WWPN), then the node's (WWNN).
// Source: FC-FS-3 clause 15 (Name_Identifier formats).
// Thread: any. Errors: nothing, or a Refusal; no exceptions but for lack of memory.
#pragma once

#include "common/config/wwn_value.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace pvscsi::config {

/// "2100001b32012345", as to_string() makes it.
[[nodiscard]] std::string to_string(Wwn name);

/// 16 digits, with or without "0x", or 8 pairs of them with colons or hyphens between. Nothing if
/// it is something else, or zero.
[[nodiscard]] std::optional<Wwn> parse_wwn_name(std::string_view text);

/// What a port of the fabric is known by.
struct WwnPair {
    Wwn port; ///< WWPN
    Wwn node; ///< WWNN
    friend auto operator<=>(const WwnPair&, const WwnPair&) = default;
};
/// "WWPN:WWNN", as the kernel takes it.
[[nodiscard]] std::string to_string(const WwnPair& names);
/// "WWPN:WWNN", each in any spelling; two different names.
[[nodiscard]] std::optional<WwnPair> parse_wwn_pair(std::string_view text);

/// What `vport=` says.
struct VportChoice {
    std::optional<WwnPair> names; ///< nothing: auto, out of the host's pool
    std::optional<Wwn> on;        ///< the WWPN of the host's port; nothing: the only one
    friend bool operator==(const VportChoice&, const VportChoice&) = default;
};
/// "auto@5001...", in the one spelling.
[[nodiscard]] std::string to_string(const VportChoice& choice);
/// "auto|WWPN:WWNN[@PORT]"
[[nodiscard]] std::optional<VportChoice> parse_vport_choice(std::string_view text);

} // namespace pvscsi::config
