// VERIFY, WRITE AND VERIFY and PRE-FETCH (SBC-4 5.37 ff, 5.52 ff, 5.13).
//
// Compared in pieces through the unit's scratch memory; what need not be compared is read to see
// that it can be.
#include "backend/targets/disk.hpp"

#include <algorithm>
#include <cstring>

namespace pvscsi::backend {

namespace condition = scsi::condition;

namespace {
enum ByteCheck : unsigned { medium_only = 0, compare = 1, reserved = 2, compare_one = 3 };

unsigned byte_check(const Request& request) {
    return request.cdb().padded()[1] >> 1 & 3u;
}
} // namespace

Step Disk::verify(Request& request) noexcept {
    const unsigned check = byte_check(request);
    if (check == reserved)
        return fail_field(request, 1, 2);
    Task* task = begin_range(request, check == medium_only ? stage<&Disk::verify_read>
                                                           : stage<&Disk::verify_fetch>);
    if (!task)
        return Step::done;
    // Memory can always be read: a long range need not be walked.
    if (check == medium_only && (!memory_.empty() || moves_nothing_))
        task->stage = stage<&Disk::done>;
    task->flag = check == compare_one;
    return run(*task);
}

Progress Disk::verify_fetch(Task& task) noexcept {
    const std::uint64_t blocks =
        task.flag ? std::min<std::uint64_t>(task.range.blocks, 1) : task.range.blocks;
    task.needs_scratch = true;
    return fetch(task, bytes(blocks), stage<&Disk::verify_read>, condition::invalid_field_in_cdb);
}

Progress Disk::verify_read(Task& task) noexcept {
    const std::uint64_t left = bytes(task.range.blocks) - task.progress;
    if (left == 0)
        return Progress::done;
    if (task.needs_scratch) {
        if (!enter(task))
            return Progress::parked;
        task.data = scratch().first(std::min<std::uint64_t>(left, scratch().size()));
    } else {
        task.data = pass_through(*task.request, left);
        if (task.data.empty())
            return failed(fail(*task.request, condition::internal_failure));
    }
    task.kind = MediumOp::Kind::read;
    task.offset = bytes(task.range.lba) + task.progress;
    task.stage = stage<&Disk::verify_compare>;
    return Progress::io;
}

Progress Disk::verify_compare(Task& task) noexcept {
    const std::size_t size = task.data.size();
    if (task.needs_scratch) {
        const std::size_t block = limits().block_size;
        const std::size_t step = task.flag ? block : size;
        for (std::size_t at = 0; at < size; at += step) {
            const auto expected = task.flag ? task.out : task.out.subspan(task.progress, size);
            const auto found = task.data.subspan(at, step);
            const auto differs = std::ranges::mismatch(found, expected).in1 - found.begin();
            if (static_cast<std::size_t>(differs) < step)
                return failed(
                    fail_at(*task.request, condition::miscompare,
                            static_cast<std::uint64_t>(differs) + (task.flag ? 0 : task.progress)));
        }
    }
    task.progress += size;
    task.stage = stage<&Disk::verify_read>;
    return Progress::again;
}

Step Disk::write_and_verify(Request& request) noexcept {
    const unsigned check = byte_check(request);
    if (check == reserved || check == compare_one)
        return fail_field(request, 1, 2);
    Task* task = begin_range(request, stage<&Disk::write_then_verify>);
    if (!task)
        return Step::done;
    task->writes = true;
    task->needs_scratch = true;
    return run(*task);
}

Progress Disk::write_then_verify(Task& task) noexcept {
    return fetch(task, bytes(task.range.blocks), stage<&Disk::verify_written>,
                 condition::invalid_field_in_cdb);
}

/// On the medium first: reading back what is in a cache would verify nothing.
Progress Disk::verify_written(Task& task) noexcept {
    if (task.out.empty())
        return Progress::done;
    if (!enter(task))
        return Progress::parked;
    task.kind = MediumOp::Kind::write;
    task.durable = true;
    task.offset = bytes(task.range.lba);
    task.data = task.out;
    task.stage = stage<&Disk::verify_read>;
    return Progress::io;
}

/// There is no cache of ours to fetch into, so the status is GOOD and not CONDITION MET.
Step Disk::pre_fetch(Request& request) noexcept {
    return within(scsi::block_range(request.cdb().padded())) ? Step::done : out_of_range(request);
}

} // namespace pvscsi::backend
