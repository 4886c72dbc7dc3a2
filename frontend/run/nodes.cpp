#include "frontend/run/nodes.hpp"

#include "frontend/run/wire.hpp"

#include <fmt/core.h>

namespace pvscsi::run {

namespace {
constexpr std::uint32_t minor_count = 1u << 20; // of a Linux device
/// Numbers of nodes that are gone are kept until there are so many: a backend may show ever new
/// addresses.
constexpr std::size_t most_remembered = 1u << 16;
} // namespace

const Node* NodeTable::find(const Hctl& address) const noexcept {
    const auto found = nodes_.find(address);
    return found == nodes_.end() ? nullptr : &found->second;
}

std::vector<Hctl> NodeTable::addresses() const {
    std::vector<Hctl> all;
    for (const auto& entry : nodes_)
        all.push_back(entry.first);
    return all;
}

std::vector<Hctl> NodeTable::addresses_of(const Vhost& vhost) const {
    std::vector<Hctl> its;
    for (const auto& [address, node] : nodes_)
        if (node.vhost == &vhost)
            its.push_back(address);
    return its;
}

void NodeTable::add(Vhost& vhost, const Hctl& address) {
    if (nodes_.contains(address))
        return;
    if (minors_.size() >= most_remembered)
        std::erase_if(minors_, [this](const auto& entry) { return !nodes_.contains(entry.first); });
    const auto [entry, is_new] = minors_.try_emplace(address, next_minor_);
    if (is_new)
        next_minor_ = (next_minor_ + 1) % minor_count;
    nodes_.emplace(address, Node{&vhost, entry->second});
}

bool NodeTable::remove(const Vhost& vhost, const Hctl& address) noexcept {
    const auto found = nodes_.find(address);
    if (found == nodes_.end() || found->second.vhost != &vhost)
        return false;
    nodes_.erase(found);
    return true;
}

std::string node_name(const Hctl& address) {
    return fmt::format("{}/{}:{}:{}:{}", wire::node_directory, address.host, address.channel,
                       address.target, address.lun);
}

} // namespace pvscsi::run
