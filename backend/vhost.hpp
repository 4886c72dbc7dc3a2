// The control half of one vhost: the backend's xenbus state machine (protocol: Linux'
// xen-scsifront and xenbus_client; xen/include/public/io/{xenbus,vscsiif}.h).
//
// It is driven by look(): read both ends' states as they are now and do what they call for. Events
// only say that it is time to look, so storms of them collapse and none can be missed, and a
// frontend that is already at Initialised when the daemon starts is nothing special.
//
// Order, which guests rely on:
//   a LUN's node is at 3 before B is at 4; I/O is served from before B is at 4 until the frontend
//   has left; a removed LUN is served until the frontend is at 7; the ring is let go, and all
//   commands at devices have ended, before B is at 6.
//
// Thread: control. Errors: what the guest does wrong ends its connection, with the reason in
// B/error; what is wrong with a LUN is in the LUN's node.
#pragma once

#include "backend/data_path.hpp"
#include "backend/lun_nodes.hpp"
#include "common/base/log.hpp"
#include "common/config/settings.hpp"
#include "common/hypervisor/hypervisor.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <map>
#include <optional>
#include <set>

namespace pvscsi::backend {

class GuestDevices;
namespace npiv {
class Vports;
}

/// What all vhosts of the daemon share.
struct Surroundings {
    boost::asio::io_context& control;
    hv::Hypervisor& hypervisor;
    hv::Store& store;
    ring::Limits limits;
    /// Where the connections' journals are, for a successor to go on with them.
    std::string state_dir;
    /// Which units unstable names lead to; outlives a boot.
    std::string record_dir;
    const config::Settings* settings; ///< the allow-list; may change between two calls
    /// Of the kernel's drivers; empty where the hypervisor is not the kernel's.
    std::string kernel_devices;
    GuestDevices* guest_devices = nullptr; ///< none: udev has nothing to know
    /// What a dead daemon left at devices has ended by then, or never will.
    std::chrono::steady_clock::time_point settled_by{};
    /// Commands of each LUN that the flight recorder keeps, but flight::least_length at least; 0:
    /// none is recorded.
    unsigned trace_length = flight::usual_length;
    npiv::Vports* vports = nullptr; ///< guests' own ports; none: no LUN can have one
    /// Between two looks after what is idle.
    std::chrono::milliseconds housekeeping = std::chrono::seconds(5);
};

/// Some time from now if there are journals: their daemon has died, or handed its guests over.
[[nodiscard]] std::chrono::steady_clock::time_point settled_by(const std::string& state_dir);

class Vhost : public std::enable_shared_from_this<Vhost> {
  public:
    Vhost(Surroundings& around, Worker& worker, DomId guest, DevId device);

    /// Something below B or F may have changed.
    void look();
    /// Takes note of a change at `below` (of B, such as "vscsi-devs/dev-3/state"). True: it is a
    /// reason to look; what is of our own making is none.
    [[nodiscard]] bool heed(std::string_view below);
    /// The node by which a toolstack asks the guest to suspend, among other things, has changed.
    void heed_shutdown() noexcept { ++shutdown_changes_; }
    /// What a failed LUN leads to may be right now: it is tried again.
    void try_again();
    /// The guest's name, without what it has while it migrates; empty if it can't be told.
    [[nodiscard]] std::string domain_name();
    /// The vhost's nodes are gone, or the daemon ends for good: ends the connection at once.
    /// `closed` when the devices have let go. No node is written any more.
    void close(std::function<void()> closed);
    /// Tells the frontend that its backend is going away.
    void announce_end();
    /// The daemon ends and another one is to go on: answers what was taken, and leaves the
    /// connection as it is, also if there is none. `quiet` when that is done.
    void hand_over(std::function<void()> quiet);

    [[nodiscard]] Worker& worker() noexcept { return data_->worker(); }
    [[nodiscard]] const std::string& frontend() const noexcept { return frontend_; }
    [[nodiscard]] const std::string& backend() const noexcept { return backend_; }
    void keep_house();
    /// Its nodes are gone: nobody will ask what happened at its LUNs.
    void forget_records() noexcept;
    /// Sets and clears faults; `take` is called on the control thread.
    void change_faults(const ring::Address& address, inject::Change change,
                       inject::TakeAnswer take);
    /// No unit has any from now on.
    void stop_injecting();
    /// `take` is called on the worker.
    void statistics(std::function<void(std::vector<LunStatistics>)> take);

  private:
    using State = xenbus::State;

    /// Of the connection to the frontend.
    enum class Link : std::uint8_t { down, up, stopping };
    struct ServedLun {
        ring::Address address;
        std::uint64_t opening;    ///< which of ours it was: late news of an earlier one don't count
        std::uint64_t most_bytes; ///< that one command can have; 0: no bound but the ring's
        bool failed = false;      ///< while it was served; its commands are answered with errors
    };
    /// Where the frontend can be reached.
    struct Endpoint {
        GrantRef ring_ref;
        EvtchnPort port;
        friend bool operator==(const Endpoint&, const Endpoint&) = default;
    };

