// The LUNs of a vhost: from their nodes to targets on the worker and back.
#include "backend/devices/users.hpp"
#include "backend/guest_devices.hpp"
#include "backend/lun_identity.hpp"
#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "backend/unit_records.hpp"
#include "backend/vhost.hpp"

#include "common/config/pdev.hpp"

#include <boost/asio/post.hpp>

#include <filesystem>
#include <fmt/ranges.h>
#include <unistd.h>

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

/// Throws std::runtime_error if the host's allow-list does not have what `pdev` names.
void require_allowed(const config::Settings& settings, const std::string& text) {
    const auto pdev = config::parse_pdev(text);
    if (!pdev)
        return;
    const auto path = path_of(*pdev);
    if (!path || path->empty())
        return; // names nothing of the host
    std::error_code error;
    const auto real = std::filesystem::weakly_canonical(*path, error).string();
    const bool device = pdev->kind != config::PdevKind::file && pdev->kind != config::PdevKind::iso;
    const auto plain = std::filesystem::path(*path).lexically_normal().string();
    // A link in /dev is root's; one elsewhere may be anybody's, so it is where it leads.
    const bool allowed =
        device ? allows_device(settings, plain) || (!error && allows_device(settings, real))
               : !error && allows_file(settings, real);
    if (!allowed)
        throw std::runtime_error(fmt::format("{} is not in {} of [allow] in pvscsid.toml",
                                             error ? plain : real, device ? "devices" : "folders"));
}

/// Throws std::runtime_error if this host has mounted the device or built something on it: two that
/// write to one disk destroy it. A device that is opened as a block device the kernel refuses.
void require_unused(const std::string& text) {
    const auto pdev = config::parse_pdev(text);
    const auto path = pdev ? path_of(*pdev) : unexpected(config::Refusal{});
    const auto node = path && !path->empty() ? find_sg_node(*path) : std::nullopt;
    const auto users = node ? devices::users_of_unit(*node) : std::vector<std::string>();
    if (!users.empty())
        throw std::runtime_error(fmt::format("this host uses it: {}", fmt::join(users, ", ")));
}

} // namespace

bool Vhost::open_lun(const LunNode& node) {
    try {
        serve_lun(node, State::initialised, open_target(node.name));
    } catch (const std::exception& error) {
        if (may_be_free_soon(error))
            return false;
        not_opened(node.name, error.what());
    }
    return true;
}

/// Throws what make_target() does, and std::runtime_error for what the nodes have wrong.
std::shared_ptr<Target> Vhost::open_target(const std::string& node_name) {
    const auto v = nodes_.address(node_name);
    for (const auto& [name, other] : luns_)
        if (other.address == ring::Address{v.channel, v.target, v.lun})
            throw std::runtime_error("its address is taken by " + name);
    auto config = nodes_.config(node_name);
    const auto vm = around_.store.read(xenbus::domain_path(guest_) + "/vm");
    config.serial = stable_serial(vm.value_or(xenbus::domain_path(guest_)), v);
    require_allowed(*around_.settings, config.pdev);
    require_same_unit(config.pdev, v);
    if (!taking_over()) // a guest that has it keeps it
        require_unused(config.pdev);
    std::shared_ptr<Target> target = make_target(config);
    if (around_.guest_devices != nullptr)
        around_.guest_devices->add(domain_name(), to_string(v), config.pdev);
    try {
        target->remember_in(memory_path(node_name), taking_over());
    } catch (const std::system_error& error) { // the data are there all the same
        troubles_[node_name] =
            std::string("what the guest sets in it ends with the daemon: ") + error.what();
    }
    return target;
}

/// Of what the unit has been told and would forget with this process.
std::string Vhost::memory_path(const std::string& node_name) const {
    return state_path_ + "." + node_name + ".unit";
}

/// Detached by the administrator: who attaches that name again means what it leads to then.
void Vhost::forget_unit(const std::string& node_name) {
    try {
        if (around_.guest_devices != nullptr)
            around_.guest_devices->remove(domain_name(), to_string(nodes_.address(node_name)));
        const auto pdev = config::parse_pdev(nodes_.config(node_name).pdev);
        if (pdev && is_unstable(*pdev))
            UnitRecords(around_.record_dir)
                .forget(domain_name(), to_string(nodes_.address(node_name)));
    } catch (const std::runtime_error& error) { // its nodes have been damaged since
        log::warning("vhost={} lun={} its record stays: {}", backend_, node_name, error.what());
    }
}

