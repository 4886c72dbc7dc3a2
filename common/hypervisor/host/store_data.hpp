// One version of the store's contents: nodes without any idea of who may do what.
//
// Copies are cheap: they share their nodes until one of them changes a node (copy on write along
// its path). That makes a snapshot of a transaction, and the way back from a failed operation.
// Thread: one for all copies. Paths must be valid (store_path.hpp).
#pragma once

#include "common/base/strong_id.hpp"
#include "common/hypervisor/store.hpp"

#include <boost/container/flat_map.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pvscsi::hv::host {

/// Never empty: the first entry is the owner with what all others may do.
using StorePermissions = std::vector<StorePermission>;

struct StoreNode {
    using Children = std::map<std::string, std::shared_ptr<StoreNode>, std::less<>>;

    std::string value;
    StorePermissions permissions;
    Children children;
    /// Changes with the value, the permissions and the set of children; never 0.
    std::uint64_t generation = 0;

    [[nodiscard]] DomId owner() const { return permissions.front().domain; }
    /// As xenstored accounts it: a header, the permissions, the value, the children's names.
    [[nodiscard]] std::size_t size() const noexcept;
};

class StoreData {
  public:
    /// Just the root, owned by dom0. `clock` gives the generations; it must outlive all copies.
    explicit StoreData(std::uint64_t& clock);

    [[nodiscard]] const StoreNode* find(std::string_view path) const noexcept;
    /// 0 for a node that is not there.
    [[nodiscard]] std::uint64_t generation(std::string_view path) const noexcept;
    /// How many nodes the domain owns.
    [[nodiscard]] unsigned owned(DomId domain) const noexcept;

    /// The parent must be there and the node must not.
    void create(std::string_view path, std::string value, StorePermissions permissions);
    /// The node must be there.
    void change(std::string_view path, std::string value, StorePermissions permissions);
    /// With all below it. The node must be there and not be the root.
    void remove(std::string_view path);

    /// Takes the domain out of the permissions of nodes that are not its own; the root, if it
    /// is, becomes dom0's.
    void forget(DomId domain);
    /// The topmost nodes that the domain owns, but for the root.
    [[nodiscard]] std::vector<std::string> topmost_owned(DomId domain) const;

  private:
    StoreNode& edit(std::string_view path);
    void count(DomId owner);
    void uncount(DomId owner);
    void uncount_all(const StoreNode& subtree);
    static void forget_below(std::shared_ptr<StoreNode>& node, DomId domain);

    std::uint64_t* clock_;
    std::shared_ptr<StoreNode> root_;
    boost::container::flat_map<DomId, unsigned> owned_;
};

} // namespace pvscsi::hv::host
