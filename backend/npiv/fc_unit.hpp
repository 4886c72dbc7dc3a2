// A SCSI unit found by the target port that has it and by its LUN, behind a certain port of this
// host: the way fc_host -> fc_remote_ports -> H:C:T:L -> sg node. The numbers of hosts, ports and
// nodes are the kernel's and change with each boot, and with each creation of a virtual port.
//
// Source: Linux 6.1, drivers/scsi/scsi_transport_fc.c (scsi_target_id), scsi_common.c
// (scsilun_to_int: with flat space addressing, SAM-5 4.7.7.3, bit 14 is set in the kernel's
// number). Thread: any; reads sysfs, asks no device. Errors: a Refusal that says how far the way
// leads.
#pragma once

#include "backend/npiv/fc_tree.hpp"
#include "common/config/pdev.hpp"

namespace pvscsi::backend::npiv {

/// What PDEV "fc.TARGET:LUN[@PORT]" says.
struct FcUnitName {
    Wwn target;
    std::uint64_t lun = 0;
    Wwn through; ///< the WWPN of the host's port; none: any that is no virtual one
};
[[nodiscard]] FcUnitName fc_unit_name(const config::Pdev& pdev);

struct FcUnit {
    std::string node;    ///< "/dev/sg3"
    std::string address; ///< "2:0:0:5"
    FcRemotePort target;
    std::uint64_t lun = 0; ///< as an array numbers it, not the kernel
};
/// Also one whose target port does not answer now: the device is there until dev_loss_tmo is over.
/// Refused: no such port, target or unit, or several paths to it.
[[nodiscard]] Expected<FcUnit, config::Refusal> find_fc_unit(const FcTree& tree,
                                                             const FcUnitName& name);
/// The same with ports that have been read before.
[[nodiscard]] Expected<FcUnit, config::Refusal> find_fc_unit(const FcTree& tree, const FcView& view,
                                                             const FcUnitName& name);

/// All units behind a port of this host that have an sg node, by their addresses.
[[nodiscard]] std::vector<FcUnit> units_behind(const FcTree& tree, const FcView& view, Wwn through);

} // namespace pvscsi::backend::npiv
