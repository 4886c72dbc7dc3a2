// Requests into the ring: where a command's data lies, and how the request says so.
#include "frontend/queue.hpp"

#include <algorithm>
#include <cstring>

namespace pvscsi::frontend {

namespace {

constexpr std::size_t pages_for(std::size_t bytes) noexcept {
    return (bytes + hv::page_size - 1) / hv::page_size;
}

/// Pages of descriptors that a request with so many segments needs; 0: they fit in the request.
constexpr std::size_t descriptor_pages(std::size_t segments) noexcept {
    return segments <= ring::max_direct_segments
               ? 0
               : (segments + ring::segments_per_page - 1) / ring::segments_per_page;
}

ring::WireDirection wire_direction(const ScsiCommand& command) noexcept {
    if (command.data.empty())
        return ring::WireDirection::none;
    return command.direction == DataDirection::to_device ? ring::WireDirection::to_device
                                                         : ring::WireDirection::from_device;
}

std::uint16_t wire_timeout(std::chrono::milliseconds timeout) noexcept {
    if (timeout.count() <= 0)
        return 0;
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(timeout).count();
    return static_cast<std::uint16_t>(std::min<std::int64_t>(seconds, 0xffff));
}

/// Cuts `size` bytes from `offset` of a run of pages on at the pages' ends.
template <class Emit>
void for_each_piece(std::size_t offset, std::size_t size, Emit&& emit) noexcept {
    while (size > 0) {
        const std::size_t start = offset % hv::page_size;
        const std::size_t length = std::min(size, hv::page_size - start);
        emit(offset / hv::page_size, static_cast<std::uint16_t>(start),
             static_cast<std::uint16_t>(length));
        offset += length;
        size -= length;
    }
}

} // namespace

SubmitResult Queue::submit(const ScsiCommand& command, CompletionHandler& done) {
    if (!link_)
        return {0, SubmitError::not_connected};
    if (command.cdb.empty() || command.cdb.size() > ring::max_cdb_size ||
        (command.direction == DataDirection::none && !command.data.empty()))
        return {0, SubmitError::bad_command};
    if (free_slots() == 0)
        return {0, SubmitError::busy};

    Slot& slot = slots_[static_cast<unsigned>(std::countr_zero(free_))];
    wire_.nr_segments = 0;
    if (!command.data.empty())
        if (const SubmitError error = place_data(command, slot); error != SubmitError::none)
            return {0, error};

    wire_.act = static_cast<std::uint8_t>(ring::WireAction::cdb);
    wire_.cmd_len = static_cast<std::uint8_t>(command.cdb.size());
    wire_.cmnd = {};
    std::copy(command.cdb.begin(), command.cdb.end(), wire_.cmnd.begin());
    wire_.timeout_per_command = wire_timeout(command.timeout);
    wire_.ref_rqid = 0;
    wire_.sc_data_direction = static_cast<std::uint8_t>(wire_direction(command));

    slot.requested = static_cast<std::uint32_t>(command.data.size());
    slot.id = ++sequence_ << slot_bits | static_cast<std::size_t>(&slot - slots_.data());
    slot.done.swap(done);
    if (command.timeout.count() > 0) {
        slot.deadline = Clock::now() + command.timeout;
        next_deadline_ = std::min(next_deadline_, slot.deadline);
    }
    start(slot, Slot::Use::command,
          {command.address.channel, command.address.target, command.address.lun});
    return {slot.id, SubmitError::none};
}

/// Puts the request that `wire_` holds into the ring as that of `slot`.
void Queue::start(Slot& slot, Slot::Use use, const ring::Address& address) noexcept {
    slot.use = use;
    slot.address = address;
    free_ &= ~(1u << (&slot - slots_.data()));
    wire_.rqid = tag_of(slot);
    wire_.channel = address.channel;
    wire_.id = address.target;
    wire_.lun = address.lun;
    link_->ring().put(wire_);
}

SubmitError Queue::place_data(const ScsiCommand& command, Slot& slot) {
    if (const Region* region = memory_.find(command.data))
        return place_in_region(*region, command.data, slot);
    return bounce(command, slot);
}

/// Data in a Buffer: its own pages are named.
SubmitError Queue::place_in_region(const Region& region, std::span<std::byte> data, Slot& slot) {
    const auto offset = static_cast<std::size_t>(data.data() - region.begin);
    const std::size_t segments = pages_for(offset % hv::page_size + data.size());
    if (segments > max_segments_)
        return SubmitError::bad_command;
    if (const std::size_t pages = descriptor_pages(segments); pages > 0)
        if (!pool_.take(pages, slot.pages))
            return pool_.in_use() > 0 ? SubmitError::busy : SubmitError::bad_command;
    write_segments(segments, slot, 0, [&](auto&& emit) {
        for_each_piece(offset, data.size(), [&](std::size_t page, auto start, auto length) {
            emit(ring::WireSegment{region.refs[page].value(), start, length});
        });
    });
    return SubmitError::none;
}

/// Data elsewhere: it goes through pages of the pool.
SubmitError Queue::bounce(const ScsiCommand& command, Slot& slot) {
    const std::span<std::byte> data = command.data;
    const std::size_t pages = pages_for(data.size());
    if (pages > max_segments_ || pages + descriptor_pages(pages) > pool_.max_pages())
        return SubmitError::bad_command;
    if (!pool_.take(pages + descriptor_pages(pages), slot.pages))
        return pool_.in_use() > 0 ? SubmitError::busy : SubmitError::bad_command;

    const bool out = command.direction == DataDirection::to_device;
    slot.copy_to = out ? nullptr : data.data();
    write_segments(pages, slot, pages, [&](auto&& emit) {
        for_each_piece(0, data.size(), [&](std::size_t i, auto start, auto length) {
            std::byte* page = pool_.at(slot.pages[i]);
            // A device that sends less than it says must not show what was in the page before.
            if (out)
                std::memcpy(page, data.data() + i * hv::page_size, length);
            else
                std::memset(page, 0, length);
            emit(ring::WireSegment{pool_.ref(slot.pages[i]).value(), start, length});
        });
    });
    return SubmitError::none;
}

/// Writes the `count` segments that `pieces` emits into the request, or, if they are too many,
/// into the slot's pages from number `descriptors_at` on.
template <class Pieces>
void Queue::write_segments(std::size_t count, const Slot& slot, std::size_t descriptors_at,
                           Pieces&& pieces) noexcept {
    const std::size_t pages = descriptor_pages(count);
    if (pages == 0) {
        ring::WireSegment* next = wire_.seg.data();
        pieces([&](const ring::WireSegment& segment) { *next++ = segment; });
        wire_.nr_segments = static_cast<std::uint8_t>(count);
        return;
    }
    std::size_t n = 0;
    pieces([&](const ring::WireSegment& segment) {
        std::byte* page = pool_.at(slot.pages[descriptors_at + n / ring::segments_per_page]);
        std::memcpy(page + n % ring::segments_per_page * sizeof segment, &segment, sizeof segment);
        ++n;
    });
    for (std::size_t i = 0; i < pages; ++i) {
        const std::size_t here =
            std::min<std::size_t>(count - i * ring::segments_per_page, ring::segments_per_page);
        wire_.seg[i] = {pool_.ref(slot.pages[descriptors_at + i]).value(), 0,
                        static_cast<std::uint16_t>(here * sizeof(ring::WireSegment))};
    }
    wire_.nr_segments = static_cast<std::uint8_t>(ring::indirect_flag | pages);
}

} // namespace pvscsi::frontend
