// The registry's rarer duties: what dead domains and daemons left, looking after what is idle,
// counts, and the end.
#include "backend/registry.hpp"

#include "backend/suspended_units.hpp"
#include "backend/toolstack/guest_life.hpp"
#include "backend/toolstack/inventory.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <filesystem>
#include <tuple>

namespace pvscsi::backend {

/// A dead domain's nodes below its backends stay: the next domain with its number could read them.
void Registry::bury_dead_domains() {
    if (!toolstack_)
        return;
    for (const std::string& name : children(root_).value_or(std::vector<std::string>{})) {
        const auto number = xenbus::parse_number(name, 0x7fef);
        if (!number)
            continue;
        const DomId guest{static_cast<std::uint16_t>(*number)};
        if (burying_->contains(guest) ||
            toolstack::is_there(around_.store, around_.hypervisor.self(), guest) || !store_alive())
            continue;
        log::info("domain={} gone", guest.value());
        bury(guest);
    }
}

/// Its nodes go when its units are let go of: who has waited for that can give them to the next
/// domain.
void Registry::bury(DomId guest) {
    std::vector<Key> keys;
    for (const auto& [key, entry] : vhosts_)
        if (key.guest == guest)
            keys.push_back(key);
    burying_->insert(guest);
    const auto one_less = after_all(keys.size(), [this, guest, there = std::weak_ptr(burying_)] {
        const auto burying = there.lock();
        if (!burying || closing_)
            return; // the next daemon sees to it
        burying->erase(guest);
        rescan_ = true;
        if (toolstack::is_there(around_.store, around_.hypervisor.self(), guest))
            return; // another one has that number
        const std::string nodes = root_ + "/" + std::to_string(guest.value());
        const auto done = around_.store.remove(nodes);
        if (!done && done.error() != std::errc::no_such_file_or_directory)
            log::warning("node={} not removed error=\"{}\"", nodes, done.error().message());
    });
    for (const Key& key : keys)
        drop(key, one_less);
    one_less();
}

void Registry::keep_house() {
    housekeeping_.expires_after(around_.housekeeping);
    housekeeping_.async_wait([this](const boost::system::error_code& error) {
        if (error)
            return;
        for (const auto& [key, entry] : vhosts_)
            entry.vhost->keep_house();
        if (!store_alive())
            return store_lost_();
        keep_house();
    });
}

/// A broken connection shows only when it is used.
bool Registry::store_alive() {
    const auto root = around_.store.list("/");
    return root || root.error() != std::errc::io_error;
}

/// Of vhosts that went while no daemon was there, and what a daemon died at. Their names begin
/// with the vhost's two numbers and a dot.
void Registry::remove_stale_state() {
    namespace fs = std::filesystem;
    std::error_code error;
    for (const auto& file : fs::directory_iterator(around_.state_dir, error)) {
        auto name = file.path().filename().string();
        name.resize(std::min(name.find('.'), name.size()));
        std::replace(name.begin(), name.end(), '-', '/');
        const auto kind = file.path().extension();
        if ((kind != Journal::suffix && kind != ".unit" && kind != flight::suffix &&
             kind != ".new") ||
            !key_of(name))
            continue;
        const auto state = around_.store.read(root_ + "/" + name + "/state");
        const bool gone = !state && state.error() == std::errc::no_such_file_or_directory;
        if (gone || kind == ".new")
            fs::remove(file.path(), error);
    }
}

void Registry::stop_watching() noexcept {
    closing_ = true;
    store_event_.cancel();
    postponed_.cancel();
    housekeeping_.cancel();
}

/// To be called, from any thread, once for each vhost and once more; then `done` is.
std::function<void()> Registry::after_all(std::size_t vhosts, std::function<void()> done) {
    auto left = std::make_shared<std::size_t>(vhosts + 1);
    auto& control = around_.control;
    return [left, done = std::move(done), &control] {
        boost::asio::post(control, [left, done] {
            if (--*left == 0)
                done();
        });
    };
}

void Registry::close(std::function<void()> closed) {
    stop_watching();
    const auto one_less = after_all(vhosts_.size(), std::move(closed));
    for (auto& [key, entry] : vhosts_) {
        entry.vhost->announce_end();
        entry.vhost->close(one_less);
    }
    vhosts_.clear();
    one_less();
}

void Registry::hand_over(std::function<void()> quiet) {
    stop_watching();
    const auto one_less = after_all(vhosts_.size(), std::move(quiet));
    for (auto& [key, entry] : vhosts_)
        entry.vhost->hand_over(one_less);
    vhosts_.clear();
    one_less();
}

void Registry::statistics(std::function<void(std::vector<LunStatistics>)> take) {
    const auto all = std::make_shared<std::vector<LunStatistics>>();
    const auto one_less =
        after_all(vhosts_.size(), [all, take = std::move(take)] { take(std::move(*all)); });
    auto& control = around_.control;
    for (auto& [key, entry] : vhosts_)
        entry.vhost->statistics([all, one_less, &control](std::vector<LunStatistics> rows) {
            boost::asio::post(control, [all, rows = std::move(rows)] {
                all->insert(all->end(), rows.begin(), rows.end());
            });
            one_less();
        });
    one_less();
}

std::map<DomId, std::string> Registry::domains() {
    std::map<DomId, std::string> names;
    for (auto& [key, entry] : vhosts_)
        if (std::string& name = names[key.guest]; name.empty())
            name = entry.vhost->domain_name();
    return names;
}

void Registry::change_faults(DomId guest, DevId device, const ring::Address& address,
                             inject::Change change, inject::TakeAnswer take) {
    const auto place = vhosts_.find(Key{guest, device});
    if (place == vhosts_.end())
        return take({"there is no such vhost here", {}});
    place->second.vhost->change_faults(address, std::move(change), std::move(take));
}

std::string Registry::accept(const std::string& domain, const std::string& vdev) {
    const UnitRecords names(around_.record_dir);
    const SuspendedUnits suspended(around_.record_dir);
    try {
        if (vdev.empty()) {
            names.replace(domain, {});
        } else {
            (void)names.all(domain); // that it can be read
            names.forget(domain, vdev);
        }
        suspended.accept(domain, vdev);
    } catch (const std::exception& error) {
        return error.what();
    }
    log::info("domain={} lun={} is what it is to be", log::escaped(domain),
              vdev.empty() ? "all" : vdev);
    for (auto& [key, entry] : vhosts_)
        if ((vdev.empty() || vdev.starts_with(std::to_string(key.device.value()) + ":")) &&
            entry.vhost->domain_name() == domain)
            entry.vhost->try_again();
    return {};
}

bool Registry::knows(const std::string& domain) {
    return std::any_of(vhosts_.begin(), vhosts_.end(),
                       [&](auto& entry) { return entry.second.vhost->domain_name() == domain; }) ||
           UnitRecords(around_.record_dir).knows(domain) ||
           SuspendedUnits(around_.record_dir).knows(domain);
}

std::optional<std::string> Registry::vdev_of(const std::string& domain, const std::string& name) {
    for (const auto& [guest, its_name] : domains()) {
        if (its_name != domain)
            continue;
        const DomId self = around_.hypervisor.self();
        for (const auto& vhost : toolstack::read_vhosts(around_.store, self, guest))
            for (const toolstack::LunEntry& lun : vhost.luns)
                if (lun.name == name && xenbus::parse_address(lun.vdev))
                    return lun.vdev;
    }
    return {};
}

void Registry::stop_injecting() {
    for (auto& [key, entry] : vhosts_)
        entry.vhost->stop_injecting();
}

} // namespace pvscsi::backend
