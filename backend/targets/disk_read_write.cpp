// READ and WRITE. What lies in memory is moved by the queue, straight from and to its place.
#include "backend/targets/disk.hpp"

#include <algorithm>

namespace pvscsi::backend {

namespace condition = scsi::condition;
namespace op = scsi::opcode;
using scsi::BlockRange;

namespace {
constexpr std::uint8_t fua = 0x08;

/// The 6-byte commands have no flags: the bit is part of the address there.
bool has_fua(const Request& request) {
    const auto& cdb = request.cdb().padded();
    return cdb[0] >= 0x20 && (cdb[1] & fua) != 0;
}
} // namespace

Step Disk::read(Request& request) noexcept {
    const BlockRange range = scsi::block_range(request.cdb().padded());
    if (!within(range)) [[unlikely]]
        return out_of_range(request);
    const std::uint64_t size = bytes(range.blocks);
    if (!memory_.empty()) {
        request.outcome.data_in = memory_.subspan(bytes(range.lba), size);
        return Step::done;
    }
    if (moves_nothing_) {
        request.outcome.unmoved =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(size, request.length()));
        return Step::done;
    }
    return read_blocks(request, range, has_fua(request));
}

Step Disk::write(Request& request) noexcept {
    const BlockRange range = scsi::block_range(request.cdb().padded());
    if (!within(range)) [[unlikely]]
        return out_of_range(request);
    const std::uint64_t size = bytes(range.blocks);
    if (size == 0)
        return Step::done;
    if (request.length() < size || request.direction() != ring::Direction::to_device) [[unlikely]]
        return fail(request, condition::invalid_field_in_cdb);
    if (!memory_.empty()) {
        request.want_data(memory_.subspan(bytes(range.lba), size));
        return Step::need_data;
    }
    if (moves_nothing_) {
        request.outcome.consumed = static_cast<std::uint32_t>(size);
        return Step::done;
    }
    Task* task = begin(request, stage<&Disk::write_fetch>);
    if (!task)
        return task_set_full(request);
    task->range = range;
    task->writes = true;
    task->durable_write = wants_durable(request);
    return run(*task);
}

Progress Disk::write_fetch(Task& task) noexcept {
    return fetch(task, bytes(task.range.blocks), stage<&Disk::write_medium>,
                 condition::invalid_field_in_cdb);
}

Progress Disk::write_medium(Task& task) noexcept {
    if (!enter(task))
        return Progress::parked;
    task.kind = MediumOp::Kind::write;
    task.durable = task.durable_write;
    task.offset = bytes(task.range.lba);
    task.data = task.out;
    task.stage = stage<&Disk::done>;
    return Progress::io;
}

Progress Disk::done(Task&) noexcept {
    return Progress::done;
}

bool Disk::wants_durable(const Request& request) const noexcept {
    return !write_cache_ || has_fua(request);
}

Step Disk::out_of_range(Request& request) noexcept {
    const scsi::Condition news = look_at_medium();
    return fail(request, news != condition::none ? news : condition::lba_out_of_range);
}

Task* Disk::begin_range(Request& request, Stage first) noexcept {
    const BlockRange range = scsi::block_range(request.cdb().padded());
    if (!within(range)) {
        out_of_range(request);
        return nullptr;
    }
    Task* task = begin(request, first);
    if (!task) {
        task_set_full(request);
        return nullptr;
    }
    task->range = range;
    task->durable_write = wants_durable(request);
    return task;
}

std::span<std::byte> Disk::pass_through(Request& request, std::size_t size) noexcept {
    constexpr std::size_t most = 256 * 1024;
    constexpr std::size_t least = 4096;
    for (std::size_t piece = most; piece >= least; piece /= 2)
        if (const auto memory = request.buffer(piece); memory.size() >= piece)
            return memory.first(std::min(piece, size));
    return {};
}

} // namespace pvscsi::backend
