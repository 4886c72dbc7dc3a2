// Writes nodes below one directory, all with the same permissions. Keeps the first error; nothing
// is written after it.
// Thread: the store's. Errors: the store's errno.
#pragma once

#include "common/hypervisor/store.hpp"

#include <string>
#include <vector>

namespace pvscsi::toolstack {

class NodeWriter {
  public:
    NodeWriter(hv::Store& store, hv::StoreTxn txn, std::string directory,
               std::vector<hv::StorePermission> permissions)
        : store_(store), txn_(txn), directory_(std::move(directory)),
          permissions_(std::move(permissions)) {
        keep(store_.mkdir(directory_, txn_));
        own(directory_);
    }

    NodeWriter& node(const std::string& name, const std::string& value) {
        const std::string path = directory_ + "/" + name;
        if (result_)
            keep(store_.write(path, value, txn_));
        own(path);
        return *this;
    }

    [[nodiscard]] Result<void> result() const { return result_; }

  private:
    void keep(Result<void> done) {
        if (result_)
            result_ = std::move(done);
    }
    void own(const std::string& path) {
        if (result_)
            keep(store_.set_permissions(path, permissions_, txn_));
    }

    hv::Store& store_;
    hv::StoreTxn txn_;
    std::string directory_;
    std::vector<hv::StorePermission> permissions_;
    Result<void> result_;
};

} // namespace pvscsi::toolstack
