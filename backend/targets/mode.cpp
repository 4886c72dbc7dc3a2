// MODE SENSE and MODE SELECT, both sizes (SPC-5 6.13, 6.16).
#include "backend/targets/unit.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>

namespace pvscsi::backend {

namespace condition = scsi::condition;
namespace op = scsi::opcode;

namespace {
constexpr std::uint8_t disable_block_descriptors = 0x08;
constexpr std::uint8_t long_lba_accepted = 0x10;
constexpr std::uint8_t page_format = 0x10;
constexpr std::size_t most_mode_data = 1024;

/// Fills in the mode parameter header; `size` is that of all the data.
void put_header(std::span<std::uint8_t> data, bool ten, std::size_t size, std::uint8_t device,
                std::size_t descriptor) {
    if (ten) {
        store_be16(data, 0, size - 2);
        data[3] = device;
        data[4] = descriptor == 16 ? 0x01 : 0x00; // LONGLBA
        store_be16(data, 6, descriptor);
    } else {
        data[0] = static_cast<std::uint8_t>(std::min<std::size_t>(size - 1, 0xff));
        data[2] = device;
        data[3] = static_cast<std::uint8_t>(descriptor);
    }
}
} // namespace

Step EmulatedUnit::mode_sense(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    const bool ten = cdb[0] == op::mode_sense_10;
    const auto control = static_cast<ModePages::Control>(cdb[2] >> 6);
    const std::uint8_t page = cdb[2] & 0x3f;
    if (control == ModePages::Control::saved)
        return fail(request, condition::saving_not_supported);
    if (!mode_pages_.has(page))
        return fail_field(request, 2, 5);
    if (cdb[3] != 0 && cdb[3] != ModePages::all_subpages)
        return fail_field(request, 3, 7);
    const auto data = parameter_data(request, most_mode_data);
    if (data.empty())
        return fail(request, condition::internal_failure);

    const std::size_t header = ten ? 8 : 4;
    std::size_t descriptor = 0;
    if ((cdb[1] & disable_block_descriptors) == 0)
        descriptor = block_descriptor((cdb[1] & long_lba_accepted) != 0, data.subspan(header));
    const std::size_t before = header + descriptor;
    const std::size_t size = before + mode_pages_.write(page, control, data.subspan(before));
    put_header(data, ten, size, device_specific_parameter(), descriptor);
    return answer(request, data.first(size), ten ? load_be16(cdb, 7) : cdb[4]);
}

Step EmulatedUnit::mode_select(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    const bool ten = cdb[0] == op::mode_select_10;
    if ((cdb[1] & page_format) == 0)
        return fail_field(request, 1, 4);
    if ((cdb[1] & 0x01) != 0) // SP: nothing can be saved
        return fail_field(request, 1, 0);
    const std::size_t length = ten ? load_be16(cdb, 7) : cdb[4];
    if (length == 0)
        return Step::done;
    Task* task = begin(request, nullptr);
    if (!task)
        return task_set_full(request);
    task->stage = stage<&EmulatedUnit::mode_select_fetch>;
    task->range.blocks = length;
    return run(*task);
}

Progress EmulatedUnit::mode_select_fetch(Task& task) noexcept {
    return fetch(task, task.range.blocks, stage<&EmulatedUnit::mode_select_apply>,
                 condition::parameter_list_length);
}

Progress EmulatedUnit::mode_select_apply(Task& task) noexcept {
    Request& request = *task.request;
    const bool ten = request.cdb().opcode() == op::mode_select_10;
    const std::size_t header = ten ? 8 : 4;
    const auto list = as_u8(task.out);
    if (list.size() < header)
        return failed(fail(request, condition::parameter_list_length));
    const std::size_t descriptor = ten ? load_be16(list, 6) : list[3];
    if (list.size() < header + descriptor)
        return failed(fail(request, condition::parameter_list_length));
    // The block descriptor may only say what is so already: there is no other block length.
    if (descriptor != 0) {
        std::array<std::uint8_t, 16> own{};
        const std::size_t size = block_descriptor(descriptor == 16, own);
        const std::size_t length_at = size == 16 ? 12 : 5;
        if (descriptor != size ||
            !std::equal(own.begin() + static_cast<std::ptrdiff_t>(length_at),
                        own.begin() + static_cast<std::ptrdiff_t>(size),
                        list.begin() + static_cast<std::ptrdiff_t>(header + length_at)))
            return failed(fail_parameter(request, static_cast<unsigned>(header)));
    }
    const std::size_t before = header + descriptor;
    if (const auto taken = mode_pages_.select(list.subspan(before)); !taken) {
        const auto& fault = taken.error();
        return failed(fault.truncated
                          ? fail(request, condition::parameter_list_length)
                          : fail_parameter(request, static_cast<unsigned>(before + fault.byte)));
    }
    mode_changed();
    remember();
    return Progress::done;
}

} // namespace pvscsi::backend
