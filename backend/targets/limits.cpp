#include "backend/targets/limits.hpp"

#include "common/base/bytes.hpp"
#include "common/scsi/opcode.hpp"

#include <algorithm>

namespace pvscsi::backend {

namespace {

constexpr std::uint8_t page_b0 = 0xb0, read_block_limits = 0x05, tape = 0x01;
constexpr std::uint32_t usual_block = 512;
/// INQUIRY has the longest allocation length of them: what is longer is no page.
constexpr std::size_t longest = 0xffff;

bool is_disk(std::uint8_t type) noexcept {
    return type == 0x00 || type == 0x04 || type == 0x07 || type == 0x0e || type == 0x14;
}

/// A field of which a part is missing is not touched: nobody can read it either.
void lower(std::span<std::uint8_t> data, std::size_t at, std::uint64_t most, bool zero_is_none) {
    if (at + 4 > data.size())
        return;
    const std::uint32_t value = load_be32(data, at);
    if (value > most || (value == 0 && zero_is_none))
        store_be32(data, at, std::min<std::uint64_t>(most, 0xffffffff));
}

} // namespace

void lower_block_limits(std::span<std::uint8_t> page, std::uint64_t blocks) noexcept {
    constexpr std::size_t compare = 5, granularity = 6, most = 8, optimal = 12, atomic = 44,
                          atomic_with_boundary = 56;
    // COMPARE AND WRITE moves twice as many blocks as it compares.
    if (page.size() > compare)
        page[compare] = static_cast<std::uint8_t>(
            std::min<std::uint64_t>(page[compare], std::max<std::uint64_t>(blocks / 2, 1)));
    if (page.size() >= granularity + 2 && load_be16(page, granularity) > blocks)
        store_be16(page, granularity, blocks);
    lower(page, most, blocks, true);
    lower(page, optimal, blocks, false);
    lower(page, atomic, blocks, false);
    lower(page, atomic_with_boundary, blocks, false);
}

void lower_tape_limits(std::span<std::uint8_t> data, std::uint64_t bytes) noexcept {
    constexpr std::size_t most = 1;
    if (data.size() < most + 3)
        return;
    const std::uint32_t value = load_be24(data, most);
    if (value > bytes || value == 0)
        store_be24(data, most, std::min<std::uint64_t>(bytes, 0xffffff));
}

LimitsTarget::LimitsTarget(std::unique_ptr<Target> inner, std::uint64_t most,
                           std::uint32_t block_size)
    : Decorator(std::move(inner)), most_(most),
      block_size_(block_size == 0 ? usual_block : block_size) {}

void LimitsTarget::learn_block_size(std::span<const std::uint8_t> data, std::size_t at) noexcept {
    if (at + 4 <= data.size() && load_be32(data, at) != 0)
        block_size_ = load_be32(data, at);
}

bool LimitsTarget::ended(Request& request) noexcept {
    Outcome& outcome = request.outcome;
    const auto& cdb = request.cdb().padded();
    const bool block_limits = cdb[0] == scsi::opcode::inquiry && (cdb[1] & 1) != 0 &&
                              cdb[2] == page_b0 && is_disk(device_type());
    const bool tape_limits =
        cdb[0] == read_block_limits && (cdb[1] & 1) == 0 && device_type() == tape;
    const auto data = as_u8(outcome.data_in);
    if (cdb[0] == scsi::opcode::read_capacity_10)
        learn_block_size(data, 4);
    else if (cdb[0] == scsi::opcode::service_action_in_16 && (cdb[1] & 0x1f) == 0x10)
        learn_block_size(data, 8);
    if ((!block_limits && !tape_limits) || data.empty() || data.size() > longest ||
        (block_limits && (data.size() < 2 || data[1] != page_b0)))
        return true;
    // The data are the device's and only to be read; the slot has room for more than this.
    const auto copy = request.buffer(data.size());
    if (copy.size() != data.size())
        return true;
    std::copy(outcome.data_in.begin(), outcome.data_in.end(), copy.begin());
    if (block_limits)
        lower_block_limits(as_writable_u8(copy), std::max<std::uint64_t>(most_ / block_size_, 1));
    else
        lower_tape_limits(as_writable_u8(copy), most_);
    outcome.data_in = copy;
    return true;
}

} // namespace pvscsi::backend
