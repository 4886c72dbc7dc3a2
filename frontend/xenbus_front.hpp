// The frontend's side of xenbus: from a `device/vscsi/N` directory to a connection and back.
//
// Order of steps as Linux' frontend (reference: drivers/scsi/xen-scsifront.c), which every backend
// knows: the first connection does not wait for InitWait; later ones do, so that a dead
// predecessor's state is not taken for an invitation. Linux' backend never invites again: it takes
// a connection while it is at Closed, and is given one when nothing better has come. Acts on the
// states as they are, not on transitions, because watches tell only that something has changed.
//
// Thread: the session's. step() makes store calls, which block. Errors: those of a frontend's own
// nodes throw std::system_error; whatever the backend's nodes hold is handled or ignored.
#pragma once

#include "common/hypervisor/store.hpp"
#include "common/xenbus/nodes.hpp"
#include "common/xenbus/state.hpp"
#include "frontend/timing.hpp"
#include "ring/command.hpp"

#include <map>
#include <memory>
#include <vector>

namespace pvscsi::frontend {

/// Where a new connection's ring is, for the backend to read.
struct LinkNodes {
    GrantRef ring_ref;
    EvtchnPort port;
};

/// What the state machine asks of its session.
class FrontHandler {
  public:
    /// Makes a new ring and port. May throw; the attempt is then over.
    virtual LinkNodes open_link() = 0;
    /// The backend has connected; `segments` is what it offers for one request.
    virtual void link_up(unsigned segments) = 0;
    /// No new commands; those in flight may still be answered.
    virtual void link_closing() = 0;
    /// Drops the ring; all in flight is lost.
    virtual void link_down(const std::string& reason) = 0;
    virtual void lun_added(const xenbus::VirtualAddress& address) = 0;
    /// Returns a mark for lun_idle().
    virtual std::uint64_t lun_removed(const xenbus::VirtualAddress& address) = 0;
    /// The device is gone for good.
    virtual void device_gone(const std::string& reason) = 0;
    /// The connection that is up, or was last, has answered a request.
    [[nodiscard]] virtual bool served() const = 0;
    [[nodiscard]] virtual unsigned in_flight() const = 0;
    /// No command of the logical unit from before its lun_removed() is in flight.
    [[nodiscard]] virtual bool lun_idle(const xenbus::VirtualAddress& address,
                                        std::uint64_t mark) const = 0;

  protected:
    ~FrontHandler() = default;
};

class XenbusFront {
  public:
    enum class Phase : std::uint8_t {
        resetting,    ///< wrote Closing, waits for the backend to follow
        closed,       ///< wrote Closed, waits for the backend to follow, or to come back
        initialising, ///< wrote Initialising, waits a while for InitWait
        connecting,   ///< wrote Initialised with a ring, waits for Connected
        connected,
        draining, ///< the backend closes; what is in flight may end
        gone,     ///< no device any more
    };

    /// Throws std::runtime_error if there is no such device.
    XenbusFront(std::unique_ptr<hv::Store> store, DomId self, DevId device, const Timing& timing,
                FrontHandler& handler);

    [[nodiscard]] DomId backend() const noexcept { return backend_; }
    [[nodiscard]] Phase phase() const noexcept { return phase_; }
    /// Readable when step() has something to do; -1 if the store is lost.
    [[nodiscard]] int fd() const noexcept { return store_lost_ ? -1 : store_->fd(); }
    /// LUNs that the backend shows.
    [[nodiscard]] std::vector<xenbus::VirtualAddress> luns() const;

    /// What the backend says is wrong, fit to be printed; empty if nothing is.
    [[nodiscard]] std::string backend_error();

    /// Begins: connects, or first resets what a predecessor left.
    void start();
    /// From now on nothing throws: an attempt that fails is followed by another one. So it is
    /// anyway once there has been a connection.
    void tolerate() noexcept { tolerant_ = true; }
    /// Does what the store's state and the time ask for.
    void step(TimePoint now);
    /// When step() is to be called though nothing has changed.
    [[nodiscard]] TimePoint wake_at() const noexcept {
        return store_lost_ ? TimePoint::max() : deadline_;
    }
    /// Gives the connection up because the backend broke the protocol; connects anew later.
    void abandon(const std::string& reason, TimePoint now);
    /// Closes for good, waiting a bounded time for the backend. Throws nothing.
    void close() noexcept;

  private:
    using State = xenbus::State;
    struct Lun {
        xenbus::VirtualAddress address;
        bool removing = false; ///< lun_removed() was called, the backend waits for us
        std::uint64_t mark = 0;
    };

    // xenbus_front.cpp
    bool drain_events();
    void evaluate(TimePoint now);
    void evaluate_connected(State backend, TimePoint now);
    void evaluate_closed(State backend, TimePoint now);
    void evaluate_draining(State backend, TimePoint now);
    void await_invitation(TimePoint now);
    void evaluate_invitation(State backend, TimePoint now);
    /// It no longer uses the connection, or no longer does more than let it end.
    [[nodiscard]] static bool left_connection(State backend) noexcept;
    /// It is past Closing.
    [[nodiscard]] static bool left_closing(State backend) noexcept;

    // xenbus_connection.cpp
    void connect(TimePoint now);
    void write_link(const LinkNodes& nodes);
    void connection_up(State backend, TimePoint now);
    void connection_lost(const std::string& reason, TimePoint now);
    void device_gone(const std::string& reason);
    bool await_backend(bool (*followed)(State) noexcept);

    // xenbus_store.cpp
    [[nodiscard]] static DomId read_backend_id(hv::Store& store, const std::string& front);
    [[nodiscard]] State backend_state();
    [[nodiscard]] bool backend_offline();
    bool still_ours();
    void enter(Phase phase, State state, TimePoint deadline = TimePoint::max());
    void write(const std::string& node, const std::string& value);
    void check(const Result<void>& result, const std::string& what);

    // lun_scan.cpp
    [[nodiscard]] unsigned offered_segments();
    [[nodiscard]] std::vector<std::string> device_names();
    [[nodiscard]] State device_state(const std::string& name);
    void add_luns();
    bool add_lun(const std::string& name);
    void reconfigure(TimePoint now);
    void remove_luns();
    bool finish_removals(bool patient);
    void write_lun_state(const std::string& name, State state);

    std::unique_ptr<hv::Store> store_;
    const Timing timing_;
    FrontHandler& handler_;
    std::string front_;
    DomId backend_;
    std::string back_;
    Phase phase_ = Phase::closed;
    State written_ = State::unknown; ///< what F/state holds
    bool reconfiguring_ = false;     ///< B=7 was seen, F=7 is not yet written
    bool tolerant_ = false;          ///< before that, errors are the caller's of open()
    bool store_lost_ = false;
    bool uninvited_ = false; ///< connecting since the backend was at Closed, where it still is
    TimePoint invitation_until_{};
    bool was_up_ = false;                   ///< the backend has connected to the present ring
    TimePoint deadline_ = TimePoint::max(); ///< when to look again though nothing has changed
    TimePoint patience_ = TimePoint::max(); ///< end of the wait for commands in flight
    TimePoint retry_at_ = TimePoint::min(); ///< not to connect before
    TimePoint connected_at_{};
    unsigned unanswered_ = 0; ///< while draining: what was in flight at the last look
    std::chrono::milliseconds backoff_{0};
    std::map<std::string, Lun> luns_; ///< by the name of their `dev-N`
};

} // namespace pvscsi::frontend
