// One accepted CDB between the queue, which owns it, and the target that executes it.
//
// The queue moves the data, the target never sees a grant: data-out is in data() before resume(),
// data-in is taken from the span that the target names when it is finished. So all copies of one
// turn of the queue can go to the hypervisor in one call.
//
// Thread: the vhost's worker. Nothing here allocates.
#pragma once

#include "common/scsi/sense.hpp"
#include "common/scsi/status.hpp"
#include "ring/command.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <span>

namespace pvscsi::backend {

class Request;

/// Who takes a finished request; the queue.
class RequestOwner {
  public:
    virtual void finished(Request& request) noexcept = 0;
    /// `size` bytes, page aligned, for the request's use until it is finished; zeroed or old data
    /// of the same guest. Empty if `size` is above the negotiated transfer length.
    virtual std::span<std::byte> buffer(Request& request, std::size_t size) noexcept = 0;

  protected:
    ~RequestOwner() = default;
};

/// Who sees a command end before the queue does; a Decorator.
class RequestWatcher {
  public:
    /// False: the command's end is kept back; Request::finish() will be called again.
    virtual bool ended(Request& request) noexcept = 0;

  protected:
    ~RequestWatcher() = default;
};

/// What the guest's policy said of a command.
enum class PolicyMark : std::uint8_t {
    none,
    refused,
    noted, ///< would have been refused; it passed
};

/// What became of a command.
struct Outcome {
    scsi::HostCode host = scsi::HostCode::ok;
    scsi::Status status = scsi::Status::good;
    scsi::Sense sense;
    /// Data-in for the guest; private memory that stays valid until the queue has copied it, that
    /// is until Target::answered(). Longer than the guest's buffer: the rest is dropped.
    std::span<const std::byte> data_in;
    /// Data-in bytes that count as transferred although nothing is copied: the null target's.
    /// Of a command with data_in it is 0.
    std::uint32_t unmoved = 0;
    /// Data-out bytes that the device took; only of Direction::to_device. May be length() though
    /// nothing was asked for by want_data(): the null target.
    std::uint32_t consumed = 0;

    /// As new.
    void clear() noexcept {
        host = scsi::HostCode::ok;
        status = scsi::Status::good;
        sense.clear();
        data_in = {};
        unmoved = consumed = 0;
    }
};

class Request {
  public:
    static constexpr std::size_t most_watchers = 8; ///< targets around one unit

    explicit Request(RequestOwner& owner) : owner_(owner) {}
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    [[nodiscard]] const ring::Cdb& cdb() const noexcept { return command.cdb(); }
    [[nodiscard]] ring::Direction direction() const noexcept { return command.direction(); }
    /// Bytes that the guest's segments hold: the data-in buffer or the data-out.
    [[nodiscard]] std::uint32_t length() const noexcept { return length_; }

    /// Bytes of it that the outcome says were moved, never more than there are.
    [[nodiscard]] std::uint32_t transferred() const noexcept {
        const std::size_t moved = direction() == ring::Direction::from_device
                                      ? outcome.data_in.size() + outcome.unmoved
                                      : std::size_t{outcome.consumed};
        return static_cast<std::uint32_t>(std::min<std::size_t>(moved, length_));
    }

    /// Private memory of the slot, see RequestOwner::buffer().
    [[nodiscard]] std::span<std::byte> buffer(std::size_t size) noexcept {
        return owner_.buffer(*this, size);
    }

    /// With Step::need_data: where the data-out is to go; as many bytes of it as `where` holds,
    /// which must not be more than length().
    void want_data(std::span<std::byte> where) noexcept { data_ = where; }
    /// In resume(): the data-out that was asked for.
    [[nodiscard]] std::span<std::byte> data() const noexcept { return data_; }

    /// Ends a request whose start() or resume() said `pending`; exactly once, on the worker.
    void finish() noexcept {
        while (watching_ > 0)
            if (!watchers_[--watching_]->ended(*this))
                return;
        owner_.finished(*this);
    }

    /// `watcher` sees it end, before those that said so earlier.
    void watch(RequestWatcher& watcher) noexcept {
        assert(watching_ < watchers_.size());
        watchers_[watching_++] = &watcher;
    }
    /// It ends without finish(): `watcher` was the last to say so.
    void unwatch([[maybe_unused]] const RequestWatcher& watcher) noexcept {
        assert(watching_ > 0 && watchers_[watching_ - 1] == &watcher);
        --watching_;
    }

    /// For the owner: a new command, with `length` bytes in its segments.
    void prepare(const ring::Command& next, std::uint32_t length) noexcept {
        command = next;
        length_ = length;
        outcome.clear();
        data_ = {};
        target_state = nullptr; // the last one may have been another target's
        watching_ = 0;
        by_policy = PolicyMark::none;
    }

    Outcome outcome;
    ring::Command command;
    PolicyMark by_policy = PolicyMark::none;

    // For the target's use while it has the request.
    void* target_state = nullptr;
    std::uint64_t target_value = 0;

  private:
    RequestOwner& owner_;
    std::uint32_t length_ = 0;
    std::span<std::byte> data_;
    std::array<RequestWatcher*, most_watchers> watchers_{};
    std::uint8_t watching_ = 0;
};

} // namespace pvscsi::backend
