// The N_Ports that are logged in to the fabric, and which addresses they get.
//
// Ownership: the fabric's. Pointers and references hold until the port is removed.
#pragma once

#include "tests/npiv/fabric/names.hpp"

#include <bitset>
#include <map>

namespace pvscsi::fabric {

/// A port, and what it has registered with the name server and the fabric controller.
struct Port {
    PortId id;
    Wwn port, node;
    LinkIndex link = 0;
    bool physical = false; ///< logged in by FLOGI; the others by FDISC
    bool target = false;   ///< the physical port of a target's link: no other has units
    bool wants_rscn = false;
    std::bitset<256> types;        ///< FC-4s (RFT_ID)
    std::uint8_t fcp_features = 0; ///< of RFF_ID. tcm_fc says "target" for each port of its host.
    std::string symbolic_name;
};

class Ports {
  public:
    /// Domain 1; a link is an area; 0 is the physical port, and 1 to 255 are the others. A name
    /// gets the address that it had before, if that is free, as switches do. Nothing if the link
    /// has 255 others. The name and the physical port must not be logged in.
    Port* log_in(LinkIndex link, Wwn port, Wwn node, bool physical);
    void remove(PortId id);

    [[nodiscard]] Port* find(PortId id);
    [[nodiscard]] Port* find(Wwn port);
    [[nodiscard]] std::vector<PortId> of_link(LinkIndex link) const;
    /// In the order of their addresses.
    [[nodiscard]] const std::map<PortId, Port>& all() const { return ports_; }

  private:
    [[nodiscard]] std::optional<PortId> address_for(LinkIndex link, Wwn port) const;

    std::map<PortId, Port> ports_;
    std::map<Wwn, PortId> earlier_;
};

} // namespace pvscsi::fabric
