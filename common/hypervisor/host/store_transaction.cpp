#include "common/hypervisor/host/store_transaction.hpp"

#include "common/hypervisor/host/store_path.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace pvscsi::hv::host {

StoreRights rights_of(DomId domain, const StorePermissions& permissions) noexcept {
    const StorePermission& first = permissions.front();
    if (domain == DomId{0} || domain == first.domain)
        return {true, true, true};
    for (std::size_t i = 1; i < permissions.size(); ++i)
        if (permissions[i].domain == domain)
            return {permissions[i].read, permissions[i].write, false};
    return {first.read, first.write, false};
}

StoreTransaction::StoreTransaction(DomId domain, StoreData snapshot, const StoreQuota& quota,
                                   const std::set<DomId>& known, Kind kind)
    : domain_(domain), data_(std::move(snapshot)), quota_(quota), known_(known), kind_(kind) {}

/// Records a node before anything is done with it. A single operation has no need to.
Result<void> StoreTransaction::touch(std::string_view path) {
    if (kind_ == Kind::single || touched_.contains(path))
        return {};
    if (!privileged() && touched_.size() >= quota_.nodes_per_transaction) {
        failed_ = true;
        return unexpected_errno(ENOSPC);
    }
    touched_.emplace(path, data_.generation(path));
    return {};
}

/// The node itself or the closest one above it that exists.
const StoreNode& StoreTransaction::nearest(std::string_view path, std::string_view* where) const {
    for (;; path = parent_path(path)) {
        if (const StoreNode* node = data_.find(path)) {
            *where = path;
            return *node;
        }
    }
}

/// Null if the node is not there, which is told only to a domain that may do as much to the
/// closest node above it; the others get EACCES, whether it is there or not.
Result<const StoreNode*> StoreTransaction::look_up(std::string_view path, Need need) {
    if (!is_valid_path(path))
        return unexpected_errno(EINVAL);
    std::string_view where;
    const StoreNode& node = nearest(path, &where);
    for (const std::string_view used : {path, where})
        if (Result<void> recorded = touch(used); !recorded)
            return unexpected(recorded.error());
    const StoreRights rights = rights_of(domain_, node.permissions);
    if (need == Need::read ? !rights.read : !rights.write || (need == Need::own && !rights.owner))
        return unexpected_errno(EACCES);
    return where == path ? &node : nullptr;
}

Result<std::string> StoreTransaction::read(std::string_view path) {
    const auto node = look_up(path, Need::read);
    if (!node)
        return unexpected(node.error());
    if (*node == nullptr)
        return unexpected_errno(ENOENT);
    return (*node)->value;
}

Result<StoreListing> StoreTransaction::list(std::string_view path) {
    const auto node = look_up(path, Need::read);
    if (!node)
        return unexpected(node.error());
    if (*node == nullptr)
        return unexpected_errno(ENOENT);
    StoreListing listing;
    listing.generation = (*node)->generation;
    for (const auto& child : (*node)->children)
        listing.names.push_back(child.first);
    return listing;
}

Result<StorePermissions> StoreTransaction::permissions(std::string_view path) {
    const auto node = look_up(path, Need::read);
    if (!node)
        return unexpected(node.error());
    if (*node == nullptr)
        return unexpected_errno(ENOENT);
    return (*node)->permissions;
}

Result<void> StoreTransaction::write(std::string_view path, std::string_view value) {
    const auto node = look_up(path, Need::write);
    if (!node)
        return unexpected(node.error());
    if (*node == nullptr) {
        if (Result<void> created = create(path, value); !created)
            return created;
    } else {
        changed(path, false);
        data_.change(path, std::string(value), StorePermissions((*node)->permissions));
        if (Result<void> fits = check_size(path); !fits)
            return fits;
    }
    return {};
}

Result<void> StoreTransaction::mkdir(std::string_view path) {
    const auto node = look_up(path, Need::write);
    if (!node)
        return unexpected(node.error());
    return *node != nullptr ? Result<void>{} : create(path, {});
}

/// With the missing ones above it; look_up() has recorded the one that is there. An event is for
/// the node alone.
Result<void> StoreTransaction::create(std::string_view path, std::string_view value) {
    std::string_view where;
    (void)nearest(path, &where);
    while (where != path) {
        const auto next = path.find('/', where == "/" ? 1 : where.size() + 1);
        where = path.substr(0, next);
        if (Result<void> created = create_one(where, where == path ? value : ""); !created)
            return created;
    }
    changed(path, false);
    return {};
}

