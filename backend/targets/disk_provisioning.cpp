// WRITE SAME and UNMAP (SBC-4 5.57, 5.36). There is no GET LBA STATUS: which blocks of a file are
// holes only a call that may block would tell.
//
// The same block many times over is written from slot memory in pieces, or, when it is zeros and
// may be, given back to the backing: discarded blocks read as zeros (LBPRZ).
#include "backend/targets/disk.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>
#include <cstring>

namespace pvscsi::backend {

namespace condition = scsi::condition;
namespace op = scsi::opcode;

namespace {
constexpr std::uint8_t unmap_bit = 0x08;
constexpr std::uint8_t no_data_out = 0x01;
constexpr std::size_t unmap_header = 8;
constexpr std::size_t unmap_descriptor = 16;
constexpr std::size_t most_descriptors = 255;

// Ends soon, on memory too, where it is done in the worker's own time.
constexpr std::uint64_t most_same_blocks = 0xffff;
} // namespace

std::uint64_t Disk::write_same_limit() const noexcept {
    return most_same_blocks;
}

/// In blocks, for the field of the block limits page.
std::uint64_t Disk::unmap_limit() const noexcept {
    const std::uint64_t most = limits().discard_limit >> shift_;
    return most == 0 ? 0xffffffff : most;
}

Step Disk::write_same(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    const bool unmapping = (cdb[1] & unmap_bit) != 0;
    if (unmapping && !limits().discard)
        return fail_field(request, 1, 3);
    // None at all would mean "to the end", of which block limits say that there is no such thing.
    const std::uint64_t blocks = scsi::block_range(cdb).blocks;
    if (blocks == 0 || blocks > write_same_limit())
        return fail_field(request, cdb[0] == op::write_same_16 ? 10 : 7);
    Task* task = begin_range(request, stage<&Disk::same_fetch>);
    if (!task)
        return Step::done;
    task->durable_write = !write_cache_; // these have no FUA bit
    task->writes = true;
    return run(*task);
}

Progress Disk::same_fetch(Task& task) noexcept {
    const auto& cdb = task.request->cdb().padded();
    const bool none = cdb[0] == op::write_same_16 && (cdb[1] & no_data_out) != 0;
    const std::size_t size = none ? 0 : limits().block_size;
    // One block, neither less nor more: it would be unclear which one is meant.
    if (task.request->length() != size)
        return failed(fail(*task.request, condition::invalid_field_in_cdb));
    return fetch(task, size, stage<&Disk::same_begin>, condition::invalid_field_in_cdb);
}

Progress Disk::same_begin(Task& task) noexcept {
    if (!enter(task))
        return Progress::parked;
    const auto& cdb = task.request->cdb().padded();
    const bool zeros = std::ranges::all_of(task.out, [](std::byte b) { return b == std::byte{0}; });
    if ((cdb[1] & unmap_bit) != 0 && zeros) {
        task.stage = stage<&Disk::discard_range>;
        return Progress::again;
    }
    task.chunk = pass_through(*task.request, bytes(task.range.blocks));
    if (task.chunk.size() < limits().block_size)
        return failed(fail(*task.request, condition::internal_failure));
    if (task.out.empty())
        std::ranges::fill(task.chunk, std::byte{0});
    else // the first block lies at the start of the same memory
        for (std::size_t at = task.out.size(); at < task.chunk.size(); at += task.out.size())
            std::memcpy(task.chunk.data() + at, task.chunk.data(), task.out.size());
    task.stage = stage<&Disk::same_write>;
    return Progress::again;
}

Progress Disk::same_write(Task& task) noexcept {
    const std::uint64_t left = bytes(task.range.blocks) - task.progress;
    if (left == 0)
        return Progress::done;
    task.kind = MediumOp::Kind::write;
    task.durable = task.durable_write;
    task.offset = bytes(task.range.lba) + task.progress;
    task.data = task.chunk.first(std::min<std::uint64_t>(left, task.chunk.size()));
    task.progress += task.data.size();
    return Progress::io;
}

Progress Disk::discard_range(Task& task) noexcept {
    task.kind = MediumOp::Kind::discard;
    task.offset = bytes(task.range.lba);
    task.length = bytes(task.range.blocks);
    task.stage = stage<&Disk::done>;
    return Progress::io;
}

Step Disk::unmap(Request& request) noexcept {
    const std::size_t length = load_be16(request.cdb().padded(), 7);
    if (!limits().discard)
        return fail(request, condition::invalid_opcode);
    if (length == 0)
        return Step::done;
    if (length < unmap_header)
        return fail(request, condition::parameter_list_length);
    Task* task = begin(request, stage<&Disk::unmap_fetch>);
    if (!task)
        return task_set_full(request);
    task->writes = true;
    return run(*task);
}

Progress Disk::unmap_fetch(Task& task) noexcept {
    const std::size_t length = load_be16(task.request->cdb().padded(), 7);
    return fetch(task, length, stage<&Disk::unmap_check>, condition::parameter_list_length);
}

/// All descriptors before the first one is done, so that a wrong one changes nothing.
Progress Disk::unmap_check(Task& task) noexcept {
    Request& request = *task.request;
    const auto list = as_u8(task.out);
    const std::size_t length =
        std::min<std::size_t>(load_be16(list, 2), list.size() - unmap_header);
    const std::size_t count = length / unmap_descriptor;
    if (count > most_descriptors)
        return failed(fail_parameter(request, 2));
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = unmap_header + i * unmap_descriptor;
        const scsi::BlockRange range{load_be64(list, at), load_be32(list, at + 8)};
        if (!within(range))
            return failed(out_of_range(request));
        total += range.blocks;
        if (total > unmap_limit())
            return failed(fail_parameter(request, static_cast<unsigned>(at + 8)));
    }
    task.out = task.out.first(unmap_header + count * unmap_descriptor);
    task.progress = unmap_header;
    task.stage = stage<&Disk::unmap_next>;
    return Progress::again;
}

Progress Disk::unmap_next(Task& task) noexcept {
    if (!enter(task))
        return Progress::parked;
    const auto list = as_u8(task.out);
    for (; task.progress < list.size(); task.progress += unmap_descriptor) {
        const std::uint64_t count = load_be32(list, task.progress + 8);
        if (count == 0)
            continue;
        task.kind = MediumOp::Kind::discard;
        task.offset = bytes(load_be64(list, task.progress));
        task.length = bytes(count);
        task.progress += unmap_descriptor;
        return Progress::io;
    }
    return Progress::done;
}

} // namespace pvscsi::backend
