// Asking the kernel to make and to delete a virtual port, and what its refusals mean.
//
// Source: Linux 6.1, drivers/scsi/scsi_transport_fc.c (store_fc_host_vport_create, _delete,
// fc_vport_setup) and include/scsi/scsi_transport_fc.h (VPCERR_*); Documentation/scsi/
// scsi_fc_transport.rst; lpfc/lpfc_vport.c and .h (VPORT_*), qla2xxx/qla_mid.c. `vport_create`
// takes the port's name first, then the node's.
// Thread: one that may wait: deleting ends all that is under way at the port's units, and drivers
// may wait for the fabric in both. Errors: a VportRefusal.
#pragma once

#include "backend/npiv/fc_tree.hpp"
#include "common/config/pdev.hpp"

#include <functional>
#include <optional>

namespace pvscsi::backend::npiv {

/// What came of writing an attribute: drivers answer with numbers of their own where others have an
/// errno (lpfc: EPERM, ENOENT, ESRCH, EINTR), so it counts who says it.
struct Written {
    int code = 0;       ///< errno; 0: done
    bool opened = true; ///< false: the attribute could not be opened, and no driver has seen it
    [[nodiscard]] bool done() const noexcept { return code == 0; }
};
/// Writes an attribute of sysfs in one go. Tests have a kernel of their own.
using WriteAttribute =
    std::function<Written(const std::filesystem::path& attribute, const std::string& text)>;
[[nodiscard]] Written write_attribute(const std::filesystem::path& attribute,
                                      const std::string& text);

/// Why the kernel does not do it.
struct VportRefusal {
    int code = 0; ///< errno
    config::Refusal why;
    /// It may do it a moment later, as nothing but time is missing: the link, the fabric.
    bool passing = false;
};

/// The port is there when this returns, but not logged in to the fabric yet.
[[nodiscard]] std::optional<VportRefusal> create_vport(const FcTree& tree, const FcPort& on,
                                                       const WwnPair& names,
                                                       const WriteAttribute& write);
/// It is gone when this returns, with all its units. No error if it was gone already.
[[nodiscard]] std::optional<VportRefusal> delete_vport(const FcTree& tree, const FcVport& vport,
                                                       const WriteAttribute& write);

/// Has commands to a target port that has gone away fail after so many seconds, 0 to 600; it is
/// lost (dev_loss_tmo) no sooner than that. False: the driver does not take it. Does not wait.
///
/// Source: scsi_transport_fc.c, store_fc_rport_fast_io_fail_tmo: it has to be less than
/// dev_loss_tmo.
bool hold_commands(const FcTree& tree, const FcRemotePort& target, unsigned seconds,
                   const WriteAttribute& write);

/// For the fabric's name server and for people: "pvscsi:HOST:DOMAIN:VHOST", at most 63 printable
/// characters (FC_VPORT_SYMBOLIC_NAMELEN); what is longer loses the end of its parts.
[[nodiscard]] std::string symbolic_name(std::string_view host, std::string_view domain,
                                        std::string_view vhost);
/// Drivers need not have it. False: it was not taken.
bool name_vport(const FcTree& tree, const FcVport& vport, const std::string& symbolic_name,
                const WriteAttribute& write);

} // namespace pvscsi::backend::npiv
