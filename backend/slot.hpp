// Everything that one request of a ring needs, made once with the connection: nothing is
// allocated between a request and its response. The number of slots is the ring's size, so a guest
// can't make the daemon hold more.
#pragma once

#include "backend/lun_map.hpp"
#include "backend/request.hpp"

namespace pvscsi::backend {

enum class SlotState : std::uint8_t {
    free,
    descriptors, ///< its indirect descriptors are on their way
    data_out,    ///< its data-out is on its way
    pending,     ///< with the target
    managing,    ///< an ABORT or RESET that waits for its victims
    finished,    ///< to be answered in this turn
};

struct Slot final : Request {
    Slot(RequestOwner& owner, unsigned number, unsigned max_segments,
         std::span<std::byte> slot_memory)
        : Request(owner), index(number), segments(max_segments), pages(ring::max_direct_segments),
          memory(slot_memory) {}

    const unsigned index;
    SlotState state = SlotState::free;
    bool copy_failed = false; ///< a grant of this request could not be used
    Lun* lun = nullptr;       ///< set from when the target gets the request until it is answered
    ring::SegmentList segments;
    ring::SegmentList pages; ///< descriptor pages of an indirect request
    const std::span<std::byte> memory;

    // Its entry in the flight recorder.
    flight::Recorder* recorder = nullptr;            ///< null: there is none
    unsigned recorded = 0;                           ///< its place there
    std::shared_ptr<flight::Recorder> kept_recorder; ///< of an ABORT, which keeps no LUN

    // Task management. A victim knows who waits for it, a bit each; the waiting one counts.
    std::uint32_t managers = 0;
    unsigned victims = 0;
    bool managed_well = false;
    std::uint64_t incarnation = 0; ///< of the slot's use: tells late answers from due ones
    std::chrono::steady_clock::time_point deadline{};
};

} // namespace pvscsi::backend
