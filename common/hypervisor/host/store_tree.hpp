// The embedded host's store: the nodes, the domains that there are, and the clients whose
// watches fire. No I/O; store_server.hpp puts it on sockets.
//
// Thread: one. Ownership: clients register themselves and must not outlive the tree.
#pragma once

#include "common/hypervisor/host/store_data.hpp"
#include "common/hypervisor/host/store_quota.hpp"
#include "common/hypervisor/host/store_transaction.hpp"

#include <functional>
#include <map>
#include <set>
#include <vector>

namespace pvscsi::hv::host {

class StoreClient;

class StoreTree {
  public:
    explicit StoreTree(const StoreQuota& quota = {});
    StoreTree(const StoreTree&) = delete;
    StoreTree& operator=(const StoreTree&) = delete;
    ~StoreTree();

    /// From now on permissions can name the domain; dom0 is there from the start.
    void add_domain(DomId domain);
    /// Adds it if need be and fires @introduceDomain; nothing if it was introduced before.
    void introduce_domain(DomId domain);
    [[nodiscard]] bool is_introduced(DomId domain) const { return introduced_.contains(domain); }
    /// How many nodes the domain owns.
    [[nodiscard]] unsigned owned(DomId domain) const noexcept { return data_.owned(domain); }
    /// The domain is dead: its nodes go with all below them, and its entries in others'
    /// permissions. Fires @releaseDomain if it was introduced.
    void release_domain(DomId domain);
    /// Called at the end of a release: the domain's clients are to be ended, not from within.
    void on_release(std::function<void(DomId)> hook) { release_hook_ = std::move(hook); }

  private:
    friend class StoreClient;

    // What clients need of it.
    void attach(StoreClient& client);
    void detach(StoreClient& client) noexcept;
    [[nodiscard]] StoreTransaction begin(DomId domain, StoreTransaction::Kind kind) const;
    Result<void> commit(const StoreTransaction& transaction);
    [[nodiscard]] bool may_watch_more(DomId domain) const;
    [[nodiscard]] bool may_begin_more(DomId domain) const;
    Result<void> set_special_permissions(DomId by, std::string_view path,
                                         const StorePermissions& permissions);

    void fire(const StoreChange& change);
    void fire_special(std::string_view path);

    StoreQuota quota_;
    std::uint64_t clock_ = 0;
    StoreData data_{clock_};
    std::set<DomId> known_;
    std::set<DomId> introduced_;
    /// Who may see @introduceDomain and @releaseDomain.
    std::map<std::string, StorePermissions, std::less<>> special_;
    std::vector<StoreClient*> clients_;
    std::function<void(DomId)> release_hook_;
};

} // namespace pvscsi::hv::host
