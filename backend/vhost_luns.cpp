// The LUNs of a vhost: from their nodes to targets on the worker and back.
#include "backend/vhost.hpp"

#include <boost/asio/post.hpp>

namespace pvscsi::backend {

using xenbus::State;

namespace {

/// 16 hex digits that stay the same for as long as the domain has its UUID and the unit its
/// address; what a unit without an identity of its own is known by (FNV-1a, 64 bit).
std::string stable_serial(std::string_view vm, const xenbus::VirtualAddress& address) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : std::string(vm) + "/" + xenbus::to_string(address))
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return fmt::format("{:016x}", hash);
}

} // namespace

void Vhost::open_new_luns() {
    for (const LunNode& node : nodes_.list()) {
        if (luns_.contains(node.name) || node.state == State::closing)
            continue;
        // 6 without an error was removed; with one it failed, and may do better for the next
        // connection, but not for every look.
        if ((node.state == State::closed && !node.has_error) || failed_.contains(node.name))
            continue;
        open_lun(node);
    }
}

void Vhost::open_lun(const LunNode& node) {
    try {
        const auto v = nodes_.address(node.name);
        const ring::Address address{v.channel, v.target, v.lun};
        for (const auto& [name, other] : luns_)
            if (other.address == address)
                throw std::runtime_error("its address is taken by " + name);
        auto config = nodes_.config(node.name);
        const auto vm = around_.store.read(xenbus::domain_path(guest_) + "/vm");
        config.serial = stable_serial(vm.value_or(xenbus::domain_path(guest_)), v);
        std::shared_ptr<Target> target = make_target(config);
        report_failure_of(*target, node.name);
        data_->worker().call([&] { data_->add_lun(address, std::move(target)); });
        luns_[node.name] = {address};
        nodes_.set_state(node.name, State::initialised);
        if (node.has_error)
            nodes_.clear_error(node.name);
        log::info("vhost={} lun={} v-dev={} p-dev=\"{}\" opened", backend_, node.name,
                  xenbus::to_string(v), config.pdev);
    } catch (const std::exception& error) {
        log::warning("vhost={} lun={} failed error=\"{}\"", backend_, node.name, error.what());
        nodes_.set_failed(node.name, error.what());
        failed_.insert(node.name);
    }
}

/// A unit that fails later is shown in its node; the guest has the answers to its commands.
void Vhost::report_failure_of(Target& target, const std::string& node_name) {
    target.on_failure = [weak = weak_from_this(), &control = around_.control,
                         node_name](const std::string& reason) {
        boost::asio::post(control, [weak, node_name, reason] {
            const auto self = weak.lock();
            if (self && !self->closed_ && self->luns_.contains(node_name))
                self->nodes_.set_failed(node_name, reason);
        });
    };
}

void Vhost::close_removed_luns() {
    const auto nodes = nodes_.list();
    for (auto it = luns_.begin(); it != luns_.end();) {
        const auto node = std::find_if(nodes.begin(), nodes.end(),
                                       [&](const auto& n) { return n.name == it->first; });
        const bool removed = node == nodes.end() || node->state == State::closing;
        if (!removed) {
            ++it;
            continue;
        }
        data_->worker().call([&] { data_->remove_lun(it->second.address); });
        if (node != nodes.end())
            nodes_.set_state(it->first, State::closed);
        log::info("vhost={} lun={} removed", backend_, it->first);
        it = luns_.erase(it);
    }
    // Removed before they were ever opened.
    for (const LunNode& node : nodes)
        if (node.state == State::closing && !luns_.contains(node.name))
            nodes_.set_state(node.name, State::closed);
}

/// Whose nodes are gone while the guest is connected: taken away by force.
void Vhost::close_vanished_luns() {
    for (auto it = luns_.begin(); it != luns_.end();) {
        if (!nodes_.is_gone(it->first)) {
            ++it;
            continue;
        }
        data_->worker().call([&] { data_->remove_lun(it->second.address); });
        log::info("vhost={} lun={} taken away", backend_, it->first);
        it = luns_.erase(it);
    }
}

void Vhost::confirm_luns(State from, State to) {
    for (const LunNode& node : nodes_.list())
        if (node.state == from && luns_.contains(node.name))
            nodes_.set_state(node.name, to);
}

} // namespace pvscsi::backend