    [[nodiscard]] bool leave_to_kernel();
    [[nodiscard]] xenbus::State state_of(const std::string& path);
    /// Writes B/state unless somebody changed it from `seen` meanwhile; then there is an event.
    bool move(xenbus::State seen, xenbus::State next);
    /// Whether we, or a predecessor, serve a connection at this state of ours.
    static bool was_served(xenbus::State ours);
    void act(xenbus::State ours, xenbus::State theirs);
    void receive(xenbus::State ours, xenbus::State theirs);
    void serve(xenbus::State ours, xenbus::State theirs);
    /// False: not ready for a connection yet; it is looked at again soon.
    bool greet(xenbus::State ours);
    void offer_segments();
    void while_connected(xenbus::State ours);
    void reconfigure(xenbus::State ours);
    void nothing_left(xenbus::State ours);
    void after_closed();
    [[nodiscard]] bool online();
    void end_from_our_side(xenbus::State ours, const std::string& reason);
    void faulted(const std::string& reason);

    // vhost_turns.cpp
    /// Begins to do what the frontend waits for at this state of its: false if it has begun.
    bool begins(State waiting) noexcept { return std::exchange(round_, waiting) != waiting; }
    bool tend_luns();
    bool open_new_luns();
    /// Of opening LUNs, before other vhosts get theirs.
    static constexpr std::chrono::milliseconds turn{10};
    void go_on_later();
    void go_on();

    // vhost_luns.cpp
    /// A unit, which may take its time to be opened, and what was asked for.
    struct Opening {
        LunConfig config;
        std::shared_ptr<Target> target;
    };
    void limit_lun(const std::string& node_name);
    /// What a command may take at the unit; zero: no bound.
    [[nodiscard]] std::chrono::seconds longest(const LunConfig& config) const;
    void begin_round();
    bool open_lun(const LunNode& node);
    [[nodiscard]] Opening opened_target(const std::string& node_name, const LunConfig& config);
    bool serve_lun(const LunNode& node, xenbus::State next, Opening opened);
    void not_opened(const std::string& node_name, const std::string& reason);
    void listen_to(Target& target, const std::string& node_name, std::uint64_t opening);
    void lun_failed(const std::string& node_name, const std::string& reason);
    void warn_of_lun(const std::string& node_name, const std::string& what);
    void log_of_lun(const std::string& node_name, const std::string& what);
    [[nodiscard]] bool serves(const std::string& node_name, std::uint64_t opening) const;
    std::map<std::string, ServedLun>::iterator
    let_go(std::map<std::string, ServedLun>::iterator lun);
    void close_failed_luns();
    void close_removed_luns(const std::vector<LunNode>& nodes);
    void close_vanished_luns();
    void confirm_luns(xenbus::State from, xenbus::State to);

    // vhost_ports.cpp: LUNs behind a port of the guest's own
    struct Reached {
        LunConfig config;  ///< as its nodes said
        std::string path;  ///< PDEV with the port
        std::string place; ///< of the unit's node, when it was opened last; empty: it has gone
        std::string unit;  ///< its own name then
        std::shared_ptr<const void> lease;
        std::string awaited; ///< empty: nothing
        std::string warned;  ///< of the unit that is served; empty: nothing
        std::chrono::steady_clock::time_point until{}, look_at{};
    };
    [[nodiscard]] LunConfig with_port(const std::string& node_name, LunConfig config) const;
    [[nodiscard]] std::optional<LunConfig> config_when_reached(const std::string& node_name);
    [[nodiscard]] bool is_back(const LunConfig& config, Reached& reached);
    void look_behind_port(const std::string& node_name, Reached& reached);
    void warn_of_port(const std::string& node_name, Reached& reached);
    void wait_for_ports_anew();
    void try_ports_again();

    // vhost_backing.cpp
    [[nodiscard]] std::shared_ptr<Target> open_target(const std::string& node_name,
                                                      LunConfig config);
    [[nodiscard]] std::string told_of_guest(const char* node, const char* noted_as);
    void require_same_unit(const std::string& text, const xenbus::VirtualAddress& address);
    void forget_unit(const std::string& node_name);
    [[nodiscard]] std::string memory_path(const std::string& node_name) const;

    // vhost_suspend.cpp: what a guest that comes back finds
    void note_suspension();
    void forget_suspension();
    void has_come_back();
    [[nodiscard]] std::string uuid();
    [[nodiscard]] bool is_of_vhost(const std::string& vdev) const;
    void require_not_swapped(const std::string& pdev, const xenbus::VirtualAddress& address);

    // vhost_inject.cpp
    void tell_of_faults(const std::string& node_name, const inject::Answer& answer);

