#include "backend/uring.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <sys/eventfd.h>
#include <system_error>

namespace pvscsi::backend {

namespace {

// Two submission entries for each of the 16 requests of 16 busy vhosts; what does not fit goes to
// the kernel at once. Completions beyond the queue are kept by the kernel (IORING_FEAT_NODROP).
constexpr unsigned submission_entries = 512;

/// The cheapest ring that the kernel has. Completions are then found in a flag that we read, and
/// made when we ask for them, instead of by interrupting the worker.
void open_ring(::io_uring& ring) {
    constexpr unsigned choices[] = {
        // 6.1: SINGLE_ISSUER and DEFER_TASKRUN, which liburing 2.3 names.
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, // 5.19
        0,
    };
    int error = 0;
    for (const unsigned flags : choices) {
        ::io_uring_params params{};
        params.flags = flags;
        error = ::io_uring_queue_init_params(submission_entries, &ring, &params);
        if (error != -EINVAL)
            break;
    }
    if (error < 0)
        throw std::system_error(-error, std::generic_category(), "io_uring_setup");
}

} // namespace

Uring::Uring(Worker& worker) : worker_(worker), event_(worker.context()) {
    open_ring(ring_);
    const int event = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (event < 0) {
        const int error = errno;
        ::io_uring_queue_exit(&ring_);
        throw std::system_error(error, std::generic_category(), "eventfd");
    }
    event_.assign(event);
    if (const int error = ::io_uring_register_eventfd(&ring_, event); error < 0) {
        ::io_uring_queue_exit(&ring_);
        throw std::system_error(-error, std::generic_category(), "io_uring_register_eventfd");
    }
    ::io_uring_cq_eventfd_toggle(&ring_, false);
    wait_for_event();
}

Uring::~Uring() {
    worker_.remove(*this);
    ::io_uring_queue_exit(&ring_);
}

bool Uring::read(int fd, std::span<std::byte> into, std::uint64_t offset,
                 UringCompletion& done) noexcept {
    ::io_uring_sqe* sqe = next(&done);
    if (!sqe)
        return false;
    ::io_uring_prep_read(sqe, fd, into.data(), static_cast<unsigned>(into.size()), offset);
    return true;
}

bool Uring::write(int fd, std::span<const std::byte> from, std::uint64_t offset, bool durable,
                  UringCompletion& done) noexcept {
    ::io_uring_sqe* sqe = next(&done);
    if (!sqe)
        return false;
    ::io_uring_prep_write(sqe, fd, from.data(), static_cast<unsigned>(from.size()), offset);
    sqe->rw_flags = durable ? RWF_DSYNC : 0;
    return true;
}

bool Uring::sync_data(int fd, UringCompletion& done) noexcept {
    ::io_uring_sqe* sqe = next(&done);
    if (!sqe)
        return false;
    ::io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
    return true;
}

bool Uring::fallocate(int fd, int mode, std::uint64_t offset, std::uint64_t length,
                      UringCompletion& done) noexcept {
    ::io_uring_sqe* sqe = next(&done);
    if (!sqe)
        return false;
    ::io_uring_prep_fallocate(sqe, fd, mode, static_cast<off_t>(offset),
                              static_cast<off_t>(length));
    return true;
}

void Uring::cancel(UringCompletion& done) noexcept {
    // A full queue: the operation is left to end by itself, as the contract of abort() allows.
    ::io_uring_sqe* sqe = next(nullptr);
    if (!sqe)
        return;
    ::io_uring_prep_cancel(sqe, &done, 0);
}

unsigned Uring::poll() noexcept {
    if (unsubmitted_ > 0)
        submit();
    return reap();
}

bool Uring::arm() noexcept {
    if (unsubmitted_ > 0)
        return false;
    ::io_uring_cq_eventfd_toggle(&ring_, true);
    // The kernel publishes, then looks at the flag; we set the flag, then look at what is there.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (!kernel_has_news())
        return true;
    ::io_uring_cq_eventfd_toggle(&ring_, false);
    return false;
}

io_uring_sqe* Uring::next(UringCompletion* done) noexcept {
    ::io_uring_sqe* sqe = ::io_uring_get_sqe(&ring_);
    if (!sqe) {
        submit();
        sqe = ::io_uring_get_sqe(&ring_);
        if (!sqe)
            return nullptr;
    }
    ::io_uring_sqe_set_data(sqe, done); // the prep functions leave it alone
    ++in_flight_;
    if (unsubmitted_++ == 0)
        worker_.activate(*this);
    return sqe;
}

void Uring::submit() noexcept {
    ++submissions_;
    // -EAGAIN, -EBUSY and -EINTR leave the entries in the queue, for the next turn.
    // The call also makes the completions that wait for one, so that reap() needs none.
    const int taken = ::io_uring_submit_and_get_events(&ring_);
    if (taken > 0)
        unsubmitted_ -= static_cast<unsigned>(taken);
}

bool Uring::kernel_has_news() const noexcept {
    constexpr unsigned news = IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN;
    return ::io_uring_cq_ready(&ring_) > 0 ||
           (std::atomic_ref(*ring_.sq.kflags).load(std::memory_order_acquire) & news) != 0;
}

unsigned Uring::reap() noexcept {
    if (!kernel_has_news())
        return 0;
    if (::io_uring_cq_ready(&ring_) == 0)
        ::io_uring_get_events(&ring_);
    unsigned reaped = 0;
    while (const unsigned ready = ::io_uring_cq_ready(&ring_)) {
        ++harvests_;
        // Bounded: what completions start now is found by the next turn.
        ::io_uring_cqe* cqes[64];
        const unsigned count = ::io_uring_peek_batch_cqe(&ring_, cqes, std::min(ready, 64u));
        for (unsigned i = 0; i < count; ++i) {
            auto* done = static_cast<UringCompletion*>(::io_uring_cqe_get_data(cqes[i]));
            const int result = cqes[i]->res;
            ::io_uring_cq_advance(&ring_, 1);
            --in_flight_;
            if (done)
                done->completed(result);
        }
        reaped += count;
        if (count < 64)
            break;
    }
    return reaped;
}

void Uring::wait_for_event() {
    event_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [this](const boost::system::error_code& error) {
                          if (error)
                              return; // closed
                          std::uint64_t count;
                          // Nothing to read would only mean that it was read before.
                          [[maybe_unused]] const auto got =
                              ::read(event_.native_handle(), &count, sizeof count);
                          ::io_uring_cq_eventfd_toggle(&ring_, false);
                          worker_.activate(*this);
                          wait_for_event();
                      });
}

} // namespace pvscsi::backend
