// READ CAPACITY, SYNCHRONIZE CACHE, START STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL.
#include "backend/targets/disk.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>
#include <bit>

namespace pvscsi::backend {

namespace condition = scsi::condition;

Step Disk::read_capacity_10(Request& request) noexcept {
    if (const scsi::Condition news = look_at_medium(); news != condition::none)
        return fail(request, news);
    const auto data = parameter_data(request, 8);
    if (data.empty())
        return fail(request, condition::internal_failure);
    store_be32(data, 0, std::min<std::uint64_t>(blocks() - 1, 0xffffffff));
    store_be32(data, 4, limits().block_size);
    return answer(request, data, 8);
}

Step Disk::read_capacity_16(Request& request) noexcept {
    if (const scsi::Condition news = look_at_medium(); news != condition::none)
        return fail(request, news);
    const auto data = parameter_data(request, 32);
    if (data.empty())
        return fail(request, condition::internal_failure);
    store_be64(data, 0, blocks() - 1);
    store_be32(data, 8, limits().block_size);
    data[13] = static_cast<std::uint8_t>(std::countr_zero(limits().physical_block_size >> shift_));
    store_be16(data, 14, limits().lowest_aligned_block & 0x3fff);
    if (limits().discard)
        data[14] |= 0xc0; // LBPME, LBPRZ
    return answer(request, data, load_be32(request.cdb().padded(), 10));
}

/// IMMED is heard as a wish only: an answer that comes later can still say what went wrong.
Step Disk::synchronize_cache(Request& request) noexcept {
    Task* task = begin_range(request, stage<&Disk::sync_medium>);
    return task ? run(*task) : Step::done;
}

Progress Disk::sync_medium(Task& task) noexcept {
    task.kind = MediumOp::Kind::sync;
    task.stage = stage<&Disk::done>;
    return Progress::io;
}

/// A stopped disk refuses access to its medium until it is started. Power conditions other than
/// START_VALID have nothing to act on and are taken as done.
Step Disk::start_stop_unit(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    const unsigned power_condition = cdb[4] >> 4;
    if (power_condition != 0)
        return Step::done;
    const bool start = (cdb[4] & 0x01) != 0;
    const bool no_flush = (cdb[4] & 0x04) != 0;
    if (broken())
        return fail(request, readiness());
    set_readiness(start ? condition::none : condition::start_required);
    remember();
    if (start || no_flush)
        return Step::done;
    Task* task = begin(request, stage<&Disk::sync_medium>);
    return task ? run(*task) : task_set_full(request);
}

Step Disk::prevent_allow(Request&) noexcept {
    return Step::done; // nothing can be removed
}

} // namespace pvscsi::backend
