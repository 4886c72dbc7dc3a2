// Guests that were given all that a Fibre Channel port of their own sees: the ports, and the LUNs
// that are behind each. HostMode writes them as nodes.
//
// A LUN is lost when its target is away for too long, and comes back at the same address; so one
// goes only if its target answers and has it no more. A target's number in the guest is the one of
// its first LUN for as long as any is there, whatever number the kernel gives it later.
//
// Thread: control. Errors: as Sight::trouble.
#pragma once

#include "backend/npiv/vports.hpp"
#include "backend/toolstack/inventory.hpp"
#include "backend/toolstack/vscsi_config.hpp"

#include <map>
#include <set>

namespace pvscsi::backend {

/// What a guest's port sees.
struct PortSight {
    std::vector<npiv::FcUnit> units;
    std::set<npiv::Wwn> answering; ///< target ports
    std::string trouble;           ///< what is missing, for an administrator; empty: nothing
};

/// The LUNs that the guest is to have of what is seen, with the entry's options; `there`: those
/// that it has.
[[nodiscard]] std::vector<toolstack::Lun> luns_seen(const PortSight& sight,
                                                    const toolstack::Lun& entry,
                                                    const std::vector<toolstack::LunEntry>& there);
/// Whether it has been taken out of what the port may see.
[[nodiscard]] bool has_gone(const PortSight& sight, const toolstack::LunEntry& lun);

class PortHosts {
  public:
    /// `vports`: may be null where there are none.
    PortHosts(hv::Store& store, std::shared_ptr<npiv::Vports> vports)
        : store_(store), vports_(std::move(vports)) {}

    /// Keeps the port from now on, for as long as the vhost says by its node `host` that it is to
    /// have it; makes it if it is not there.
    [[nodiscard]] PortSight look(const toolstack::Vhost& vhost, const toolstack::Lun& entry);
    /// To be called now and then. True: it has changed what look() says.
    [[nodiscard]] bool tend();

  private:
    struct Held {
        npiv::VportWish wish;
        npiv::Wwn through;
        std::shared_ptr<const void> lease;
        std::string awaited;
    };
    [[nodiscard]] npiv::VportWish wish_of(const toolstack::Vhost& vhost,
                                          const toolstack::Lun& entry);
    void hold(Held& held);

    hv::Store& store_;
    const std::shared_ptr<npiv::Vports> vports_;
    std::map<std::string, Held> held_; ///< by the vhosts' backend paths
};

} // namespace pvscsi::backend
