// An attach that is under way: B/attaching says who makes it and which LUNs are his, from the
// transaction that adds them to the one that is his last. If he is killed in between, and the
// daemon can't open one of them, the next pvscsictl takes that away in his place: the guest never
// had it, and who asked for it was never told that it is there.
//
//   PID START FIRST LAST NEW[,...]    process and the time of its start, dev-FIRST to dev-LAST, and
//                                     1 if the vhost was made for them
//
// Thread: the store's. Errors: the store's errno.
#pragma once

#include "backend/toolstack/inventory.hpp"

#include <vector>

namespace pvscsi::ctl {

/// In the transaction that adds the LUNs.
Result<void> mark_attach(hv::Store& store, hv::StoreTxn txn, const toolstack::Vhost& vhost,
                         const std::vector<unsigned>& numbers, bool vhost_is_new);
/// They are there, or have been taken away.
Result<void> unmark_attach(hv::Store& store, hv::StoreTxn txn, const toolstack::Vhost& vhost);

/// Takes away what has failed of those that were killed. False: there is nothing of the kind.
Result<bool> end_killed_attaches(hv::Store& store, hv::StoreTxn txn,
                                 const toolstack::VhostEntry& vhost);

} // namespace pvscsi::ctl
