// The LUNs of a vhost: from their nodes to targets on the worker and back.
#include "backend/lun_identity.hpp"
#include "backend/toolstack/host_check.hpp"
#include "backend/toolstack/vhost.hpp"
#include "backend/vhost.hpp"

#include <boost/asio/post.hpp>

#include <unistd.h>

namespace pvscsi::backend {

using xenbus::State;

namespace {

/// What serves it, as lists say it.
std::string target_name(const std::string& text) {
    const auto pdev = config::parse_pdev(text);
    return pdev ? toolstack::target_of(*pdev) : "unknown";
}

} // namespace

/// With what its nodes say now, which is `config`; without a target if it is not open yet. Throws
/// what open_target() does.
Vhost::Opening Vhost::opened_target(const std::string& node_name, const LunConfig& config) {
    auto begun = opening_.extract(node_name);
    if (!begun || begun.mapped().config != config) {
        begun = {}; // what it has is free for what is opened instead
        Opening opened{config, open_target(node_name, config)};
        if (!opened.target->opening())
            return opened;
        opening_[node_name] = std::move(opened);
        return {config, nullptr};
    }
    if (!begun.mapped().target->opening())
        return std::move(begun.mapped());
    opening_.insert(std::move(begun));
    return {config, nullptr};
}

bool Vhost::open_lun(const LunNode& node) {
    try {
        const auto config = config_when_reached(node.name);
        if (!config)
            return false;
        Opening opened = opened_target(node.name, *config);
        if (!opened.target || must_wait_for(opened.target->leftovers()))
            return false;
        serve_lun(node, State::initialised, std::move(opened));
    } catch (const std::exception& error) {
        if (may_be_free_soon(error))
            return false;
        not_opened(node.name, error.what());
    }
    return true;
}

/// False if its nodes were changed while it was opened: then they say what it is to be now.
bool Vhost::serve_lun(const LunNode& node, State next, Opening opened) {
    auto& [config, target] = opened;
    const auto v = nodes_.address(node.name);
    const ring::Address address{v.channel, v.target, v.lun};
    const std::uint64_t opening = ++openings_;
    const std::uint64_t most_bytes = target->carries().most_bytes;
    listen_to(*target, node.name, opening);
    const auto trouble = troubles_.extract(node.name);
    warnings_[node.name] = trouble ? trouble.mapped() : std::string();
    const bool known = around_.hypervisor.self() == toolstack::toolstack_domain;
    if (!nodes_.set_served(node, next, identity_of(config.pdev),
                           trouble ? trouble.mapped() : std::string(),
                           known ? std::string() : target_name(config.pdev))) {
        ::unlink(memory_path(node.name).c_str());
        return false;
    }
    auto recorder = open_recorder(node.name, config, *target);
    data_->worker().call([&] {
        data_->add_lun(address, std::move(target), !config.exclusive, std::move(recorder));
        // Also what the target was opened with: its opening may have taken a while.
        data_->limit_lun(address, config.queue_depth, longest(config));
    });
    luns_[node.name] = {address, opening, most_bytes};
    unconfirmed_ = true;
    complaints_.erase(node.name);
    changes_.info("lun={} v-dev={} opened", node.name, xenbus::to_string(v));
    return true;
}

std::chrono::seconds Vhost::longest(const LunConfig& config) const {
    const unsigned host = around_.settings->max_timeout.value_or(0);
    const bool host_is_less = host != 0 && (config.timeout == 0 || host < config.timeout);
    return std::chrono::seconds(host_is_less ? host : config.timeout);
}

/// The toolstack has changed what may be changed while a unit is served. One that is not open yet
/// is opened with what its nodes say then.
void Vhost::limit_lun(const std::string& node_name) {
    const auto place = luns_.find(node_name);
    if (place == luns_.end())
        return;
    try {
        const LunConfig config = nodes_.config(node_name);
        data_->worker().call(
            [&] { data_->limit_lun(place->second.address, config.queue_depth, longest(config)); });
    } catch (const std::runtime_error& error) {
        log_.warning("lun={} its limits stay as they were error=\"{}\"", node_name, error.what());
    }
}

void Vhost::not_opened(const std::string& node_name, const std::string& reason) {
    // A guest makes us try as often as it connects: what is known already is not said again.
    if (std::exchange(complaints_[node_name], reason) != reason)
        log_.warning("lun={} failed error=\"{}\"", node_name, reason);
    nodes_.set_failed(node_name, reason);
    ::unlink(memory_path(node_name).c_str());
    failed_.insert(node_name);
}

bool Vhost::serves(const std::string& node_name, std::uint64_t opening) const {
    const auto place = luns_.find(node_name);
    return !closed_ && place != luns_.end() && place->second.opening == opening;
}

/// A unit that fails later is shown in its node; the guest has the answers to its commands.
void Vhost::listen_to(Target& target, const std::string& node_name, std::uint64_t opening) {
    using Tell = void (Vhost::*)(const std::string& node_name, const std::string& text);
    const auto on_control = [weak = weak_from_this(), &control = around_.control, node_name,
                             opening](Tell tell) {
        return [weak, &control, node_name, opening, tell](const std::string& text) {
            boost::asio::post(control, [weak, node_name, opening, tell, text] {
                const auto self = weak.lock();
                if (self && self->serves(node_name, opening))
                    (*self.*tell)(node_name, text);
            });
        };
    };
    target.on_failure = on_control(&Vhost::lun_failed);
    target.on_warning = on_control(&Vhost::warn_of_lun);
    target.on_notice = on_control(&Vhost::log_of_lun);
}

void Vhost::lun_failed(const std::string& node_name, const std::string& reason) {
    luns_.at(node_name).failed = true;
    nodes_.set_failed(node_name, reason);
}

void Vhost::warn_of_lun(const std::string& node_name, const std::string& what) {
    warnings_[node_name] = what;
    if (!faulty_.contains(node_name))
        nodes_.set_warning(node_name, what);
}

void Vhost::log_of_lun(const std::string& node_name, const std::string& what) {
    notices_.warning("lun={} {}", node_name, what);
}

/// A new connection: what failed in the last one, or before it, may do better now.
void Vhost::begin_round() {
    failed_.clear();
    wait_for_ports_anew();
    close_failed_luns();
}

std::map<std::string, Vhost::ServedLun>::iterator
Vhost::let_go(std::map<std::string, ServedLun>::iterator lun) {
    data_->worker().call([&] { data_->remove_lun(lun->second.address); });
    ::unlink(memory_path(lun->first).c_str());
    warnings_.erase(lun->first);
    faulty_.erase(lun->first);
    return luns_.erase(lun);
}

void Vhost::close_failed_luns() {
    for (auto it = luns_.begin(); it != luns_.end();) {
        if (it->second.failed)
            it = let_go(it);
        else
            ++it;
    }
}

void Vhost::close_removed_luns(const std::vector<LunNode>& nodes) {
    std::map<std::string_view, State> states;
    for (const LunNode& node : nodes)
        states.emplace(node.name, node.state);
    for (auto it = luns_.begin(); it != luns_.end();) {
        const auto node = states.find(it->first);
        // At Initialising under a known name: the toolstack has made the vhost anew.
        const bool removed = node == states.end() || node->second == State::closing ||
                             node->second == State::initialising;
        if (!removed) {
            ++it;
            continue;
        }
        const std::string name = it->first;
        it = let_go(it);
        retire_record(name);
        if (node != states.end() && node->second == State::closing) {
            forget_unit(name);
            nodes_.move({name}, State::closing, State::closed);
        }
        changes_.info("lun={} removed", name);
    }
    for (const LunNode& node : nodes)
        if (node.state == State::closing) {
            reached_.erase(node.name);
            if (!luns_.contains(node.name)) // removed before it was ever opened
                nodes_.move({node.name}, State::closing, State::closed);
        }
}

/// Whose nodes are gone while the guest is connected: taken away by force.
void Vhost::close_vanished_luns() {
    const auto present = nodes_.names();
    if (!present)
        return;
    std::erase_if(reached_, [&](const auto& reached) { return !present->contains(reached.first); });
    for (auto it = luns_.begin(); it != luns_.end();) {
        if (present->contains(it->first)) {
            ++it;
            continue;
        }
        changes_.info("lun={} taken away", it->first);
        retire_record(it->first);
        it = let_go(it);
    }
}

void Vhost::confirm_luns(State from, State to) {
    std::vector<std::string> names;
    for (const LunNode& node : nodes_.list())
        if (node.state == from && luns_.contains(node.name))
            names.push_back(node.name);
    nodes_.move(names, from, to);
}

} // namespace pvscsi::backend
