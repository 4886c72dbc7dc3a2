#include "common/hypervisor/host/store_tree.hpp"

#include "common/hypervisor/host/store_client.hpp"
#include "common/hypervisor/host/store_path.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

namespace pvscsi::hv::host {

namespace {
const StorePermissions dom0_only{{DomId{0}, false, false}};
} // namespace

StoreTree::StoreTree(const StoreQuota& quota)
    : quota_(quota), known_{DomId{0}},
      introduced_{DomId{0}}, special_{{std::string(introduce_domain_path), dom0_only},
                                      {std::string(release_domain_path), dom0_only}} {
    // What xenstored has from its start.
    data_.create("/tool", {}, dom0_only);
    data_.create("/tool/xenstored", {}, dom0_only);
}

StoreTree::~StoreTree() {
    assert(clients_.empty());
}

void StoreTree::add_domain(DomId domain) {
    known_.insert(domain);
}

void StoreTree::introduce_domain(DomId domain) {
    add_domain(domain);
    if (introduced_.insert(domain).second)
        fire_special(introduce_domain_path);
}

void StoreTree::release_domain(DomId domain) {
    if (domain == DomId{0} || known_.erase(domain) == 0)
        return;
    // A transaction under way can own nodes as the dead domain or grant it something.
    for (StoreClient* client : clients_)
        client->invalidate_transactions();
    StoreTransaction removal = begin(DomId{0}, StoreTransaction::Kind::single);
    for (const std::string& path : data_.topmost_owned(domain))
        (void)removal.remove(path);
    (void)commit(removal);
    data_.forget(domain);
    for (auto& entry : special_)
        if (std::any_of(entry.second.begin(), entry.second.end(),
                        [domain](const StorePermission& p) { return p.domain == domain; }))
            entry.second = dom0_only;
    if (introduced_.erase(domain) > 0)
        fire_special(release_domain_path);
    if (release_hook_)
        release_hook_(domain);
}

void StoreTree::attach(StoreClient& client) {
    clients_.push_back(&client);
}

void StoreTree::detach(StoreClient& client) noexcept {
    std::erase(clients_, &client);
}

StoreTransaction StoreTree::begin(DomId domain, StoreTransaction::Kind kind) const {
    return {domain, data_, quota_, known_, kind};
}

Result<void> StoreTree::commit(const StoreTransaction& transaction) {
    if (Result<void> merged = transaction.merge_into(data_); !merged)
        return merged;
    for (const StoreChange& change : transaction.changes())
        fire(change);
    return {};
}

bool StoreTree::may_watch_more(DomId domain) const {
    std::size_t count = 0;
    for (const StoreClient* client : clients_)
        count += client->domain() == domain ? client->watch_count() : 0;
    return domain == DomId{0} || count < quota_.watches;
}

bool StoreTree::may_begin_more(DomId domain) const {
    std::size_t count = 0;
    for (const StoreClient* client : clients_)
        count += client->domain() == domain ? client->transaction_count() : 0;
    return domain == DomId{0} || count < quota_.transactions;
}

Result<void> StoreTree::set_special_permissions(DomId by, std::string_view path,
                                                const StorePermissions& permissions) {
    const auto entry = special_.find(path);
    if (entry == special_.end() || permissions.empty())
        return unexpected_errno(EINVAL);
    if (!rights_of(by, entry->second).owner)
        return unexpected_errno(EACCES);
    for (const StorePermission& permission : permissions)
        if (!known_.contains(permission.domain))
            return unexpected_errno(ENOENT);
    entry->second = permissions;
    return {};
}

void StoreTree::fire(const StoreChange& change) {
    const StoreNode* node = data_.find(change.path);
    const auto may_know = [&](DomId domain) {
        return (node != nullptr && rights_of(domain, node->permissions).read) ||
               std::any_of(change.readers.begin(), change.readers.end(),
                           [domain](const auto& p) { return rights_of(domain, p).read; });
    };
    for (StoreClient* client : clients_)
        if (client->watches(change.path, change.exact) && may_know(client->domain()))
            client->notify(change.path, change.exact);
}

void StoreTree::fire_special(std::string_view path) {
    const StorePermissions& permissions = special_.find(path)->second;
    for (StoreClient* client : clients_)
        if (rights_of(client->domain(), permissions).read)
            client->notify(path, true);
}

} // namespace pvscsi::hv::host
