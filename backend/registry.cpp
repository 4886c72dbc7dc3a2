#include "backend/registry.hpp"

#include "backend/toolstack/guest_life.hpp"
#include "backend/toolstack/vhost.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>

namespace pvscsi::backend {

namespace {
/// Each of them says only that something has changed; one domain's beginning fires several.
constexpr std::array domain_events{toolstack::domains_begin, "@introduceDomain", "@releaseDomain"};
constexpr auto domain_token = "domain";
constexpr auto backend_token = "backend";
/// What a toolstack asks a guest to do about its own end (docs/misc/xenstore-paths.pandoc).
constexpr auto shutdown_node = "/control/shutdown";
constexpr auto shutdown_token = "/shutdown"; ///< behind a vhost's
/// Events taken before other handlers get their turn.
constexpr int events_at_once = 256;
/// As long as there are more events they may be of the same vhosts, as when one with many LUNs is
/// made; but so many batches at most.
constexpr int most_put_off = 16;
/// What a guest may have of the control thread's time for looks that it causes: a burst in seconds,
/// then this share. A look counts as 4 ms at least, so there are 50 a second at most.
constexpr double look_burst = 1;
constexpr double look_share = 0.2;
constexpr double least_look = 0.004;
constexpr std::chrono::milliseconds postponement{50};
} // namespace

Registry::Registry(Surroundings& around, std::vector<std::unique_ptr<Worker>>& workers,
                   std::function<void()> store_lost, std::function<void()> domains_changed,
                   std::function<void()> vhost_came)
    : around_(around), workers_(workers), store_lost_(std::move(store_lost)),
      domains_changed_(std::move(domains_changed)), vhost_came_(std::move(vhost_came)),
      root_(xenbus::backend_root(around.hypervisor.self())),
      toolstack_(around.hypervisor.self() == toolstack::toolstack_domain),
      store_event_(around.control, around.store.fd()), postponed_(around.control),
      housekeeping_(around.control) {
    const auto watch = [&](const std::string& path, const std::string& token) {
        if (const auto done = around_.store.watch(path, token); !done)
            throw std::system_error(done.error(), "watching " + path);
    };
    if (toolstack_)
        for (const auto event : domain_events)
            watch(event, domain_token);
    watch(root_, backend_token);
    bury_dead_domains();
    remove_stale_state();
    wait_for_store();
    keep_house();
}

Registry::~Registry() {
    store_event_.release();
}

void Registry::wait_for_store() {
    store_event_.async_wait(store_event_.wait_read, [this](const boost::system::error_code& error) {
        if (error)
            return;
        try {
            take_events();
        } catch (const std::exception& failure) { // a daemon that hears nothing any more is worse
            log::error("events were not taken error=\"{}\"", failure.what());
        }
        wait_for_store();
    });
}

void Registry::take_events() {
    for (int i = 0; i < events_at_once; ++i) {
        const auto event = around_.store.next_event();
        if (!event)
            return look_at_dirty();
        take_event(*event);
    }
    if (++put_off_ >= most_put_off)
        look_at_dirty();
    boost::asio::post(around_.control, [this] { take_events(); });
}

void Registry::take_event(const hv::WatchEvent& event) {
    if (event.token == domain_token) {
        look_at_domains_ = true;
        return;
    }
    if (event.token == backend_token) {
        const auto below_root =
            std::string_view(event.path).substr(std::min(root_.size() + 1, event.path.size()));
        const auto key = key_of(below_root);
        if (!key)
            rescan_ = true;
        else if (is_news(*key, below_root))
            touched_.insert(*key);
        return;
    }
    // The token of a frontend's watch is its key, and of its domain's the same with more behind.
    if (const auto key = key_of(event.token)) {
        if (const auto place = vhosts_.find(*key);
            place != vhosts_.end() && event.token.ends_with(shutdown_token))
            place->second.vhost->heed_shutdown();
        dirty_.insert(*key);
    }
}

std::optional<Registry::Key> Registry::key_of(std::string_view below_root) const {
    const auto slash = below_root.find('/');
    if (slash == std::string_view::npos)
        return {};
    const auto rest = below_root.substr(slash + 1);
    const auto guest = xenbus::parse_number(below_root.substr(0, slash), 0x7fef);
    const auto device = xenbus::parse_number(rest.substr(0, rest.find('/')), 0xffff'ffff);
    if (!guest || !device)
        return {};
    return Key{DomId{static_cast<std::uint16_t>(*guest)},
               DevId{static_cast<std::uint32_t>(*device)}};
}

/// Most of what happens below B is our own doing.
bool Registry::is_news(const Key& key, std::string_view below_root) {
    const auto place = vhosts_.find(key);
    const auto device = below_root.find('/') + 1;
    const auto below = below_root.find('/', device);
    return place == vhosts_.end() || below == std::string_view::npos ||
           place->second.vhost->heed(below_root.substr(below + 1));
}

/// No children if there is no such node, nothing if the store can't tell: what is not known to be
/// gone is not dropped.
std::optional<std::vector<std::string>> Registry::children(const std::string& path) {
    auto names = around_.store.list(path);
    if (names)
        return std::move(*names);
    if (names.error() == std::errc::no_such_file_or_directory)
        return std::vector<std::string>{};
    log::warning("node={} can't be listed error=\"{}\"", path, names.error().message());
    return {};
}

void Registry::rescan() {
    std::set<Key> present;
    const auto guests = children(root_);
    if (!guests)
        return;
    for (const std::string& guest : *guests) {
        const auto devices = children(root_ + "/" + guest);
        if (!devices)
            return;
        for (const std::string& device : *devices)
            if (const auto key = key_of(guest + "/" + device))
                present.insert(*key);
    }
    for (const auto& [key, entry] : std::map(vhosts_))
        if (!present.contains(key))
            drop(key);
    // What has changed below the others has events of its own.
    for (const Key& key : present)
        if (!vhosts_.contains(key))
            touched_.insert(key);
}

void Registry::refresh(const Key& key) {
    const auto path = xenbus::backend_path(around_.hypervisor.self(), key.guest, key.device);
    if (const auto state = around_.store.read(path + "/state"); !state) {
        if (state.error() == std::errc::no_such_file_or_directory)
            drop(key);
        return;
    }
    if (!vhosts_.contains(key))
        add(key);
    dirty_.erase(key);
    if (const auto place = vhosts_.find(key); place != vhosts_.end())
        look(place->second);
}

void Registry::add(const Key& key) {
    if (closing_ || burying_->contains(key.guest))
        return;
    Worker& worker = least_loaded();
    ++load_[&worker];
    auto vhost = std::make_shared<Vhost>(around_, worker, key.guest, key.device);
    const auto token = std::to_string(key.guest.value()) + "/" + std::to_string(key.device.value());
    if (const auto done = around_.store.watch(vhost->frontend() + "/state", token); !done)
        log::error("vhost={} watch failed error=\"{}\"", vhost->frontend(), done.error().message());
    if (toolstack_) // nobody else may read it
        (void)around_.store.watch(xenbus::domain_path(key.guest) + shutdown_node,
                                  token + shutdown_token);
    log::info("vhost={} found", vhost->backend());
    vhost_came_();
    vhosts_[key] = {std::move(vhost), look_burst, std::chrono::steady_clock::now()};
}

void Registry::drop(const Key& key, std::function<void()> closed) {
    const auto place = vhosts_.find(key);
    if (place == vhosts_.end())
        return;
    const auto vhost = std::move(place->second.vhost);
    vhosts_.erase(place);
    dirty_.erase(key);
    --load_[&vhost->worker()];
    const auto token = std::to_string(key.guest.value()) + "/" + std::to_string(key.device.value());
    (void)around_.store.unwatch(vhost->frontend() + "/state", token);
    if (toolstack_)
        (void)around_.store.unwatch(xenbus::domain_path(key.guest) + shutdown_node,
                                    token + shutdown_token);
    vhost->forget_records();
    vhost->close([path = vhost->backend(), closed = std::move(closed)] {
        log::info("vhost={} gone", path);
        if (closed)
            closed();
    });
}

void Registry::look_at_dirty() {
    put_off_ = 0;
    if (std::exchange(look_at_domains_, false)) {
        bury_dead_domains();
        domains_changed_();
    }
    if (std::exchange(rescan_, false))
        rescan();
    for (const Key& key : std::exchange(touched_, {}))
        refresh(key);
    for (const Key& key : std::exchange(dirty_, {})) {
        const auto place = vhosts_.find(key);
        if (place == vhosts_.end())
            continue;
        if (may_look(place->second))
            look(place->second);
        else
            dirty_.insert(key);
    }
    if (dirty_.empty())
        return;
    postponed_.expires_after(postponement);
    postponed_.async_wait([this](const boost::system::error_code& error) {
        if (!error)
            look_at_dirty();
    });
}

bool Registry::may_look(Entry& entry) {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - entry.refilled).count();
    entry.credit = std::min(look_burst, entry.credit + seconds * look_share);
    entry.refilled = now;
    return entry.credit > 0;
}

/// Every look counts, also one that only follows from what the guest has caused.
void Registry::look(Entry& entry) {
    const auto begin = std::chrono::steady_clock::now();
    const auto vhost = entry.vhost;
    try {
        vhost->look();
    } catch (const std::exception& error) { // the other vhosts' events are still to be looked at
        log::error("vhost={} a look failed error=\"{}\"", vhost->backend(), error.what());
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    entry.credit = std::max(-look_burst, entry.credit - std::max(seconds, least_look));
}

Worker& Registry::least_loaded() {
    const auto place =
        std::min_element(workers_.begin(), workers_.end(), [&](const auto& a, const auto& b) {
            return load_[a.get()] < load_[b.get()];
        });
    return **place;
}

} // namespace pvscsi::backend
