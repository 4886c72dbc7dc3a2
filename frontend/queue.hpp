// The data path: requests into the ring, responses out of it, task management.
//
// A Queue outlives connections: attach() gives it one, detach() takes it away. Responses are
// judged here: a tag that is not in flight, more residual than was requested, or more sense than
// fits is a Fault, after which nothing of this connection is believed any more.
//
// Thread: the session's. submit(), drain() and flush() make no system call but the backend's
// signal, and allocate nothing once the pool has grown. Callbacks run from drain() and
// run_attention().
#pragma once

#include "frontend/link.hpp"
#include "frontend/slot.hpp"

#include <array>
#include <bit>

namespace pvscsi::frontend {

/// How a backend broke the protocol.
enum class Fault : std::uint8_t {
    too_many_responses,
    response_index_backwards,
    unknown_tag,
    bad_residual,
    bad_sense_length,
};
[[nodiscard]] std::string_view to_string(Fault fault) noexcept;

class Queue {
  public:
    Queue(GrantedMemory& memory, std::size_t bounce_pages, const Timing& timing);
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    /// `segments` is what one request may have; above 26 through indirect pages.
    void attach(Link& link, unsigned segments);
    /// Ends everything: commands with transport_disrupted, tasks without success.
    void detach();
    [[nodiscard]] bool attached() const noexcept { return link_ != nullptr; }
    /// The present connection, or the last one, has had a right answer.
    [[nodiscard]] bool answered() const noexcept { return answered_; }

    SubmitResult submit(const ScsiCommand& command, CompletionHandler& done);
    void abort(CommandId id, TaskHandler done);
    void reset(const ring::Address& address, TaskHandler done);

    /// Completes what has been answered; how many.
    Expected<std::size_t, Fault> drain();
    void flush() noexcept {
        if (link_ && link_->ring().publish())
            link_->channel().notify();
    }
    /// Asks for a signal. False: a response, or work of run_attention(), has come meanwhile.
    bool arm() noexcept;

    /// There is something for run_attention() to do.
    [[nodiscard]] bool attention() const noexcept { return attention_; }
    /// Sends tasks that waited for a slot, and tells of those that could not be sent at all.
    std::size_t run_attention();

    /// Moves commands whose time is over to their next stage of recovery. False: the backend
    /// does not answer any more.
    bool check_deadlines(TimePoint now);
    [[nodiscard]] TimePoint next_deadline() const noexcept { return next_deadline_; }

    [[nodiscard]] std::size_t max_transfer() const noexcept;
    [[nodiscard]] unsigned free_slots() const noexcept;
    [[nodiscard]] unsigned in_flight() const noexcept;
    /// Commands of a logical unit in flight with ids up to `last`.
    [[nodiscard]] bool busy(const ring::Address& address, CommandId last) const noexcept;
    /// The id that the latest command got.
    [[nodiscard]] CommandId latest() const noexcept { return sequence_ << slot_bits; }

  private:
    static constexpr unsigned slot_bits = 4;
    static_assert(1u << slot_bits == ring::ring_size);

    /// A task that has no slot yet; nothing is left of one whose command has ended.
    struct Pending {
        ring::Action action;
        CommandId victim;
        ring::Address address;
        TaskHandler done;
        bool over; ///< not to be sent: only its handler is owed `false`
    };

    // submit.cpp
    SubmitError place_data(const ScsiCommand& command, Slot& slot);
    SubmitError place_in_region(const Region& region, std::span<std::byte> data, Slot& slot);
    SubmitError bounce(const ScsiCommand& command, Slot& slot);
    template <class Pieces>
    void write_segments(std::size_t count, const Slot& slot, std::size_t descriptors_at,
                        Pieces&& pieces) noexcept;
    void start(Slot& slot, Slot::Use use, const ring::Address& address) noexcept;

    // complete.cpp
    Expected<void, Fault> complete(const ring::WireResponse& response);
    Expected<void, Fault> complete_command(Slot& slot, const ring::WireResponse& response);
    void release(Slot& slot) noexcept;
    void fail_in_flight();

    // recover.cpp
    void queue_task(Pending task);
    void send_task(Pending& task) noexcept;
    bool escalate(Slot& slot, TimePoint now);

    [[nodiscard]] std::uint16_t tag_of(const Slot& slot) const noexcept {
        const auto index = static_cast<unsigned>(&slot - slots_.data());
        return static_cast<std::uint16_t>(slot.generation << slot_bits | index);
    }
    [[nodiscard]] Slot* find(CommandId id) noexcept;

    Link* link_ = nullptr;
    std::uint32_t free_ = (1u << ring::ring_size) - 1; ///< a bit for each free slot
    bool attention_ = false;
    bool answered_ = false;
    unsigned max_segments_ = ring::max_direct_segments;
    std::uint64_t sequence_ = 0;
    /// The request being made. Kept, so that what is past its segments is an earlier request's and
    /// never the stack's.
    ring::WireRequest wire_{};
    GrantedMemory& memory_;
    TimePoint next_deadline_ = TimePoint::max();
    std::array<Slot, ring::ring_size> slots_;
    PagePool pool_;
    std::vector<Pending> pending_;
    const Timing timing_;
};

} // namespace pvscsi::frontend
