// A command in execution that takes more than one step: fetch data-out, read, compare, write...
#pragma once

#include "backend/request.hpp"
#include "backend/targets/medium.hpp"
#include "common/scsi/opcode.hpp"

namespace pvscsi::backend {

class EmulatedUnit;
struct Task;

/// What a stage wants next. It has set task.stage to what follows.
enum class Progress : std::uint8_t {
    again,     ///< the next stage at once
    io,        ///< submit the task as a medium operation, then the next stage
    need_data, ///< the data-out that want_data() named, then the next stage
    parked,    ///< stop until another task has left, then this stage again
    done,      ///< the outcome is set
};

using Stage = Progress (*)(EmulatedUnit&, Task&) noexcept;

struct Task final : MediumOp {
    void ended() noexcept override;

    EmulatedUnit* unit = nullptr;
    Request* request = nullptr; ///< null: this task is free
    Stage stage = nullptr;
    scsi::BlockRange range;     ///< what the command is about
    std::uint64_t progress = 0; ///< how much of it is done, in the command's own unit
    std::span<std::byte> out;   ///< data-out, where it was fetched to
    std::span<std::byte> chunk; ///< memory for data that passes through
    bool durable_write = false;
    bool flag = false; ///< for the command's own use

    bool in_medium = false;
    bool entered = false; ///< holds what it asked for with EmulatedUnit::enter()
    bool writes = false;
    bool exclusive = false;     ///< no other task may write meanwhile
    bool needs_scratch = false; ///< uses the unit's scratch memory
    bool parked = false;
    scsi::HostCode stop = scsi::HostCode::ok; ///< why it is to end early, if it is
};

/// A member function as a Stage.
template <auto Member>
struct StageOf;
template <class Unit, Progress (Unit::*Member)(Task&) noexcept>
struct StageOf<Member> {
    static Progress call(EmulatedUnit& unit, Task& task) noexcept {
        return (static_cast<Unit&>(unit).*Member)(task);
    }
};
template <auto Member>
inline constexpr Stage stage = &StageOf<Member>::call;

} // namespace pvscsi::backend