std::string Vhost::domain_name() {
    return around_.store.read(xenbus::domain_path(guest_) + "/name").value_or("");
}

/// Throws if the name is one that the kernel gives anew with each boot, and leads to another unit
/// than it did.
void Vhost::require_same_unit(const std::string& text, const xenbus::VirtualAddress& address) {
    const auto pdev = config::parse_pdev(text);
    const std::string domain = domain_name();
    if (!pdev || !is_unstable(*pdev) || domain.empty())
        return;
    const auto path = path_of(*pdev);
    const auto node = path ? find_sg_node(*path) : std::nullopt;
    const std::string unit = node ? unit_name(*node) : "";
    if (unit.empty()) // a device without a name of its own can't be told from another one
        return;
    UnitRecords(around_.record_dir).require_same(domain, to_string(address), text, unit);
}

/// False if its nodes were changed while it was opened: then they say what it is to be now.
bool Vhost::serve_lun(const LunNode& node, State next, std::shared_ptr<Target> target) {
    const auto v = nodes_.address(node.name);
    const ring::Address address{v.channel, v.target, v.lun};
    const std::uint64_t opening = ++openings_;
    listen_to(*target, node.name, opening);
    const LunConfig config = nodes_.config(node.name);
    const auto trouble = troubles_.extract(node.name);
    if (!nodes_.set_served(node, next, identity_of(config.pdev),
                           trouble ? trouble.mapped() : std::string())) {
        ::unlink(memory_path(node.name).c_str());
        return false;
    }
    data_->worker().call([&] {
        data_->add_lun(address, std::move(target));
        // Also what the target was opened with, for that may be a while ago.
        data_->limit_lun(address, config.queue_depth, std::chrono::seconds(config.timeout));
    });
    luns_[node.name] = {address, opening};
    unconfirmed_ = true;
    complaints_.erase(node.name);
    changes_.info("lun={} v-dev={} opened", node.name, xenbus::to_string(v));
    return true;
}

/// The toolstack has changed what may be changed while a unit is served. One that is not open yet
/// is opened with what its nodes say then.
void Vhost::limit_lun(const std::string& node_name) {
    const auto place = luns_.find(node_name);
    if (place == luns_.end())
        return;
    try {
        const LunConfig config = nodes_.config(node_name);
        data_->worker().call([&] {
            data_->limit_lun(place->second.address, config.queue_depth,
                             std::chrono::seconds(config.timeout));
        });
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
}

void Vhost::lun_failed(const std::string& node_name, const std::string& reason) {
    luns_.at(node_name).failed = true;
    nodes_.set_failed(node_name, reason);
}

void Vhost::warn_of_lun(const std::string& node_name, const std::string& what) {
    nodes_.set_warning(node_name, what);
}

/// A new connection: what failed in the last one, or before it, may do better now.
void Vhost::begin_round() {
    failed_.clear();
    close_failed_luns();
}

std::map<std::string, Vhost::ServedLun>::iterator
Vhost::let_go(std::map<std::string, ServedLun>::iterator lun) {
    data_->worker().call([&] { data_->remove_lun(lun->second.address); });
    ::unlink(memory_path(lun->first).c_str());
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
        if (node != states.end() && node->second == State::closing) {
            forget_unit(name);
            nodes_.move({name}, State::closing, State::closed);
        }
        changes_.info("lun={} removed", name);
    }
    // Removed before they were ever opened.
    for (const LunNode& node : nodes)
        if (node.state == State::closing && !luns_.contains(node.name))
            nodes_.move({node.name}, State::closing, State::closed);
}

/// Whose nodes are gone while the guest is connected: taken away by force.
void Vhost::close_vanished_luns() {
    const auto present = nodes_.names();
    if (!present)
        return;
    for (auto it = luns_.begin(); it != luns_.end();) {
        if (present->contains(it->first)) {
            ++it;
            continue;
        }
        changes_.info("lun={} taken away", it->first);
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
