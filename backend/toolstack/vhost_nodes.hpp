// What the toolstack writes into the store for a vhost, and takes out again. Every function runs
// inside the caller's transaction, so that neither end ever sees half of it. The nodes, their
// owners and when they are there: xenstore-schemas/.
//
// Thread: the store's. Errors: the store's errno.
#pragma once

#include "backend/toolstack/vscsi_config.hpp"
#include "common/hypervisor/store.hpp"
#include "common/xenbus/nodes.hpp"
#include "common/xenbus/state.hpp"

#include <span>
#include <string>

namespace pvscsi::toolstack {

/// Which vhost: of whom, served by whom.
struct Vhost {
    DomId backend;
    DomId guest;
    DevId device; ///< the vhost number, first figure of its VDEVs

    [[nodiscard]] std::string back() const { return xenbus::backend_path(backend, guest, device); }
    [[nodiscard]] std::string front() const { return xenbus::frontend_path(guest, device); }
    [[nodiscard]] std::string back_lun(unsigned number) const {
        return back() + "/vscsi-devs/dev-" + std::to_string(number);
    }
    [[nodiscard]] std::string front_lun(unsigned number) const {
        return front() + "/vscsi-devs/dev-" + std::to_string(number);
    }
};

/// Both ends' nodes with these LUNs. The backend's state is InitWait from the start: Linux'
/// xen-scsiback takes up only what it first sees in Initialising, so it leaves our vhosts alone.
Result<void> write_vhost(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost,
                         std::span<const Lun> luns);

/// One LUN more, in state Initialising. Returns N of its dev-N, which no LUN of the vhost had
/// before.
Result<unsigned> write_lun(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, const Lun& lun);

/// Both ends' nodes of a LUN. No error if they are gone already.
Result<void> remove_lun(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, unsigned number);

/// Both ends' nodes of a vhost. No error if they are gone already.
Result<void> remove_vhost(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost);

/// A node with all below it. No error if it is not there.
Result<void> remove_if_there(hv::Store& store, hv::StoreTxn txn, const std::string& path);

Result<void> write_state(hv::Store& store, hv::StoreTxn txn, const std::string& parent,
                         xenbus::State state);

} // namespace pvscsi::toolstack
