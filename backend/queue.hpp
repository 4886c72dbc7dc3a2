// The data plane of one connected vhost: from a request on the ring to its response.
//
// A turn (poll):
//   take      copy the waiting requests out, parse them, fetch indirect descriptors
//   start     hand each to its LUN's target, or to the target level, or to task management
//   fetch     one grant copy for the data-out of all that want it, then resume them
//   answer    one grant copy for the data-in of all finished, then the responses, one publish,
//             at most one notification
// Targets that finish later come back through finished(); their answers go out with the next turn.
//
// A guest's data pages are only ever copied, never mapped: so nothing of a request is in use when
// its response is published, whatever a device still does with its own buffer.
//
// Thread: the worker's. Errors: what one request has wrong is answered; what the ring has wrong is
// reported once through `on_fault`, after which the queue is dead until it is stopped.
#pragma once

#include "backend/data_mover.hpp"
#include "backend/journal.hpp"
#include "backend/slot.hpp"
#include "backend/worker.hpp"
#include "common/hypervisor/evtchn.hpp"
#include "ring/back_ring.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <optional>
#include <string>

namespace pvscsi::backend {

/// What connecting to a frontend yields; let go in reverse.
struct Connection {
    std::unique_ptr<Journal> journal; ///< inherited: goes on where the predecessor stopped
    std::unique_ptr<hv::GrantMapper> grants;
    std::unique_ptr<hv::MappedPages> ring_page;
    std::unique_ptr<hv::EventChannel> channel;

    void close() noexcept {
        channel.reset();
        ring_page.reset();
        grants.reset();
    }
};

/// How long an ABORT or RESET waits for its victims before the guest is told that it failed. A
/// Linux guest waits for the answer without a limit of its own.
struct Patience {
    std::chrono::milliseconds abort{5'000};
    std::chrono::milliseconds reset{15'000};
};

class Queue final : public Pollable,
                    private RequestOwner,
                    public std::enable_shared_from_this<Queue> {
  public:
    /// Throws std::system_error if there is no memory.
    Queue(Worker& worker, LunMap& luns, const ring::Limits& limits, Connection connection,
          std::function<void(std::string reason)> on_fault, Patience patience = {});
    ~Queue();

    /// Begins to serve. Requests already on the ring are seen.
    void start();
    /// Ends it: no request is taken, no response published any more; the guest's pages and the
    /// event channel are let go. `drained` is called when no target has a request any more.
    void stop(std::function<void()> drained);
    /// The daemon ends and leaves the connection to its successor: takes no request any more and
    /// answers what it has. `quiet` is called when nothing is left; stop() may come before.
    void quiesce(std::function<void()> quiet);
    /// A request has been answered on this ring.
    [[nodiscard]] bool served() const noexcept { return ring_.position().rsp_prod != 0; }
    /// Gives memory that idle slots hold back to the system.
    void trim() noexcept;

    unsigned poll() noexcept override;
    bool arm() noexcept override;
    [[nodiscard]] bool guest_driven() const noexcept override { return true; }

  private:
    /// Slots in the order they got there; each slot is in it at most once.
    class SlotList {
      public:
        void add(Slot& slot) noexcept { slots_[size_++] = &slot; }
        [[nodiscard]] unsigned size() const noexcept { return size_; }
        Slot& operator[](unsigned i) noexcept { return *slots_[i]; }
        void clear() noexcept { size_ = 0; }

      private:
        std::array<Slot*, ring::ring_size> slots_{};
        unsigned size_ = 0;
    };

    static constexpr std::uint32_t all_slots = (1u << ring::ring_size) - 1;

    // queue_life.cpp
    void drain_if_idle() noexcept;
    void quiet_if_idle() noexcept;
    void wait_for_event();

    // queue_takeover.cpp: a dead predecessor's requests
    struct Inherited {
        Slot& slot;
        ring::WireRequest request;
        ring::Command command;
        std::uint32_t length; ///< of its data, as far as the request itself says
    };
    void take_over();
    void disown(Slot& slot) noexcept;
    [[nodiscard]] std::optional<scsi::HostCode> verdict_on(const ring::Command& command,
                                                           std::span<const Inherited> later) const;

    // queue.cpp
    unsigned take_requests() noexcept;
    void accept(Slot& slot, const ring::WireRequest& wire) noexcept;
    void parse_fetched_descriptors() noexcept;
    void dispatch(Slot& slot) noexcept;
    void proceed(Slot& slot, Step step) noexcept;
    void resume_fetched() noexcept;
    void finish(Slot& slot) noexcept;
    void fail(Slot& slot, scsi::HostCode host) noexcept;
    void leave_lun(Slot& slot) noexcept;
    void answer_finished() noexcept;
    void answer(Slot& slot) noexcept;
    void release(Slot& slot) noexcept;
    void fault(ring::RingFault fault) noexcept;
    void finished(Request& request) noexcept override;
    std::span<std::byte> buffer(Request& request, std::size_t size) noexcept override;
    Slot& slot_of(Request& request) noexcept;

    // queue_record.cpp: the flight recorder
    void record_begin(Slot& slot, const Lun& lun) noexcept;
    void record_end(Slot& slot, flight::End how) noexcept;
    void record_at_once(Slot& slot, const Lun& lun) noexcept;
    void record_task_management(Slot& manager) noexcept;

    // queue_tasks.cpp: ABORT and RESET
    void begin_task_management(Slot& manager) noexcept;
    void abort_task(Slot& manager) noexcept;
    void reset_unit(Slot& manager) noexcept;
    void enlist_victim(Slot& manager, Slot& victim) noexcept;
    void victim_answered(Slot& victim) noexcept;
    void one_less_to_wait_for(Slot& manager) noexcept;
    void set_deadline(Slot& manager, std::chrono::milliseconds patience);
    void expire_managers();

    Worker& worker_;
    LunMap& luns_;
    const ring::Limits limits_;
    const Patience patience_;
    Connection connection_;
    std::function<void(std::string)> on_fault_;
    const unsigned budget_;       ///< requests to take in one turn
    std::span<std::byte> memory_; ///< the slots' buffers, mapped on demand
    std::vector<std::unique_ptr<Slot>> slots_;
    Journal& journal_;
    ring::BackRing ring_;
    DataMover mover_;
    boost::asio::posix::stream_descriptor event_;
    boost::asio::steady_timer deadline_;
    std::uint32_t free_slots_ = all_slots;
    SlotList descriptors_, data_out_, finished_;
    bool waiting_for_event_ = false;
    bool event_came_ = false; ///< and was not taken from the channel yet
    bool dead_ = false;
    bool stopped_ = false;
    bool taking_ = true;   ///< false: it is being quiesced
    bool touched_ = false; ///< buffers were used since the last trim
    std::function<void()> drained_, quiet_;
};

} // namespace pvscsi::backend
