// One io_uring a worker, shared by all targets on it. Submissions of a turn go to the kernel in
// one call; completions are looked for without one while the worker spins.
//
// Thread: the worker's, which must also be the one that makes it. Errors: the constructor throws;
// an operation's error goes to its completion.
#pragma once

#include "backend/completion.hpp"
#include "backend/worker.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <liburing.h>
#include <span>

namespace pvscsi::backend {

class Uring final : public Pollable {
  public:
    /// Throws std::system_error where the kernel has no io_uring for us.
    explicit Uring(Worker& worker);
    /// Every operation must have completed.
    ~Uring() override;
    Uring(const Uring&) = delete;
    Uring& operator=(const Uring&) = delete;

    // Each queues one operation; false if the submission queue is full even after a submit.
    // The memory and the completion stay valid until completed() has been called.
    [[nodiscard]] bool read(int fd, std::span<std::byte> into, std::uint64_t offset,
                            UringCompletion& done) noexcept;
    /// `durable`: on stable storage before it completes (RWF_DSYNC).
    [[nodiscard]] bool write(int fd, std::span<const std::byte> from, std::uint64_t offset,
                             bool durable, UringCompletion& done) noexcept;
    [[nodiscard]] bool sync_data(int fd, UringCompletion& done) noexcept;
    [[nodiscard]] bool fallocate(int fd, int mode, std::uint64_t offset, std::uint64_t length,
                                 UringCompletion& done) noexcept;
    /// Asks the kernel to end the operation early; it completes all the same.
    void cancel(UringCompletion& done) noexcept;

    unsigned poll() noexcept override;
    bool arm() noexcept override;
    /// Operations are with the kernel.
    [[nodiscard]] bool expects_work() const noexcept { return in_flight_ > 0; }

    // For what needs to be looked at but once for operations that go, or come back, together.
    /// How often operations have gone to the kernel; those queued now go with the next.
    [[nodiscard]] std::uint64_t submissions() const noexcept { return submissions_; }
    /// How often completions were taken; all that are told now had ended before this one began.
    [[nodiscard]] std::uint64_t harvests() const noexcept { return harvests_; }

  private:
    io_uring_sqe* next(UringCompletion* done) noexcept;
    void submit() noexcept;
    [[nodiscard]] bool kernel_has_news() const noexcept;
    unsigned reap() noexcept;
    void wait_for_event();

    Worker& worker_;
    ::io_uring ring_{};
    boost::asio::posix::stream_descriptor event_;
    unsigned in_flight_ = 0;   ///< queued or submitted, completion not seen
    unsigned unsubmitted_ = 0; ///< of these, not yet told to the kernel
    std::uint64_t submissions_ = 0;
    std::uint64_t harvests_ = 0;
};

} // namespace pvscsi::backend
