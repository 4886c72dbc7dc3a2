#include "common/hypervisor/host/store_data.hpp"

#include "common/hypervisor/host/store_path.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace pvscsi::hv::host {

namespace {

void unshare(std::shared_ptr<StoreNode>& node) {
    if (node.use_count() > 1)
        node = std::make_shared<StoreNode>(*node);
}

void collect_owned(const StoreNode& node, const std::string& path, DomId domain,
                   std::vector<std::string>& found) {
    for (const auto& [name, child] : node.children) {
        const std::string child_path = path + "/" + name;
        if (child->owner() == domain)
            found.push_back(child_path);
        else
            collect_owned(*child, child_path, domain, found);
    }
}

/// An entry other than the owner's that names the domain.
bool names(const StorePermissions& permissions, DomId domain) {
    return std::any_of(permissions.begin() + 1, permissions.end(),
                       [domain](const StorePermission& entry) { return entry.domain == domain; });
}

bool names_below(const StoreNode& node, DomId domain) {
    return names(node.permissions, domain) ||
           std::any_of(node.children.begin(), node.children.end(),
                       [domain](const auto& child) { return names_below(*child.second, domain); });
}

} // namespace

std::size_t StoreNode::size() const noexcept {
    constexpr std::size_t header = 24;
    constexpr std::size_t permission = 8;
    std::size_t total = header + permission * permissions.size() + value.size();
    for (const auto& child : children)
        total += child.first.size() + 1;
    return total;
}

StoreData::StoreData(std::uint64_t& clock) : clock_(&clock), root_(std::make_shared<StoreNode>()) {
    root_->permissions = {{DomId{0}, false, false}};
    root_->generation = ++*clock_;
    count(DomId{0});
}

const StoreNode* StoreData::find(std::string_view path) const noexcept {
    const StoreNode* node = root_.get();
    if (path == "/")
        return node;
    while (!path.empty()) {
        const auto child = node->children.find(next_part(path));
        if (child == node->children.end())
            return nullptr;
        node = child->second.get();
    }
    return node;
}

std::uint64_t StoreData::generation(std::string_view path) const noexcept {
    const StoreNode* node = find(path);
    return node != nullptr ? node->generation : 0;
}

unsigned StoreData::owned(DomId domain) const noexcept {
    const auto entry = owned_.find(domain);
    return entry != owned_.end() ? entry->second : 0;
}

StoreNode& StoreData::edit(std::string_view path) {
    unshare(root_);
    std::shared_ptr<StoreNode>* at = &root_;
    if (path == "/")
        path = {};
    while (!path.empty()) {
        const auto child = (*at)->children.find(next_part(path));
        assert(child != (*at)->children.end());
        at = &child->second;
        unshare(*at);
    }
    return **at;
}

void StoreData::create(std::string_view path, std::string value, StorePermissions permissions) {
    auto node = std::make_shared<StoreNode>();
    node->value = std::move(value);
    node->permissions = std::move(permissions);
    node->generation = ++*clock_;
    count(node->owner());

    StoreNode& parent = edit(parent_path(path));
    parent.generation = ++*clock_;
    [[maybe_unused]] const bool added =
        parent.children.emplace(base_name(path), std::move(node)).second;
    assert(added);
}

void StoreData::change(std::string_view path, std::string value, StorePermissions permissions) {
    StoreNode& node = edit(path);
    uncount(node.owner());
    node.value = std::move(value);
    node.permissions = std::move(permissions);
    node.generation = ++*clock_;
    count(node.owner());
}

void StoreData::remove(std::string_view path) {
    StoreNode& parent = edit(parent_path(path));
    const auto child = parent.children.find(base_name(path));
    assert(child != parent.children.end());
    uncount_all(*child->second);
    parent.children.erase(child);
    parent.generation = ++*clock_;
}

void StoreData::forget(DomId domain) {
    if (root_->owner() == domain)
        change("/", root_->value, {{DomId{0}, false, false}});
    if (names_below(*root_, domain))
        forget_below(root_, domain);
}

void StoreData::forget_below(std::shared_ptr<StoreNode>& node, DomId domain) {
    unshare(node);
    StorePermissions& entries = node->permissions;
    entries.erase(
        std::remove_if(entries.begin() + 1, entries.end(),
                       [domain](const StorePermission& entry) { return entry.domain == domain; }),
        entries.end());
    for (auto& child : node->children)
        if (names_below(*child.second, domain))
            forget_below(child.second, domain);
}

std::vector<std::string> StoreData::topmost_owned(DomId domain) const {
    std::vector<std::string> found;
    if (owned(domain) > 0)
        collect_owned(*root_, "", domain, found);
    return found;
}

void StoreData::uncount_all(const StoreNode& subtree) {
    uncount(subtree.owner());
    for (const auto& child : subtree.children)
        uncount_all(*child.second);
}

void StoreData::count(DomId owner) {
    ++owned_[owner];
}

void StoreData::uncount(DomId owner) {
    const auto entry = owned_.find(owner);
    assert(entry != owned_.end());
    if (--entry->second == 0)
        owned_.erase(entry);
}

} // namespace pvscsi::hv::host