    // vhost_flight.cpp: the flight recorders' files
    [[nodiscard]] std::string record_path(const std::string& node_name) const;
    [[nodiscard]] std::shared_ptr<flight::Recorder>
    open_recorder(const std::string& node_name, const LunConfig& config, const Target& target);
    void retire_record(const std::string& node_name);

    // vhost_link.cpp
    void connect(xenbus::State ours, xenbus::State theirs);
    [[nodiscard]] Expected<Endpoint, std::string> read_endpoint();
    [[nodiscard]] bool same_connection();
    [[nodiscard]] bool has_another_ring();
    [[nodiscard]] Expected<void, std::string> link_up(std::unique_ptr<Journal> journal);
    void disconnect(xenbus::State ours, xenbus::State next);
    void disconnected(xenbus::State next, bool served);
    /// After failures of our own there is a pause before the next offer, which grows; without it
    /// both ends would go through their states as fast as they can.
    void failed_again();
    [[nodiscard]] bool may_offer();

    // vhost_takeover.cpp
    void await_predecessor();
    void await_source();
    void take_over(State ours, State theirs);
    void start_anew(State ours, State theirs, const std::string& reason);
    [[nodiscard]] bool taking_over() const noexcept { return inherited_ != nullptr; }
    [[nodiscard]] unsigned offered_segments();
    void require_same(const std::string& node_name, const std::string& pdev);
    [[nodiscard]] bool luns_are_free();
    [[nodiscard]] bool is_free(const LunNode& node);
    /// The backing is in use, and that may be by a dead predecessor's commands, or by the domain
    /// that migrates into this one.
    [[nodiscard]] bool may_be_free_soon(const std::exception& error) const;
    [[nodiscard]] bool patient() const { return std::chrono::steady_clock::now() < settled_by_; }
    void go_on_with(const std::string& node_name, Leftovers left);
    [[nodiscard]] bool must_wait_for(Leftovers left) const;
    void look_again_soon();
    void forget_connection();
    void write_if_there(const std::string& node, const std::string& value);
    void set_error(const std::string& reason);
    void clear_error();

    Surroundings& around_;
    const DomId guest_;
    const DevId device_;
    const std::string backend_;
    const std::string frontend_;
    const std::string state_path_; ///< what the files of its state begin with
    const std::string journal_path_;
    std::shared_ptr<DataPath> data_;
    LunNodes nodes_;
    std::map<std::string, ServedLun> luns_;         ///< by node name
    std::set<std::string> failed_;                  ///< not to be opened before the next connection
    std::map<std::string, std::string> complaints_; ///< by node name: why it failed last
    std::map<std::string, std::string> warnings_;   ///< by node name, but those of faults
    std::set<std::string> faulty_;                  ///< node names of units that have faults
    std::map<std::string, std::string> troubles_;   ///< of units about to be served
    std::deque<LunNode> to_open_;                   ///< as they were listed
    std::map<std::string, Reached> reached_;        ///< by node name
    std::map<std::string, Opening> opening_;        ///< by node name
    bool settled_ = true;          ///< none that was listed is to be tried again soon
    bool port_waits_ = false;      ///< a LUN for its port, which takes its time
    bool going_on_ = false;        ///< with what was listed: nothing is new
    bool will_go_on_ = false;      ///< in the loop's next turn
    State round_ = State::unknown; ///< what begins() was told
    std::uint64_t openings_ = 0;
    std::set<std::string> recorded_; ///< by node name: it has a file
    unsigned detached_records_ = 0;  ///< how many there have been
    Link link_ = Link::down;
    Endpoint endpoint_;                  ///< of the present connection
    std::unique_ptr<Journal> inherited_; ///< while a predecessor's connection is taken over
    /// Units of it that are not open yet.
    std::optional<std::deque<LunNode>> inherited_luns_;
    /// Units that a predecessor's commands may still be at.
    std::map<std::string, std::shared_ptr<Target>> busy_;
    std::chrono::steady_clock::time_point settled_by_{}; ///< they have ended by then, or never will
    boost::asio::steady_timer takeover_timer_;
    std::chrono::milliseconds pause_{0}; ///< the last one
    std::chrono::steady_clock::time_point offer_at_{};
    boost::asio::steady_timer offer_timer_;
    bool unconfirmed_ = false;      ///< units are at 3 that go to 4 with the frontend
    bool confirmed_ = false;        ///< its frontend has been at Connected
    bool offer_again_ = false;      ///< when both are closed, without being asked
    bool back_at_once_ = false;     ///< a frontend was there anew before the last had been let go
    unsigned shutdown_changes_ = 0; ///< of control/shutdown, since it was watched
    unsigned shutdown_noted_ = 1;   ///< the first only says that it is watched
    bool closed_ = false;
    bool left_to_kernel_ = false; ///< another backend has it, and B/error says so
    log::PeerLog log_;            ///< what went wrong
    log::PeerLog changes_;        ///< states: as many of them as a guest likes
    log::PeerLog notices_;        ///< what units have to say
};

} // namespace pvscsi::backend
