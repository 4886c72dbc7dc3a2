// Thread: the store's. Errors: the store's errno.
#pragma once

#include "common/hypervisor/store.hpp"

#include <string>

namespace pvscsi::toolstack {

/// A node with all below it. No error if it is not there.
inline Result<void> remove_if_there(hv::Store& store, hv::StoreTxn txn, const std::string& path) {
    auto done = store.remove(path, txn);
    if (!done && done.error() == std::errc::no_such_file_or_directory)
        return {};
    return done;
}

} // namespace pvscsi::toolstack
