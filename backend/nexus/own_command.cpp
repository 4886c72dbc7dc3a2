#include "backend/nexus/own_command.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace pvscsi::backend {

namespace {

constexpr std::uint32_t page = 4096;

std::byte* pages(std::size_t size) {
    void* const at = std::aligned_alloc(page, size);
    if (at == nullptr)
        throw std::bad_alloc();
    std::memset(at, 0, size);
    return static_cast<std::byte*>(at);
}

/// As a guest would have written it into its ring. Only the parser makes a Command.
ring::WireRequest wire_request(std::span<const std::uint8_t> cdb, ring::Direction direction,
                               std::uint32_t length) noexcept {
    ring::WireRequest wire{};
    wire.act = static_cast<std::uint8_t>(ring::WireAction::cdb);
    wire.cmd_len = static_cast<std::uint8_t>(cdb.size());
    std::ranges::copy(cdb, wire.cmnd.begin());
    const auto wire_direction = length == 0 ? ring::WireDirection::none
                                : direction == ring::Direction::to_device
                                    ? ring::WireDirection::to_device
                                    : ring::WireDirection::from_device;
    wire.sc_data_direction = static_cast<std::uint8_t>(wire_direction);
    for (std::uint32_t done = 0; done < length; done += page)
        wire.seg[wire.nr_segments++] = {1, 0,
                                        static_cast<std::uint16_t>(std::min(page, length - done))};
    return wire;
}

} // namespace

OwnCommand::OwnCommand()
    : memory_(pages(room)), data_(pages(room)), segments_(ring::max_direct_segments),
      request_(*this) {}

void OwnCommand::send(Target& unit, std::span<const std::uint8_t> cdb,
                      std::span<const std::uint8_t> data, Ended ended) noexcept {
    assert(!busy() && data.size() <= room);
    std::ranges::copy(data, reinterpret_cast<std::uint8_t*>(data_.get()));
    begin(unit, cdb, ring::Direction::to_device, static_cast<std::uint32_t>(data.size()),
          std::move(ended));
}

void OwnCommand::fetch(Target& unit, std::span<const std::uint8_t> cdb, std::uint32_t length,
                       Ended ended) noexcept {
    assert(!busy() && length <= room);
    begin(unit, cdb, ring::Direction::from_device, length, std::move(ended));
}

void OwnCommand::begin(Target& unit, std::span<const std::uint8_t> cdb, ring::Direction direction,
                       std::uint32_t length, Ended ended) noexcept {
    const auto command = ring::parse(wire_request(cdb, direction, length), {}, segments_);
    assert(command);
    request_.prepare(*command, length);
    unit_ = &unit;
    ended_ = std::move(ended);
    Step step = unit.start(request_);
    if (step == Step::need_data) {
        const auto where = request_.data();
        std::memcpy(where.data(), data_.get(), std::min<std::size_t>(where.size(), length));
        step = unit.resume(request_);
    }
    if (step != Step::pending)
        finished(request_);
}

void OwnCommand::finished(Request& request) noexcept {
    Outcome outcome = request.outcome;
    const std::size_t size = std::min<std::size_t>(outcome.data_in.size(), request.length());
    if (size > 0)
        std::memcpy(data_.get(), outcome.data_in.data(), size);
    outcome.data_in = {data_.get(), size};
    std::exchange(unit_, nullptr)->answered(request);
    std::exchange(ended_, nullptr)(outcome);
}

std::span<std::byte> OwnCommand::buffer(Request&, std::size_t size) noexcept {
    return size <= room ? std::span(memory_.get(), size) : std::span<std::byte>();
}

} // namespace pvscsi::backend
