// What the queue has the flight recorder keep: every command of a unit, from its coming to its
// answer, and what became of ABORTs and RESETs.
#include "backend/queue.hpp"

namespace pvscsi::backend {

void Queue::record_begin(Slot& slot, const Lun& lun) noexcept {
    if (!lun.recorder)
        return;
    slot.recorded = lun.recorder->begin(slot, worker_.turn_time());
    slot.recorder = slot.recorded == flight::Recorder::none ? nullptr : lun.recorder.get();
}

void Queue::record_end(Slot& slot, flight::End how) noexcept {
    if (slot.recorder == nullptr)
        return;
    slot.recorder->end(slot.recorded, slot, how, worker_.turn_time());
    slot.recorder = nullptr;
    if (slot.kept_recorder)
        slot.kept_recorder.reset();
}

/// One that the unit does not get; its outcome is set, and its data no reason to fail.
void Queue::record_at_once(Slot& slot, const Lun& lun) noexcept {
    record_begin(slot, lun);
    record_end(slot, flight::End::answered);
}

/// Its LUN may go before an ABORT has its answer.
void Queue::record_task_management(Slot& manager) noexcept {
    const Lun* const lun = luns_.find(manager.command.address());
    if (lun == nullptr)
        return;
    record_begin(manager, *lun);
    if (manager.recorder != nullptr)
        manager.kept_recorder = lun->recorder;
}

} // namespace pvscsi::backend
