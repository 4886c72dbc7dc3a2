// Dispatch and outcomes. Tasks are in unit_tasks.cpp, the common commands in spc.cpp, inquiry.cpp,
// mode.cpp and supported_opcodes.cpp.
#include "backend/targets/unit.hpp"

#include "backend/worker.hpp"
#include "common/base/bytes.hpp"
#include "common/base/log.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <system_error>
#include <utility>

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
    if (limits().shared)
        std::erase_if(rows_,
                      [](const CommandRow& row) { return (row.traits & needs_it_alone) != 0; });
    std::ranges::sort(rows_, {}, [](const CommandRow& row) {
        return std::pair(row.opcode(), row.service_action);
    });
    for (const CommandRow& row : rows_)
        if (!by_opcode_[row.opcode()])
            by_opcode_[row.opcode()] = &row;
    for (Task& task : tasks_)
        task.unit = this;
    self_ = std::make_shared<EmulatedUnit*>(this);
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
    context_ = &worker.context();
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
        remember();
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

void EmulatedUnit::drop(Request& request) noexcept {
    if (request.target_state)
        release(*static_cast<Task*>(request.target_state));
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

// --- the medium as a whole ----------------------------------------------------------------------

Condition EmulatedUnit::look_at_medium() noexcept {
    if (broken_)
        return readiness_;
    switch (const MediumNews news = medium_->refresh()) {
    case MediumNews::none:
        break;
    case MediumNews::grown:
        resized();
        remember();
        return condition::capacity_changed;
    case MediumNews::deleted:
        log::warning("target {}", medium_->describe(news));
        if (on_warning)
            on_warning(medium_->describe(news));
        break;
    case MediumNews::shrunk:
    case MediumNews::gone:
        break_down(news);
        return readiness_;
    }
    return condition::none;
}

void EmulatedUnit::keep_house() noexcept {
    // No command asked, so what is found waits for the next one.
    if (look_at_medium() == condition::capacity_changed)
        attention(condition::capacity_changed);
}

void EmulatedUnit::break_down(MediumNews why) noexcept {
    if (std::exchange(broken_, true))
        return;
    readiness_ = why == MediumNews::gone ? condition::medium_not_present : condition::unit_failure;
    const std::string reason = medium_->describe(why);
    log::error("target {}", reason);
    if (on_failure)
        on_failure(reason);
}

Step EmulatedUnit::fail_for_good(Request& request, MediumNews why) noexcept {
    break_down(why);
    return fail(request, readiness_);
}

void EmulatedUnit::attention(const Condition& why) noexcept {
    const auto waiting = std::span(attentions_).first(attention_count_);
    if (attention_count_ == attentions_.size() || std::ranges::find(waiting, why) != waiting.end())
        return;
    attentions_[attention_count_++] = why;
    remember();
}

} // namespace pvscsi::backend
