// The commands that a unit has at its device, with the memory they use there; of sg/ and of iscsi/.
//
// The memory belongs to the operation and not to the ring's slot, because a command may outlive
// its request: after a reset that the driver did not pass on to the commands, the guest is
// answered and the kernel still holds the command. Such an operation is kept aside, untouched,
// until the kernel gives it back.
//
// Thread: the worker's.
#pragma once

#include "backend/request.hpp"

#include <array>
#include <cstdlib>
#include <memory>
#include <vector>

namespace pvscsi::backend {

class SgChannel;

/// Page-aligned memory that grows to what is asked of it.
class SgBuffer {
  public:
    /// `size` bytes; what they held before may be lost. Empty if there is no memory (or size 0).
    [[nodiscard]] std::span<std::byte> get(std::size_t size) noexcept;
    [[nodiscard]] std::size_t capacity() const noexcept { return size_; }
    /// Gives it back.
    void clear() noexcept;

  private:
    struct Free {
        void operator()(std::byte* memory) const noexcept { std::free(memory); }
    };
    std::unique_ptr<std::byte[], Free> memory_;
    std::size_t size_ = 0;
};

struct SgOperation {
    enum class State : std::uint8_t {
        idle,      ///< nobody's
        preparing, ///< its data-out is on its way from the guest, or its turn has not come
        in_flight, ///< at the device
        ended,     ///< its data-in wait to be copied
        abandoned, ///< at the device, its request answered
    };

    int pack_id = 0; ///< the kernel's name for the command; never the same twice in a row
    State state = State::idle;
    bool covered_by_reset = false;                    ///< was in flight when the device was reset
    Request* request = nullptr;                       ///< whose it is
    SgChannel* channel = nullptr;                     ///< the sg file that it went by
    std::chrono::steady_clock::time_point deadline{}; ///< of one in flight
    bool used = false;                                ///< since the last trim()
    bool complete = false;                            ///< has its data-out
    scsi::HostCode end_as = scsi::HostCode::ok;       ///< other: it is not to go to the device
    SgBuffer buffer;
    std::span<std::byte> data;
    std::array<std::uint8_t, scsi::Sense::max_size> sense{};

    /// For its turn, and for nothing else.
    [[nodiscard]] bool waits() const noexcept { return state == State::preparing && complete; }
};

class SgOperations {
  public:
    /// Requests that a vhost has at a time: the ring's size, and what the sg driver queues.
    static constexpr unsigned requests = ring::ring_size;
    /// Operations in all: so that as many as two full queues may be kept aside.
    static constexpr unsigned count = 3 * requests;

    SgOperations();

    /// What idle operations may keep of their memory: as much as 16 transfers of 512 KiB need.
    static constexpr std::size_t most_idle_memory = std::size_t{8} << 20;

    /// An operation for `request` with room for `length` bytes; null if too many are kept aside or
    /// there is no memory.
    [[nodiscard]] SgOperation* take(Request& request, std::uint32_t length) noexcept;
    /// The one that is at the device under this name; null if there is none.
    [[nodiscard]] SgOperation* find(int pack_id) noexcept;
    void submitted(SgOperation& operation, SgChannel* channel) noexcept;
    /// It ended, its request is being answered; data-in stays valid until release().
    void ended(SgOperation& operation) noexcept;
    /// Its request has been answered.
    void release(SgOperation& operation) noexcept;
    /// The kernel still holds it, its request is being answered.
    void abandoned(SgOperation& operation) noexcept;
    /// The kernel let go of an abandoned one.
    void returned(SgOperation& operation) noexcept;
    /// Gives the memory of those back that were not used since the last call.
    void trim() noexcept;
    /// A name for the next submission of `operation`.
    void rename(SgOperation& operation) noexcept;

    [[nodiscard]] auto begin() noexcept { return operations_.begin(); }
    [[nodiscard]] auto end() noexcept { return operations_.end(); }

  private:
    SgOperation* choose(std::uint32_t length) noexcept;
    void rest(SgOperation& operation) noexcept;

    std::vector<SgOperation> operations_;
    std::size_t idle_memory_ = 0;
    std::uint32_t sequence_ = 0;
};

} // namespace pvscsi::backend
