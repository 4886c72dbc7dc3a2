// What one domain does to the store, on a snapshot of it: every check of permissions and quotas,
// and the record of what was read and changed. A single operation is a transaction of one.
//
// After docs/misc/xenstore.txt and the behaviour of xenstored 4.17.
// Thread: the tree's. Errors: the store's errno (hv::Store); after an error of a single
// operation the snapshot is half changed and has to be thrown away.
#pragma once

#include "common/base/expected.hpp"
#include "common/hypervisor/host/store_data.hpp"
#include "common/hypervisor/host/store_quota.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pvscsi::hv::host {

/// What the domain may do where `permissions` hold.
struct StoreRights {
    bool read;
    bool write;
    bool owner;
};
[[nodiscard]] StoreRights rights_of(DomId domain, const StorePermissions& permissions) noexcept;

struct StoreListing {
    std::vector<std::string> names;
    std::uint64_t generation = 0;
};

/// A changed node, for those who watch it.
struct StoreChange {
    std::string path;
    /// Not for watches above it: it went with a parent that has a change of its own.
    bool exact = false;
    /// The node's and its parent's at the first change; who can read under one of them may know.
    std::vector<StorePermissions> readers;
};

class StoreTransaction {
  public:
    enum class Kind : std::uint8_t { single, multiple };

    /// `snapshot` is what the domain sees; `known` the domains that permissions may name. Both
    /// `known` and `quota` must outlive the transaction.
    StoreTransaction(DomId domain, StoreData snapshot, const StoreQuota& quota,
                     const std::set<DomId>& known, Kind kind);

    // Paths are absolute and may be anything else; see StoreClient for the operations.
    Result<std::string> read(std::string_view path);
    Result<void> write(std::string_view path, std::string_view value);
    Result<void> mkdir(std::string_view path);
    Result<void> remove(std::string_view path);
    Result<StoreListing> list(std::string_view path);
    Result<StorePermissions> permissions(std::string_view path);
    Result<void> set_permissions(std::string_view path, StorePermissions permissions);

    /// Brings what changed into `live`: EAGAIN if somebody else changed a node that this one has
    /// read or changed, ENOSPC if the domain would own too many nodes, ENOMEM if a quota of the
    /// transaction itself was passed; `live` is as it was then.
    Result<void> merge_into(StoreData& live) const;
    /// A domain has died: what is in here may be owned by it or grant it something.
    void invalidate() noexcept { stale_ = true; }
    /// In the order of the first change of each.
    [[nodiscard]] const std::vector<StoreChange>& changes() const noexcept { return changes_; }

  private:
    enum class Need : std::uint8_t { read, write, own };

    [[nodiscard]] bool privileged() const noexcept { return domain_ == DomId{0}; }
    Result<void> touch(std::string_view path);
    Result<const StoreNode*> look_up(std::string_view path, Need need);
    [[nodiscard]] const StoreNode& nearest(std::string_view path, std::string_view* where) const;
    Result<void> create(std::string_view path, std::string_view value);
    Result<void> create_one(std::string_view path, std::string_view value);
    Result<void> touch_below(const StoreNode& node, const std::string& path);
    Result<void> check_size(std::string_view path);
    void changed(std::string_view path, bool exact);

    DomId domain_;
    StoreData data_;
    const StoreQuota& quota_;
    const std::set<DomId>& known_;
    Kind kind_;
    bool failed_ = false;
    bool stale_ = false;
    /// The generation that each node had when it was first read or changed.
    std::map<std::string, std::uint64_t, std::less<>> touched_;
    /// What is to be brought over; parents sort before their children.
    std::set<std::string, std::less<>> modified_;
    std::vector<StoreChange> changes_;
    std::map<std::string, std::size_t, std::less<>> change_of_;
};

} // namespace pvscsi::hv::host
