// What dom0 keeps of a vhost that another domain serves: who serves it, and its entries. It is all
// that is left when that domain ends, which takes the backend's nodes along; and what the toolstack
// goes by, as neither the guest nor the domain that serves can write it.
//
//   R = /local/domain/GUEST/pvscsi/VHOST, gone with the guest
//   R/backend      as the entries name it
//   R/backend-id   its number
//   R/dev-N        the entry
//
// Functions with a transaction run inside the caller's.
// Thread: the store's. Errors: the store's errno; a record that is damaged is not there.
#pragma once

#include "backend/toolstack/vhost.hpp"
#include "backend/toolstack/vscsi_config.hpp"
#include "common/hypervisor/store.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pvscsi::toolstack {

/// Who serves the vhost, as its entries name it: `backend`.
Result<void> record_vhost(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost,
                          const std::string& backend);
/// Also to replace what is there.
Result<void> record_lun(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, unsigned number,
                        const Lun& lun);
/// No error if they are gone already.
Result<void> forget_lun(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, unsigned number);
Result<void> forget_vhost(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost);

struct VhostRecord {
    Vhost vhost;
    std::string backend;
    std::map<unsigned, Lun> luns; ///< by N of dev-N
};
/// Nothing if another domain than dom0 does not serve it.
Result<std::optional<VhostRecord>> read_record(hv::Store& store, hv::StoreTxn txn, DomId guest,
                                               DevId device);
/// Of one guest, by vhost.
std::vector<VhostRecord> read_records(hv::Store& store, DomId guest);

/// Whether the guest has such vhosts.
Result<bool> has_records(hv::Store& store, hv::StoreTxn txn, DomId guest);

} // namespace pvscsi::toolstack
