// Dispatch and the running of tasks. The common commands are in spc.cpp, inquiry.cpp, mode.cpp and
// supported_opcodes.cpp.
#include "backend/targets/unit.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <system_error>

namespace pvscsi::backend {

using scsi::Condition;
namespace condition = scsi::condition;

EmulatedUnit::EmulatedUnit(scsi::DeviceType type, UnitIdentity identity,
                           std::unique_ptr<Medium> medium, std::span<const CommandRow> commands,
                           ModePages mode_pages)
    : type_(type), identity_(std::move(identity)), medium_(std::move(medium)),
      mode_pages_(std::move(mode_pages)) {
    rows_.assign(commands.begin(), commands.end());
    const auto common = common_commands();
    rows_.insert(rows_.end(), common.begin(), common.end());
    std::ranges::sort(rows_, {}, [](const CommandRow& row) {
        return std::pair(row.opcode(), row.service_action);
    });
    for (const CommandRow& row : rows_)
        if (!by_opcode_[row.opcode()])
            by_opcode_[row.opcode()] = &row;
    for (Task& task : tasks_)
        task.unit = this;
    // Untouched pages take no memory: most units never use it.
    void* at =
        ::mmap(nullptr, scratch_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        throw std::system_error(errno, std::generic_category(), "mmap");
    scratch_ = {static_cast<std::byte*>(at), scratch_size};
}

EmulatedUnit::~EmulatedUnit() {
    ::munmap(scratch_.data(), scratch_.size());
}

void EmulatedUnit::attach(Worker& worker) {
    medium_->attach(worker);
}

void EmulatedUnit::detach() noexcept {
    medium_->detach();
}

// --- dispatch -----------------------------------------------------------------------------------

const CommandRow* EmulatedUnit::find(const ring::Cdb& cdb) const noexcept {
    const CommandRow* row = by_opcode_[cdb.opcode()];
    if (!row || !row->has_service_action())
        return row;
    const CommandRow* end = rows_.data() + rows_.size();
    for (; row != end && row->opcode() == cdb.opcode(); ++row)
        if (row->service_action == (cdb.padded()[1] & 0x1f))
            return row;
    return nullptr;
}

std::optional<std::pair<unsigned, unsigned>>
EmulatedUnit::forbidden_bit(const CommandRow& row, const ring::Cdb& cdb) const noexcept {
    for (unsigned byte = 1; byte < row.size; ++byte) {
        const unsigned given =
            row.has_service_action() && byte == 1 ? cdb.padded()[byte] & 0xe0u : cdb.padded()[byte];
        if (const unsigned wrong = given & ~unsigned{row.usage[byte]} & 0xff; wrong != 0)
            return std::pair(byte, static_cast<unsigned>(std::bit_width(wrong)) - 1);
    }
    return {};
}

namespace {
/// Any bit set in `cdb` that is not in `usage`, in two comparisons: every command comes by here.
bool exceeds(const std::array<std::uint8_t, 16>& cdb, const std::array<std::uint8_t, 16>& usage) {
    std::uint64_t given[2];
    std::uint64_t allowed[2];
    std::memcpy(given, cdb.data(), sizeof given);
    std::memcpy(allowed, usage.data(), sizeof allowed);
    return ((given[0] & ~allowed[0]) | (given[1] & ~allowed[1])) != 0;
}
} // namespace

Step EmulatedUnit::start(Request& request) noexcept {
    // Its last command was given up by the queue, whose data-out could not be fetched.
    if (request.target_state) [[unlikely]]
        release(*static_cast<Task*>(request.target_state));
    const ring::Cdb& cdb = request.cdb();
    const CommandRow* row = by_opcode_[cdb.opcode()];
    if (!row || row->has_service_action())
        row = find(cdb);
    if (!row || cdb.bytes().size() < row->size || exceeds(cdb.padded(), row->usage)) [[unlikely]]
        return refuse(row, request);
    return start_checked(*row, request);
}

/// A CDB that is not as its row says. Bytes after the row's size are no part of the command.
Step EmulatedUnit::refuse(const CommandRow* row, Request& request) noexcept {
    const ring::Cdb& cdb = request.cdb();
    if (!row)
        return by_opcode_[cdb.opcode()] ? fail_field(request, 1, 4)
                                        : fail(request, condition::invalid_opcode);
    if (cdb.bytes().size() < row->size)
        return fail_field(request, static_cast<unsigned>(cdb.bytes().size()));
    if (const auto wrong = forbidden_bit(*row, cdb))
        return fail_field(request, wrong->first, wrong->second);
    return start_checked(*row, request);
}

Step EmulatedUnit::start_checked(const CommandRow& row, Request& request) noexcept {
    if (attention_count_ > 0 && (row.traits & ignores_attention) == 0) [[unlikely]] {
        const Condition first = attentions_[0];
        std::shift_left(attentions_.begin(), attentions_.end(), 1);
        --attention_count_;
        return fail(request, first);
    }
    if ((row.traits & needs_medium) != 0 && readiness_ != condition::none) [[unlikely]]
        return fail(request, readiness_);
    if ((row.traits & changes_medium) != 0 && write_protection_ != condition::none) [[unlikely]]
        return fail(request, write_protection_);
    return row.handler(*this, request);
}

Step EmulatedUnit::resume(Request& request) noexcept {
    if (!request.target_state) { // data-out that went straight to where it belongs
        request.outcome.consumed = static_cast<std::uint32_t>(request.data().size());
        return Step::done;
    }
    return run(*static_cast<Task*>(request.target_state));
}

// --- outcomes -----------------------------------------------------------------------------------

Step EmulatedUnit::fail(Request& request, const Condition& why) noexcept {
    request.outcome.status = scsi::Status::check_condition;
    request.outcome.sense = scsi::sense_of(why);
    return Step::done;
}

Step EmulatedUnit::fail_field(Request& request, unsigned byte,
                              std::optional<unsigned> bit) noexcept {
    const Condition& why = condition::invalid_field_in_cdb;
    request.outcome.status = scsi::Status::check_condition;
    std::optional<std::uint8_t> number;
    if (bit)
        number = static_cast<std::uint8_t>(*bit);
    request.outcome.sense = scsi::Sense::illegal_field(why.asc, why.ascq, true,
                                                       static_cast<std::uint16_t>(byte), number);
    return Step::done;
}

Step EmulatedUnit::fail_parameter(Request& request, unsigned byte) noexcept {
    const Condition& why = condition::invalid_parameter;
    request.outcome.status = scsi::Status::check_condition;
    request.outcome.sense =
        scsi::Sense::illegal_field(why.asc, why.ascq, false, static_cast<std::uint16_t>(byte));
    return Step::done;
}

Step EmulatedUnit::fail_at(Request& request, const Condition& why,
                           std::uint64_t information) noexcept {
    // INFORMATION of fixed format has 32 bits; what does not fit is left out (D_SENSE is 0).
    if (information > 0xffffffff)
        return fail(request, why);
    request.outcome.status = scsi::Status::check_condition;
    request.outcome.sense = scsi::Sense::with_information(why.key, why.asc, why.ascq, information);
    return Step::done;
}

Step EmulatedUnit::task_set_full(Request& request) noexcept {
    request.outcome.status = scsi::Status::task_set_full;
    return Step::done;
}

std::span<std::uint8_t> EmulatedUnit::parameter_data(Request& request, std::size_t size) noexcept {
    const auto bytes = request.buffer(size);
    std::ranges::fill(bytes, std::byte{0});
    return as_writable_u8(bytes);
}

Step EmulatedUnit::answer(Request& request, std::span<const std::uint8_t> data,
                          std::size_t allocation_length) noexcept {
    request.outcome.data_in = std::as_bytes(data.first(std::min(data.size(), allocation_length)));
    return Step::done;
}

void EmulatedUnit::attention(const Condition& why) noexcept {
    const auto waiting = std::span(attentions_).first(attention_count_);
    if (attention_count_ < attentions_.size() && std::ranges::find(waiting, why) == waiting.end())
        attentions_[attention_count_++] = why;
}

// --- tasks --------------------------------------------------------------------------------------

void Task::ended() noexcept {
    unit->ended(*this);
}

Task* EmulatedUnit::begin(Request& request, Stage first) noexcept {
    if (busy_ == task_count || reset_done_)
        return nullptr;
    Task& task = *std::ranges::find(tasks_, nullptr, &Task::request);
    ++busy_;
    task.request = &request;
    task.stage = first;
    task.range = {};
    task.progress = 0;
    task.out = task.chunk = {};
    task.durable_write = task.flag = false;
    task.writes = task.exclusive = task.needs_scratch = false;
    task.stop = scsi::HostCode::ok;
    request.target_state = &task;
    return &task;
}

Step EmulatedUnit::run(Task& task) noexcept {
    for (;;) {
        if (task.stop != scsi::HostCode::ok) {
            task.request->outcome.host = task.stop;
            release(task);
            return Step::done;
        }
        switch (task.stage(*this, task)) {
        case Progress::again:
            break;
        case Progress::need_data:
            return Step::need_data;
        case Progress::parked:
            return Step::pending;
        case Progress::done:
            release(task);
            return Step::done;
        case Progress::io:
            task.medium = medium_.get();
            task.cancelling = false;
            task.transferred = 0;
            task.in_medium = true;
            if (!medium_->submit(task))
                return Step::pending;
            task.in_medium = false;
            if (task.error != MediumError::none) {
                report_medium_error(task);
                release(task);
                return Step::done;
            }
            break;
        }
    }
}

/// The medium has ended a task's operation, from the worker's loop.
void EmulatedUnit::ended(Task& task) noexcept {
    Request& request = *task.request;
    task.in_medium = false;
    Step step = Step::done;
    if (task.error == MediumError::none) {
        step = run(task);
    } else {
        report_medium_error(task);
        release(task);
    }
    assert(step != Step::need_data); // data-out comes before any operation
    if (step == Step::done)
        request.finish();
    unpark();
    finish_reset();
}

void EmulatedUnit::report_medium_error(Task& task) noexcept {
    Request& request = *task.request;
    request.outcome.consumed = 0;
    const std::uint64_t lba = (task.offset + task.transferred) / limits().block_size;
    switch (task.error) {
    case MediumError::none:
        break;
    case MediumError::read:
        fail_at(request, condition::unrecovered_read, lba);
        break;
    case MediumError::write:
        if (task.kind == MediumOp::Kind::sync)
            fail(request, condition::write_error);
        else
            fail_at(request, condition::write_error, lba);
        break;
    case MediumError::no_space:
        fail(request, condition::space_allocation_failed);
        break;
    case MediumError::protect:
        fail(request, condition::write_protected);
        break;
    case MediumError::gone:
        fail(request, condition::medium_not_present);
        break;
    case MediumError::busy:
        request.outcome.status = scsi::Status::busy;
        break;
    case MediumError::cancelled:
        request.outcome.host = task.stop != scsi::HostCode::ok ? task.stop : scsi::HostCode::abort;
        break;
    }
}

void EmulatedUnit::release(Task& task) noexcept {
    if (task.entered) {
        task.entered = false;
        if (exclusive_ == &task)
            exclusive_ = nullptr;
        else if (task.writes)
            --writers_;
        if (scratch_user_ == &task)
            scratch_user_ = nullptr;
    }
    task.request->target_state = nullptr;
    task.request = nullptr;
    --busy_;
}

Progress EmulatedUnit::fetch(Task& task, std::size_t size, Stage next,
                             const Condition& too_short) noexcept {
    Request& request = *task.request;
    if (size == 0) {
        task.stage = next;
        return Progress::again;
    }
    if (request.direction() != ring::Direction::to_device || request.length() < size)
        return failed(fail(request, too_short));
    task.out = request.buffer(size);
    if (task.out.size() < size)
        return failed(fail(request, too_short));
    task.out = task.out.first(size);
    request.outcome.consumed = static_cast<std::uint32_t>(size);
    request.want_data(task.out);
    task.stage = next;
    return Progress::need_data;
}

bool EmulatedUnit::enter(Task& task) noexcept {
    if (task.entered)
        return true;
    const bool others_first = parked_count_ > 0 && !task.parked;
    const bool writing = task.writes || task.exclusive;
    const bool blocked = others_first || (task.exclusive && writers_ > 0) ||
                         (writing && exclusive_) || (task.needs_scratch && scratch_user_);
    if (blocked) {
        if (!task.parked) {
            task.parked = true;
            parked_[parked_count_++] = &task;
        }
        return false;
    }
    task.entered = true;
    if (task.exclusive)
        exclusive_ = &task;
    else if (task.writes)
        ++writers_;
    if (task.needs_scratch)
        scratch_user_ = &task;
    return true;
}

/// First come, first served: stops at the first one that still has to wait.
void EmulatedUnit::unpark() noexcept {
    while (parked_count_ > 0) {
        Task& task = *parked_[0];
        Request& request = *task.request;
        const Step step = run(task);
        const bool still_waiting =
            step == Step::pending && !task.entered && task.request == &request;
        if (still_waiting)
            return;
        task.parked = false;
        std::shift_left(parked_.begin(), parked_.end(), 1);
        --parked_count_;
        if (step == Step::done)
            request.finish();
    }
}

// --- abort and reset ----------------------------------------------------------------------------

void EmulatedUnit::abort(Request& request) noexcept {
    auto* task = static_cast<Task*>(request.target_state);
    if (!task)
        return;
    task->stop = scsi::HostCode::abort;
    if (task->in_medium)
        medium_->cancel(*task);
}

void EmulatedUnit::reset(std::function<void(bool success)> done) noexcept {
    reset_done_ = std::move(done);
    for (Task& task : tasks_) {
        if (!task.request)
            continue;
        task.stop = scsi::HostCode::reset;
        if (task.in_medium)
            medium_->cancel(task);
    }
    finish_reset();
}

/// Not counted: tasks whose data-out is on its way. They stop when it is there.
bool EmulatedUnit::at_work() const noexcept {
    return std::ranges::any_of(
        tasks_, [](const Task& task) { return task.request && (task.in_medium || task.parked); });
}

void EmulatedUnit::finish_reset() noexcept {
    if (!reset_done_ || at_work())
        return;
    mode_pages_.restore();
    mode_changed();
    attention_count_ = 0;
    initial_state();
    attention(condition::unit_was_reset);
    std::exchange(reset_done_, nullptr)(true);
}

} // namespace pvscsi::backend
