// The worker's half of a vhost: its logical units, which live as long as the vhost, and the queue
// of the present connection. The control thread's half is Vhost.
//
// Thread: the worker's, but for the constructor. It keeps itself alive until its devices have let
// go of everything.
#pragma once

#include "backend/inject/request.hpp"
#include "backend/lun_map.hpp"
#include "backend/queue.hpp"
#include "common/hypervisor/hypervisor.hpp"

namespace pvscsi::backend {

class DataPath : public std::enable_shared_from_this<DataPath> {
  public:
    DataPath(Worker& worker, hv::Hypervisor& hypervisor, DomId guest, DevId device)
        : worker_(worker), hypervisor_(hypervisor), guest_(guest), device_(device) {}
    DataPath(const DataPath&) = delete;
    DataPath& operator=(const DataPath&) = delete;

    [[nodiscard]] Worker& worker() noexcept { return worker_; }

    /// `shared`: other guests may write to it. `recorder`: of its commands; may be none. Throws
    /// what the target's attach() throws. The address must be free.
    void add_lun(const ring::Address& address, std::shared_ptr<Target> target, bool shared,
                 std::shared_ptr<flight::Recorder> recorder = nullptr);
    /// `queue_depth`: commands that the guest may have at the unit; 0: as many as the ring holds.
    /// `longest`: see Target::limit_time().
    void limit_lun(const ring::Address& address, unsigned queue_depth,
                   std::chrono::seconds longest) noexcept;
    /// A dead daemon's commands may be at the unit's device still: repeats nothing there.
    void mistrust(const ring::Address& address);
    /// The same, and they do not leave it by themselves: resets it.
    void settle_by_reset(const ring::Address& address);
    /// The guest can't reach it from now on; the target is let go once its commands have ended.
    void remove_lun(const ring::Address& address);

    /// Maps the ring, binds the channel and begins to serve; goes on where a predecessor stopped
    /// if the journal is inherited. The error says what the guest got wrong, or that the ring is
    /// not the journal's; std::system_error what we did.
    Expected<void, std::string> connect(GrantRef ring_ref, EvtchnPort port,
                                        const ring::Limits& limits,
                                        std::unique_ptr<Journal> journal,
                                        std::function<void(std::string)> on_fault);
    /// The present connection has answered a request.
    [[nodiscard]] bool served() const noexcept { return queue_ && queue_->served(); }
    /// Ends the connection; `drained` when no command of it is at a device any more.
    void disconnect(std::function<void()> drained);
    /// Answers what was taken, takes no more, and lets go of everything, but for the journal, with
    /// which a successor goes on.
    void hand_over(std::function<void()> quiet);
    /// disconnect() and then lets go of all logical units.
    void close(std::function<void()> closed);

    /// Sets and clears the faults of a unit, all of it or nothing.
    [[nodiscard]] inject::Answer change_faults(const ring::Address& address,
                                               const inject::Change& change);
    /// No unit has any.
    void stop_injecting() noexcept;
    /// Of each logical unit, in order of address.
    [[nodiscard]] std::vector<LunStatistics> statistics() const;
    /// Now and then: gives idle memory back and lets the units look after themselves.
    void keep_house() noexcept;

  private:
    /// `nexus_ends`: the guest loses it; else a successor serves it on.
    void let_go_of(const ring::Address& address, bool nexus_ends);
    void let_go_of_all(bool nexus_ends);

    Worker& worker_;
    hv::Hypervisor& hypervisor_;
    const DomId guest_;
    const DevId device_;
    LunMap luns_;
    std::shared_ptr<Queue> queue_;
};

} // namespace pvscsi::backend
