// What PERSISTENT RESERVE IN tells a guest when several are registered: in place of the one
// registration that the device knows of us, theirs (SPC-5 6.15).
#include "backend/nexus/nexus_target.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>

namespace pvscsi::backend {

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t header_size = 8;

Bytes with_header(std::uint32_t generation) {
    Bytes data(header_size);
    store_be32(data, 0, generation);
    return data;
}

/// A full status descriptor (SPC-5 table 210) as it is of `one`, which the device knows as another.
Bytes descriptor_of(std::span<const std::uint8_t> known, const Registration& one,
                    const ReservationTable& table) {
    constexpr std::size_t flags_at = 12, type_at = 13;
    constexpr std::uint8_t holds = 0x01;
    Bytes descriptor(known.begin(), known.end());
    store_be64(descriptor, 0, one.key);
    descriptor[flags_at] &= static_cast<std::uint8_t>(~holds);
    descriptor[type_at] = 0;
    if (table.holds(one.nexus)) {
        descriptor[flags_at] |= holds;
        descriptor[type_at] = static_cast<std::uint8_t>(table.type);
    }
    return descriptor;
}

void append(Bytes& data, std::span<const std::uint8_t> more) {
    data.insert(data.end(), more.begin(), more.end());
}

} // namespace

void NexusTarget::report_keys() noexcept {
    const ReservationTable table = unit_->reservations();
    Bytes data = with_header(change_->generation);
    const auto add = [&data](std::uint64_t key) {
        data.resize(data.size() + 8);
        store_be64(data, data.size() - 8, key);
    };
    bool ours_told = false;
    for (const std::uint64_t key : change_->view.keys) {
        if (key != table.device_key || std::exchange(ours_told, true)) {
            add(key);
            continue;
        }
        for (const Registration& one : table.registrations())
            add(one.key);
    }
    store_be32(data, 4, data.size() - header_size);
    answer_report(data);
}

void NexusTarget::report_full_status(const Outcome& outcome) noexcept {
    constexpr std::size_t fixed_part = 24, additional_at = 20;
    const ReservationTable table = unit_->reservations();
    const auto told = as_u8(outcome.data_in);
    Bytes data = with_header(told.size() < header_size ? 0 : load_be32(told, 0));
    const std::size_t end =
        told.size() < header_size
            ? 0
            : std::min<std::size_t>(told.size(), header_size + load_be32(told, 4));
    bool ours_told = false;
    for (std::size_t at = header_size; at + fixed_part <= end;) {
        const std::size_t size =
            fixed_part +
            std::min<std::size_t>(load_be32(told, at + additional_at), end - at - fixed_part);
        const auto descriptor = told.subspan(at, size);
        at += size;
        if (load_be64(descriptor, 0) != table.device_key || std::exchange(ours_told, true)) {
            append(data, descriptor);
            continue;
        }
        for (const Registration& one : table.registrations())
            append(data, descriptor_of(descriptor, one, table));
    }
    store_be32(data, 4, data.size() - header_size);
    answer_report(data);
}

void NexusTarget::answer_report(std::span<const std::uint8_t> data) noexcept {
    Request& request = *change_->request;
    const std::size_t asked = load_be16(request.cdb().padded(), 7);
    const auto where =
        request.buffer(std::min({data.size(), asked, std::size_t{request.length()}}));
    std::ranges::copy(data.first(where.size()), as_writable_u8(where).begin());
    Outcome outcome;
    outcome.data_in = where;
    finish_change(outcome);
}

} // namespace pvscsi::backend
