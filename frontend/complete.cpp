// Responses out of the ring: judged, then told to whoever submitted the request.
#include "common/scsi/status.hpp"
#include "frontend/queue.hpp"

#include <algorithm>
#include <cstring>

namespace pvscsi::frontend {

namespace {

/// The host code of a result word; what is not defined, or is not for frontends, is `error`.
Host host_of(std::int32_t result) noexcept {
    const auto code = static_cast<std::uint8_t>(static_cast<std::uint32_t>(result) >> 16);
    const bool known = code <= static_cast<std::uint8_t>(Host::transport_failfast) ||
                       code == static_cast<std::uint8_t>(Host::transport_marginal);
    return known ? static_cast<Host>(code) : Host::error;
}

/// A command that was being aborted has timed out, unless the device finished it all the same.
bool ended_by_recovery(const Slot& slot, const Completion& completion) noexcept {
    return slot.stage != Slot::Stage::running &&
           (completion.host != Host::ok ||
            completion.status == static_cast<std::uint8_t>(scsi::Status::task_aborted));
}

} // namespace

Expected<std::size_t, Fault> Queue::drain() {
    if (!link_)
        return 0;
    const auto waiting = link_->ring().available();
    if (!waiting)
        return unexpected(waiting.error() == ring::RingFault::producer_overflow
                              ? Fault::too_many_responses
                              : Fault::response_index_backwards);
    for (unsigned i = 0; i < *waiting; ++i) {
        ring::WireResponse response;
        link_->ring().take(response);
        if (i + 1 < *waiting)
            link_->ring().prefetch_next();
        if (auto done = complete(response); !done)
            return unexpected(done.error());
        answered_ = true;
    }
    return *waiting;
}

Expected<void, Fault> Queue::complete(const ring::WireResponse& response) {
    Slot& slot = slots_[response.rqid % ring::ring_size];
    if (slot.use == Slot::Use::free || tag_of(slot) != response.rqid)
        return unexpected(Fault::unknown_tag);
    if (slot.use == Slot::Use::command)
        return complete_command(slot, response);
    const TaskHandler done = std::move(slot.task_done);
    slot.task_done = nullptr;
    release(slot);
    if (done)
        done(response.rslt == ring::task_management_success);
    return {};
}

Expected<void, Fault> Queue::complete_command(Slot& slot, const ring::WireResponse& response) {
    if (response.residual_len > slot.requested)
        return unexpected(Fault::bad_residual);
    if (response.sense_len > ring::max_sense_size)
        return unexpected(Fault::bad_sense_length);
    Completion completion;
    completion.host = host_of(response.rslt);
    completion.status = static_cast<std::uint8_t>(response.rslt);
    completion.sense = {response.sense_buffer.data(), response.sense_len};
    completion.residual = response.residual_len;
    if (ended_by_recovery(slot, completion))
        completion.host = Host::time_out;
    if (slot.copy_to && completion.host == Host::ok) {
        std::size_t left = slot.requested - response.residual_len;
        for (std::size_t i = 0; left > 0; ++i) {
            const std::size_t length = std::min(left, hv::page_size);
            std::memcpy(slot.copy_to + i * hv::page_size, pool_.at(slot.pages[i]), length);
            left -= length;
        }
    }
    // The slot is free before the callback runs: it may submit the next command.
    CompletionHandler done;
    done.swap(slot.done);
    release(slot);
    done(completion);
    return {};
}

void Queue::release(Slot& slot) noexcept {
    if (!slot.pages.empty())
        pool_.give_back(slot.pages);
    slot.copy_to = nullptr;
    slot.use = Slot::Use::free;
    slot.stage = Slot::Stage::running;
    slot.deadline = TimePoint::max();
    slot.generation = (slot.generation + 1) & (0xffffu >> slot_bits);
    free_ |= 1u << (&slot - slots_.data());
    attention_ = attention_ || !pending_.empty();
}

/// Ends all requests without an answer. The slots are free before the first callback runs.
void Queue::fail_in_flight() {
    std::vector<std::pair<CompletionHandler, Completion>> commands;
    std::vector<TaskHandler> tasks;
    for (Slot& slot : slots_) {
        if (slot.use == Slot::Use::command) {
            Completion completion;
            completion.host =
                slot.stage == Slot::Stage::running ? Host::transport_disrupted : Host::time_out;
            completion.residual = slot.requested;
            commands.emplace_back(std::move(slot.done), completion);
        } else if (slot.use == Slot::Use::task) {
            tasks.push_back(std::move(slot.task_done));
        }
        slot.done = nullptr;
        slot.task_done = nullptr;
        if (slot.use != Slot::Use::free)
            release(slot);
    }
    for (Pending& task : std::exchange(pending_, {}))
        tasks.push_back(std::move(task.done));
    attention_ = false;
    for (auto& [done, completion] : commands)
        done(completion);
    for (const TaskHandler& done : tasks)
        if (done)
            done(false);
}

} // namespace pvscsi::frontend
