// The life of a queue: its memory, its beginning (new, or taken over from a dead predecessor), its
// sleep and its end.
#include "backend/queue.hpp"

#include <algorithm>
#include <sys/mman.h>
#include <utility>

namespace pvscsi::backend {

namespace {

/// Requests taken in one turn where a copy is cheap. With fewer than the ring holds, the frontend
/// works on the answers of one turn while we are at the next one; with too few, publishing costs
/// more than that wins.
constexpr unsigned pipelined_budget = 8;

std::span<std::byte> map_memory(std::size_t size) {
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        throw std::system_error(errno, std::generic_category(), "memory for a vhost's requests");
    return {static_cast<std::byte*>(at), size};
}

} // namespace

Queue::Queue(Worker& worker, LunMap& luns, const ring::Limits& limits, Connection connection,
             std::function<void(std::string)> on_fault, Patience patience)
    : worker_(worker), luns_(luns), limits_(limits), patience_(patience),
      connection_(std::move(connection)), on_fault_(std::move(on_fault)),
      budget_(connection_.grants->dear_calls() ? ring::ring_size : pipelined_budget),
      memory_(map_memory(ring::ring_size * std::size_t{limits.max_segments} * hv::page_size)),
      journal_(*connection_.journal),
      ring_(ring::SharedPage(connection_.ring_page->bytes()), journal_.position()),
      mover_(*connection_.grants), event_(worker.context(), connection_.channel->fd()),
      deadline_(worker.context()) {
    const std::size_t each = memory_.size() / ring::ring_size;
    for (unsigned i = 0; i < ring::ring_size; ++i)
        slots_.push_back(std::make_unique<Slot>(static_cast<RequestOwner&>(*this), i,
                                                limits.max_segments,
                                                memory_.subspan(i * each, each)));
}

Queue::~Queue() {
    if (!stopped_)
        event_.release();
    ::munmap(memory_.data(), memory_.size());
}

void Queue::start() {
    if (journal_.inherited())
        take_over();
    worker_.activate(*this);
}

void Queue::quiesce(std::function<void()> quiet) {
    quiet_ = std::move(quiet);
    taking_ = false;
    if (dead_) // nothing is answered any more
        return std::exchange(quiet_, nullptr)();
    worker_.activate(*this);
}

void Queue::quiet_if_idle() noexcept {
    if (quiet_ && free_slots_ == all_slots)
        std::exchange(quiet_, nullptr)();
}

void Queue::stop(std::function<void()> drained) {
    drained_ = std::move(drained);
    stopped_ = true;
    worker_.remove(*this);
    deadline_.cancel();
    event_.release(); // the channel owns the file
    for (const auto& slot : slots_) {
        if (slot->state == SlotState::pending)
            slot->lun->target->abort(*slot);
        else if (slot->state != SlotState::free)
            release(*slot);
    }
    finished_.clear();
    connection_.close();
    drain_if_idle();
}

void Queue::trim() noexcept {
    const bool idle = free_slots_ == all_slots;
    if (idle && std::exchange(touched_, false))
        ::madvise(memory_.data(), memory_.size(), MADV_DONTNEED);
}

void Queue::drain_if_idle() noexcept {
    if (drained_ && free_slots_ == all_slots)
        std::exchange(drained_, nullptr)();
}

bool Queue::arm() noexcept {
    if (dead_ || !taking_)
        return true; // what ends at a target makes it active again
    ring_.arm();
    if (std::exchange(event_came_, false)) {
        connection_.channel->take();
        connection_.channel->unmask();
    }
    const auto waiting = ring_.available();
    if (!waiting || *waiting > 0)
        return false;
    if (!waiting_for_event_)
        wait_for_event();
    return true;
}

void Queue::wait_for_event() {
    waiting_for_event_ = true;
    event_.async_wait(event_.wait_read,
                      [weak = weak_from_this()](const boost::system::error_code& error) {
                          const auto queue = weak.lock();
                          if (!queue || queue->stopped_ || error)
                              return;
                          queue->waiting_for_event_ = false;
                          // Taken when there is nothing else to do: the guest waits for its
                          // answers, and until then it has no cause for another event.
                          queue->event_came_ = true;
                          queue->worker_.activate(*queue);
                      });
}

} // namespace pvscsi::backend
