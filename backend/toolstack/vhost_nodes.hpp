// What the toolstack writes into the store for a vhost, and takes out again. Every function runs
// inside the caller's transaction, so that neither end ever sees half of it. The nodes, their
// owners and when they are there: xenstore-schemas/.
//
// Thread: the store's. Errors: the store's errno.
#pragma once

#include "backend/toolstack/remove_node.hpp"
#include "backend/toolstack/vhost.hpp"
#include "backend/toolstack/vscsi_config.hpp"
#include "common/hypervisor/store.hpp"
#include "common/xenbus/state.hpp"

#include <span>
#include <string>

namespace pvscsi::toolstack {

/// Both ends' nodes with these LUNs. The backend's state is InitWait from the start: Linux'
/// xen-scsiback takes up only what it first sees in Initialising, so it leaves our vhosts alone.
/// ENOENT if the domain that is to serve it is gone: its nodes would stay for ever. Of an entry
/// that gives a whole host adapter, the LUNs that it has now; ENODEV if it is not there.
Result<void> write_vhost(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost,
                         std::span<const Lun> luns);

/// One LUN more, in state Initialising. Returns N of its dev-N, which no LUN of the vhost had
/// before.
Result<unsigned> write_lun(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, const Lun& lun);

/// Both ends' nodes of a LUN. No error if they are gone already.
Result<void> remove_lun(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, unsigned number);

/// The name has changed, or other options.
Result<void> remember_lun(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, unsigned number,
                          const Lun& lun);

/// Both ends' nodes of a vhost. No error if they are gone already.
Result<void> remove_vhost(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost);

/// All that a domain has below its path for a guest. No error if there is nothing.
Result<void> remove_guest(hv::Store& store, hv::StoreTxn txn, DomId backend, DomId guest);
[[nodiscard]] std::string guest_path(DomId backend, DomId guest);

Result<void> write_state(hv::Store& store, hv::StoreTxn txn, const std::string& parent,
                         xenbus::State state);

} // namespace pvscsi::toolstack
