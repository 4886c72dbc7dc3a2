// What the session knows of one request in flight. There are as many as ring slots.
#pragma once

#include "frontend/include/pvscsi/frontend.hpp"
#include "frontend/page_pool.hpp"
#include "frontend/timing.hpp"
#include "ring/command.hpp"

namespace pvscsi::frontend {

using TaskHandler = std::function<void(bool success)>;

struct Slot {
    enum class Use : std::uint8_t { free, command, task };
    /// How far recovery of a command has gone.
    enum class Stage : std::uint8_t { running, aborting, resetting };

    Use use = Use::free;
    Stage stage = Stage::running;
    /// Counts the slot's uses; part of the tag, so that an answer that comes twice is noticed.
    std::uint16_t generation = 0;
    std::uint32_t requested = 0; ///< bytes of data
    CommandId id = 0;
    std::byte* copy_to = nullptr; ///< where bounced data-in goes
    PageList pages;               ///< bounce pages, then descriptor pages
    TimePoint deadline = TimePoint::max();
    ring::Address address;
    CompletionHandler done;
    TaskHandler task_done;
};

} // namespace pvscsi::frontend
