// COMPARE AND WRITE and ORWRITE (SBC-4 5.3, 5.10): nothing else writes between their read and their
// write.
#include "backend/targets/disk.hpp"

#include <algorithm>

namespace pvscsi::backend {

namespace condition = scsi::condition;
namespace op = scsi::opcode;

/// Blocks that the scratch memory holds; the field of the block limits page has 8 bits.
unsigned Disk::atomic_limit() const noexcept {
    return static_cast<unsigned>(std::min<std::size_t>(scratch_size >> shift_, 255));
}

Step Disk::compare_and_write(Request& request) noexcept {
    if (request.cdb().padded()[13] > atomic_limit())
        return fail_field(request, 13);
    Task* task = begin_range(request, stage<&Disk::atomic_fetch>);
    if (!task)
        return Step::done;
    task->exclusive = task->needs_scratch = true;
    return run(*task);
}

/// Longer than the scratch memory is not refused but done in pieces, each of them atomic as a
/// whole with the others, because nobody else writes until the last one is done.
Step Disk::or_write(Request& request) noexcept {
    Task* task = begin_range(request, stage<&Disk::atomic_fetch>);
    if (!task)
        return Step::done;
    task->exclusive = task->needs_scratch = true;
    return run(*task);
}

Progress Disk::atomic_fetch(Task& task) noexcept {
    const bool comparing = task.request->cdb().opcode() == op::compare_and_write;
    const std::uint64_t size = bytes(task.range.blocks) * (comparing ? 2 : 1);
    // With more than that it would be unclear where the second half starts.
    if (comparing && task.request->length() != size)
        return failed(fail(*task.request, condition::invalid_field_in_cdb));
    return fetch(task, size, stage<&Disk::atomic_read>, condition::invalid_field_in_cdb);
}

Progress Disk::atomic_read(Task& task) noexcept {
    const std::uint64_t left = bytes(task.range.blocks) - task.progress;
    if (left == 0)
        return Progress::done;
    if (!enter(task))
        return Progress::parked;
    const bool comparing = task.request->cdb().opcode() == op::compare_and_write;
    task.kind = MediumOp::Kind::read;
    task.data = scratch().first(std::min<std::uint64_t>(left, scratch().size()));
    task.offset = bytes(task.range.lba) + task.progress;
    task.stage = comparing ? stage<&Disk::compare_then_write> : stage<&Disk::or_then_write>;
    return Progress::io;
}

Progress Disk::compare_then_write(Task& task) noexcept {
    const std::size_t size = task.data.size();
    const auto expected = task.out.first(size);
    const auto differs = std::ranges::mismatch(task.data, expected).in1 - task.data.begin();
    if (static_cast<std::size_t>(differs) < size)
        return failed(
            fail_at(*task.request, condition::miscompare, static_cast<std::uint64_t>(differs)));
    task.kind = MediumOp::Kind::write;
    task.durable = task.durable_write;
    task.data = task.out.subspan(size);
    task.stage = stage<&Disk::done>;
    return Progress::io;
}

Progress Disk::or_then_write(Task& task) noexcept {
    const auto given = task.out.subspan(task.progress, task.data.size());
    std::ranges::transform(task.data, given, task.data.begin(), std::bit_or<>{});
    task.progress += task.data.size();
    task.kind = MediumOp::Kind::write;
    task.durable = task.durable_write;
    task.stage = stage<&Disk::atomic_read>;
    return Progress::io;
}

} // namespace pvscsi::backend
