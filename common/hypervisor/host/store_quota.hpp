// What an unprivileged domain may use of the store; the defaults are xenstored's. dom0 may use
// what it likes.
#pragma once

#include <cstddef>

namespace pvscsi::hv::host {

struct StoreQuota {
    unsigned nodes = 1000;                 ///< owned by the domain
    std::size_t node_size = 2048;          ///< StoreNode::size() stays below it
    unsigned watches = 128;                ///< over all connections of the domain
    unsigned transactions = 10;            ///< open, over all connections of the domain
    unsigned nodes_per_transaction = 1024; ///< read or changed
    unsigned permissions = 5;              ///< entries a node
};

} // namespace pvscsi::hv::host