/// The permissions are the parent's; an unprivileged domain owns what it creates.
Result<void> StoreTransaction::create_one(std::string_view path, std::string_view value) {
    if (Result<void> recorded = touch(path); !recorded)
        return recorded;
    const std::string_view parent = parent_path(path);
    StorePermissions permissions = data_.find(parent)->permissions;
    if (!privileged()) {
        permissions.front().domain = domain_;
        if (data_.owned(domain_) >= quota_.nodes) {
            failed_ = true;
            return unexpected_errno(ENOSPC);
        }
    }
    data_.create(path, std::string(value), std::move(permissions));
    modified_.emplace(path);
    if (Result<void> fits = check_size(path); !fits)
        return fits;
    return check_size(parent);
}

/// After a change: a transaction that has passed the limit cannot be committed any more.
Result<void> StoreTransaction::check_size(std::string_view path) {
    if (privileged() || data_.find(path)->size() < quota_.node_size)
        return {};
    failed_ = true;
    return unexpected_errno(ENOSPC);
}

Result<void> StoreTransaction::remove(std::string_view path) {
    const auto node = look_up(path, Need::write);
    if (!node)
        return unexpected(node.error());
    if (path == "/")
        return unexpected_errno(EINVAL);
    const std::string_view parent = parent_path(path);
    if (*node == nullptr) {
        const bool has_parent = data_.find(parent) != nullptr;
        return has_parent ? Result<void>{} : unexpected_errno(ENOENT);
    }
    if (Result<void> recorded = touch(parent); !recorded)
        return recorded;
    if (Result<void> recorded = touch_below(**node, std::string(path)); !recorded)
        return recorded;
    changed(path, false);
    data_.remove(path);
    return {};
}

/// Everything below a node goes with it: recorded, so that a child that somebody else has added
/// meanwhile is a conflict, and told to those who watch that very child.
Result<void> StoreTransaction::touch_below(const StoreNode& node, const std::string& path) {
    for (const auto& [name, child] : node.children) {
        const std::string child_path = path + "/" + name;
        if (Result<void> recorded = touch(child_path); !recorded)
            return recorded;
        if (Result<void> recorded = touch_below(*child, child_path); !recorded)
            return recorded;
        changed(child_path, true);
    }
    return {};
}

Result<void> StoreTransaction::set_permissions(std::string_view path,
                                               StorePermissions permissions) {
    if (permissions.empty())
        return unexpected_errno(EINVAL);
    if (!privileged() && permissions.size() > quota_.permissions)
        return unexpected_errno(ENOSPC);
    if (!known_.contains(permissions.front().domain))
        return unexpected_errno(ENOENT);
    // A domain that is not there must not find rights waiting for it when its number is given
    // to another one (XSA-322).
    permissions.erase(std::remove_if(permissions.begin() + 1, permissions.end(),
                                     [this](const StorePermission& entry) {
                                         return !known_.contains(entry.domain);
                                     }),
                      permissions.end());
    const auto node = look_up(path, Need::own);
    if (!node)
        return unexpected(node.error());
    if (*node == nullptr)
        return unexpected_errno(ENOENT);
    if (!privileged() && permissions.front().domain != (*node)->owner())
        return unexpected_errno(EPERM);
    changed(path, false);
    data_.change(path, std::string((*node)->value), std::move(permissions));
    return check_size(path);
}

/// To be called before a node changes or goes, or after it was made.
void StoreTransaction::changed(std::string_view path, bool exact) {
    modified_.emplace(path);
    const auto [entry, first] = change_of_.try_emplace(std::string(path), changes_.size());
    if (first) {
        changes_.push_back({std::string(path), exact, {data_.find(path)->permissions}});
        if (path != "/")
            changes_.back().readers.push_back(data_.find(parent_path(path))->permissions);
    }
    StoreChange& change = changes_[entry->second];
    change.exact = change.exact && exact;
}

Result<void> StoreTransaction::merge_into(StoreData& live) const {
    if (failed_)
        return unexpected_errno(ENOMEM);
    if (kind_ == Kind::single) {
        live = data_;
        return {};
    }
    if (stale_)
        return unexpected_errno(EAGAIN);
    for (const auto& [path, generation] : touched_)
        if (live.generation(path) != generation)
            return unexpected_errno(EAGAIN);
    StoreData merged = live;
    for (const std::string& path : modified_) {
        const StoreNode* ours = data_.find(path);
        const bool there = merged.find(path) != nullptr;
        if (ours != nullptr && there)
            merged.change(path, ours->value, ours->permissions);
        else if (ours != nullptr)
            merged.create(path, ours->value, ours->permissions);
        else if (there)
            merged.remove(path);
    }
    if (!privileged() && merged.owned(domain_) > std::max(quota_.nodes, live.owned(domain_)))
        return unexpected_errno(ENOSPC);
    live = std::move(merged);
    return {};
}

} // namespace pvscsi::hv::host
