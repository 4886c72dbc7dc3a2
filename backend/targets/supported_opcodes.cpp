// REPORT SUPPORTED OPERATION CODES (SPC-5 6.38), from the same rows that dispatch.
#include "backend/targets/unit.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>

namespace pvscsi::backend {

namespace condition = scsi::condition;

namespace {

constexpr std::size_t timeouts_size = 12;

/// A command timeouts descriptor that recommends nothing: how long it takes is the backing's.
std::size_t put_timeouts(std::span<std::uint8_t> to) {
    store_be16(to, 0, timeouts_size - 2);
    return timeouts_size;
}

std::size_t put_descriptor(const CommandRow& row, bool timeouts, std::span<std::uint8_t> to) {
    to[0] = row.opcode();
    if (row.has_service_action())
        store_be16(to, 2, static_cast<std::uint16_t>(row.service_action));
    to[5] = static_cast<std::uint8_t>((timeouts ? 0x02 : 0) | (row.has_service_action() ? 1 : 0));
    store_be16(to, 6, row.size);
    return 8 + (timeouts ? put_timeouts(to.subspan(8)) : 0);
}

std::size_t put_one(const CommandRow* row, bool timeouts, std::span<std::uint8_t> to) {
    constexpr std::uint8_t not_supported = 1;
    constexpr std::uint8_t as_in_standard = 3;
    if (!row) {
        to[1] = not_supported;
        return 4;
    }
    to[1] = static_cast<std::uint8_t>(as_in_standard | (timeouts ? 0x80 : 0));
    store_be16(to, 2, row->size);
    std::copy_n(row->usage.begin(), row->size, to.begin() + 4);
    const std::size_t size = 4u + row->size;
    return size + (timeouts ? put_timeouts(to.subspan(size)) : 0);
}

} // namespace

Step EmulatedUnit::report_supported_opcodes(Request& request) noexcept {
    const auto& cdb = request.cdb().padded();
    const bool timeouts = (cdb[2] & 0x80) != 0;
    const unsigned options = cdb[2] & 0x07;
    const std::uint8_t opcode = cdb[3];
    const std::uint16_t service_action = load_be16(cdb, 4);
    const std::size_t allocation_length = load_be32(cdb, 6);
    const auto data = parameter_data(request, 4 + rows_.size() * (8 + timeouts_size));
    if (data.empty())
        return fail(request, condition::internal_failure);

    if (options == 0) {
        std::size_t size = 4;
        for (const CommandRow& row : rows_)
            size += put_descriptor(row, timeouts, data.subspan(size));
        store_be32(data, 0, size - 4);
        return answer(request, data.first(size), allocation_length);
    }
    const CommandRow* row = by_opcode_[opcode];
    const bool has_actions = row && row->has_service_action();
    if (options > 3 || (options == 1 && has_actions) || (options == 2 && row && !has_actions))
        return fail_field(request, options > 3 ? 2 : 3);
    if (has_actions) {
        const auto found = std::ranges::find_if(rows_, [&](const CommandRow& candidate) {
            return candidate.opcode() == opcode && candidate.service_action == service_action;
        });
        row = found == rows_.end() ? nullptr : &*found;
    }
    return answer(request, data.first(put_one(row, timeouts, data)), allocation_length);
}

} // namespace pvscsi::backend
