// All vhosts of this backend domain: found by watching `backend/vscsi`, dropped when their nodes
// or their domain are gone.
//
// In a driver domain the toolstack clears away: a guest's end shows there by its nodes, those of
// the frontend first, with which its connection ends.
//
// Thread: control. A guest may write its nodes as often as it likes: events of a vhost collapse
// into one look, and those that a guest causes are limited, in number and in the time they take: a
// vhost with many LUNs takes long to be looked at.
#pragma once

#include "backend/vhost.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <map>
#include <set>

namespace pvscsi::backend {

class Registry {
  public:
    /// Throws std::system_error if the store can't be watched. `store_lost` is called when the
    /// connection to the store has broken: nothing can be known or told from then on;
    /// `domains_changed` when a domain has come or gone, `vhost_came` when a vhost has.
    Registry(
        Surroundings& around, std::vector<std::unique_ptr<Worker>>& workers,
        std::function<void()> store_lost, std::function<void()> domains_changed = [] {},
        std::function<void()> vhost_came = [] {});
    ~Registry();

    /// Tells all frontends that the backend goes, and ends all connections; `closed` when every
    /// device has let go.
    void close(std::function<void()> closed);
    /// Leaves all connections as they are to a successor; `quiet` when every command that was
    /// taken has been answered.
    void hand_over(std::function<void()> quiet);
    /// Sets and clears faults of a unit; `take` is called on the control thread.
    void change_faults(DomId guest, DevId device, const ring::Address& address,
                       inject::Change change, inject::TakeAnswer take);
    /// No unit has any from now on.
    void stop_injecting();
    /// What the domain's names lead to now is right: forgets what they led to, and tries what has
    /// failed again. `vdev`: h:c:t:l; empty: of all its LUNs. Returns what could not be done.
    std::string accept(const std::string& domain, const std::string& vdev);
    /// Whether a domain of that name has LUNs here, or has left what accept() forgets.
    [[nodiscard]] bool knows(const std::string& domain);
    /// The h:c:t:l of a LUN with that name=, of a guest that has LUNs here.
    [[nodiscard]] std::optional<std::string> vdev_of(const std::string& domain,
                                                     const std::string& name);
    /// Counts of all units, by guest, vhost and address; `take` is called on the control thread.
    void statistics(std::function<void(std::vector<LunStatistics>)> take);
    /// The guests' names, empty where they can't be told.
    [[nodiscard]] std::map<DomId, std::string> domains();

  private:
    struct Key {
        DomId guest;
        DevId device;
        friend auto operator<=>(const Key&, const Key&) = default;
    };
    struct Entry {
        std::shared_ptr<Vhost> vhost;
        double credit = 0; ///< seconds of looking that its guest may cause now
        std::chrono::steady_clock::time_point refilled{};
    };

    void wait_for_store();
    void take_events();
    void take_event(const hv::WatchEvent& event);
    void rescan();
    void refresh(const Key& key);
    void add(const Key& key);
    /// `closed`, from any thread, when its units are let go of.
    void drop(const Key& key, std::function<void()> closed = {});
    void look_at_dirty();
    void look(Entry& entry);
    [[nodiscard]] static bool may_look(Entry& entry);
    [[nodiscard]] bool is_news(const Key& key, std::string_view below_root);
    // registry_house.cpp
    void bury_dead_domains();
    void bury(DomId guest);
    void remove_stale_state();
    void stop_watching() noexcept;
    [[nodiscard]] std::function<void()> after_all(std::size_t vhosts, std::function<void()> done);
    void keep_house();
    [[nodiscard]] bool store_alive();
    [[nodiscard]] std::optional<std::vector<std::string>> children(const std::string& path);
    [[nodiscard]] Worker& least_loaded();
    [[nodiscard]] std::optional<Key> key_of(std::string_view below_root) const;

    Surroundings& around_;
    std::vector<std::unique_ptr<Worker>>& workers_;
    std::function<void()> store_lost_;
    std::function<void()> domains_changed_;
    std::function<void()> vhost_came_;
    const std::string root_;
    const bool toolstack_; ///< this is dom0, which is told of domains and clears away after them
    std::map<Key, Entry> vhosts_;
    bool look_at_domains_ = false; ///< domains may have come or gone
    bool rescan_ = false;          ///< vhosts may have come or gone
    std::set<Key> touched_;        ///< something below B has changed, which no guest can write
    std::set<Key> dirty_;          ///< the guest has written
    int put_off_ = 0;              ///< batches of events since the last looks
    std::map<Worker*, unsigned> load_;
    /// Whose units are being let go of; shared with who waits for that.
    std::shared_ptr<std::set<DomId>> burying_ = std::make_shared<std::set<DomId>>();
    boost::asio::posix::stream_descriptor store_event_;
    boost::asio::steady_timer postponed_;
    boost::asio::steady_timer housekeeping_;
    bool closing_ = false;
};

} // namespace pvscsi::backend
