// The registry's rarer duties: what dead domains and daemons left, looking after what is idle,
// counts, and the end.
#include "backend/registry.hpp"

#include "backend/toolstack/guest_life.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <filesystem>
#include <tuple>

namespace pvscsi::backend {

namespace {
constexpr std::chrono::seconds housekeeping_interval{5};
} // namespace

/// A dead domain's nodes below its backends stay: the next domain with its number could read them.
void Registry::bury_dead_domains() {
    if (!toolstack_)
        return;
    for (const std::string& name : children(root_).value_or(std::vector<std::string>{})) {
        const auto number = xenbus::parse_number(name, 0x7fef);
        if (!number)
            continue;
        const DomId guest{static_cast<std::uint16_t>(*number)};
        if (toolstack::is_there(around_.store, around_.hypervisor.self(), guest) || !store_alive())
            continue;
        log::info("domain={} gone", guest.value());
        for (const auto& [key, entry] : std::map(vhosts_))
            if (key.guest == guest)
                drop(key);
        if (const auto done = around_.store.remove(root_ + "/" + name); !done)
            log::warning("node={}/{} not removed error=\"{}\"", root_, name,
                         done.error().message());
    }
}

void Registry::keep_house() {
    housekeeping_.expires_after(housekeeping_interval);
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
        if ((kind != Journal::suffix && kind != ".unit" && kind != ".new") || !key_of(name))
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
std::function<void()> Registry::after_all(std::function<void()> done) {
    auto left = std::make_shared<std::size_t>(vhosts_.size() + 1);
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
    const auto one_less = after_all(std::move(closed));
    for (auto& [key, entry] : vhosts_) {
        entry.vhost->announce_end();
        entry.vhost->close(one_less);
    }
    vhosts_.clear();
    one_less();
}

void Registry::hand_over(std::function<void()> quiet) {
    stop_watching();
    const auto one_less = after_all(std::move(quiet));
    for (auto& [key, entry] : vhosts_)
        entry.vhost->hand_over(one_less);
    vhosts_.clear();
    one_less();
}

void Registry::statistics(std::function<void(std::vector<LunStatistics>)> take) {
    const auto all = std::make_shared<std::vector<LunStatistics>>();
    const auto one_less = after_all([all, take = std::move(take)] { take(std::move(*all)); });
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

} // namespace pvscsi::backend
