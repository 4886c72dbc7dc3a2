#include "frontend/queue.hpp"

#include <algorithm>

namespace pvscsi::frontend {

std::string_view to_string(Fault fault) noexcept {
    switch (fault) {
    case Fault::too_many_responses:
        return "the backend published more responses than there are requests";
    case Fault::response_index_backwards:
        return "the backend moved its response index backwards";
    case Fault::unknown_tag:
        return "the backend answered a request that is not in flight";
    case Fault::bad_residual:
        return "the backend reported more data left than was asked for";
    case Fault::bad_sense_length:
        return "the backend reported more sense data than fits in a response";
    }
    return "the backend broke the protocol";
}

Queue::Queue(GrantedMemory& memory, std::size_t bounce_pages, const Timing& timing)
    : memory_(memory), pool_(memory, bounce_pages), timing_(timing) {}

void Queue::attach(Link& link, unsigned segments) {
    const std::size_t descriptors =
        (segments + ring::segments_per_page - 1) / ring::segments_per_page;
    for (Slot& slot : slots_)
        slot.pages.reserve(segments + descriptors);
    max_segments_ = segments;
    answered_ = false;
    link_ = &link;
}

void Queue::detach() {
    link_ = nullptr;
    fail_in_flight();
    pool_.renew();
    next_deadline_ = TimePoint::max();
}

std::size_t Queue::max_transfer() const noexcept {
    // Data in a Buffer may start anywhere in a page: then it touches one page more.
    const std::size_t in_place = (max_segments_ - 1) * hv::page_size;
    const std::size_t descriptors =
        max_segments_ / ring::segments_per_page + (max_segments_ > ring::max_direct_segments);
    const std::size_t bounced = (pool_.max_pages() - descriptors) * hv::page_size;
    return std::min(in_place, bounced);
}

unsigned Queue::free_slots() const noexcept {
    const auto free = static_cast<unsigned>(std::popcount(free_));
    const auto wanted = static_cast<unsigned>(pending_.size());
    return link_ && free > wanted ? free - wanted : 0;
}

unsigned Queue::in_flight() const noexcept {
    return ring::ring_size - static_cast<unsigned>(std::popcount(free_));
}

bool Queue::busy(const ring::Address& address, CommandId last) const noexcept {
    return std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
        return slot.use == Slot::Use::command && slot.address == address && slot.id <= last;
    });
}

bool Queue::arm() noexcept {
    if (attention_)
        return false;
    if (!link_)
        return true;
    link_->ring().arm();
    link_->unmask();
    // A fault is for the next drain() to find.
    const auto waiting = link_->ring().available();
    return waiting && *waiting == 0;
}

} // namespace pvscsi::frontend
