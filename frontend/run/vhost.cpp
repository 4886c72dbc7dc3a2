#include "frontend/run/vhost.hpp"

#include <algorithm>
#include <cerrno>

namespace pvscsi::run {

namespace {

DataDirection direction_of(wire::Direction direction) noexcept {
    switch (direction) {
    case wire::Direction::to_device:
        return DataDirection::to_device;
    case wire::Direction::from_device:
        return DataDirection::from_device;
    case wire::Direction::none:
        break;
    }
    return DataDirection::none;
}

bool is_reset_request(const Order& order) noexcept {
    return order.request.kind == wire::Kind::reset_lun;
}

void end_with_host(OpenFile& file, unsigned slot, Host host) noexcept {
    Completion completion;
    completion.host = host;
    completion.residual = file.order(slot).request.data_length;
    file.complete(slot, completion);
}

} // namespace

Vhost::Vhost(std::uint32_t number, std::unique_ptr<Transport> transport,
             std::chrono::milliseconds patience)
    : number_(number), transport_(std::move(transport)), patience_(patience) {}

void Vhost::start(const std::shared_ptr<OpenFile>& file, unsigned slot) noexcept {
    const auto now = Clock::now();
    const Order* order = file->begin(slot, now);
    if (order == nullptr)
        return; // only a program that writes its page on its own can come here; it waits in vain
    if (!file->is_valid(*order)) {
        file->refuse(slot, EINVAL);
        return;
    }
    if (file->detached()) {
        file->refuse(slot, ENODEV);
        return;
    }
    auto limit = patience_;
    if (order->request.timeout_ms != 0)
        limit = std::min(limit, std::chrono::milliseconds(order->request.timeout_ms));
    // A reset is for commands that hang: it does not wait behind them.
    if (is_reset_request(*order))
        queue_.push_front({file, slot, now + limit});
    else
        queue_.push_back({file, slot, now + limit});
}

void Vhost::drop_queued(const Hctl& address) noexcept {
    std::erase_if(queue_, [&](const Waiting& waiting) {
        if (waiting.file->address() != address)
            return false;
        end_with_host(*waiting.file, waiting.slot, Host::no_connect);
        return true;
    });
}

bool Vhost::submit(const Waiting& waiting) {
    OpenFile& file = *waiting.file;
    const wire::Request& request = file.order(waiting.slot).request;
    if (request.cdb_length > wire::cdb_size) {
        // What Linux' SCSI layer answers when a host cannot carry a CDB of this length.
        end_with_host(file, waiting.slot, Host::abort);
        return true;
    }
    ScsiCommand command;
    command.address = file.address();
    command.cdb = {request.cdb, request.cdb_length};
    command.direction = direction_of(request.direction);
    if (command.direction != DataDirection::none)
        command.data = file.data(waiting.slot);
    command.timeout = std::chrono::milliseconds(request.timeout_ms);
    const auto done = [keep = waiting.file, slot = waiting.slot](const Completion& completion) {
        keep->complete(slot, completion);
    };
    switch (transport_->submit(command, done).error) {
    case SubmitError::none:
        return true;
    case SubmitError::busy:
    case SubmitError::not_connected:
        return false;
    case SubmitError::bad_command:
        break;
    }
    file.refuse(waiting.slot, EINVAL);
    return true;
}

void Vhost::reset(const Waiting& waiting) {
    const auto done = [keep = waiting.file, slot = waiting.slot](bool success) {
        if (success)
            keep->complete(slot, {});
        else
            keep->refuse(slot, EIO);
    };
    transport_->reset(waiting.file->address(), done);
}

void Vhost::submit_queued() {
    bool submitted = false;
    while (!queue_.empty() && transport_->connected()) {
        const bool is_reset = is_reset_request(queue_.front().file->order(queue_.front().slot));
        if (!is_reset && transport_->free_slots() == 0)
            break;
        // Out of the queue first: a handler may be called at once, and look at it.
        Waiting waiting = std::move(queue_.front());
        queue_.pop_front();
        if (is_reset) {
            reset(waiting);
        } else if (!submit(waiting)) {
            queue_.push_front(std::move(waiting));
            break;
        }
        submitted = true;
    }
    if (submitted)
        transport_->flush();
}

void Vhost::expire(Clock::time_point now) {
    if (transport_->connected())
        return;
    std::erase_if(queue_, [now](const Waiting& waiting) {
        if (waiting.until > now)
            return false;
        if (is_reset_request(waiting.file->order(waiting.slot)))
            waiting.file->refuse(waiting.slot, EIO);
        else
            end_with_host(*waiting.file, waiting.slot, Host::no_connect);
        return true;
    });
}

void Vhost::pump() {
    do
        submit_queued();
    while (transport_->poll() != 0);
    if (!queue_.empty())
        expire(Clock::now());
}

bool Vhost::prepare_to_sleep() {
    return transport_->prepare_to_sleep();
}

std::optional<Clock::time_point> Vhost::deadline() const noexcept {
    if (queue_.empty() || transport_->connected())
        return {};
    return std::ranges::min_element(queue_, {}, &Waiting::until)->until;
}

} // namespace pvscsi::run
