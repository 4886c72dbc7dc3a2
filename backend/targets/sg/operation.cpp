#include "backend/targets/sg/operation.hpp"

#include <bit>
#include <cassert>

namespace pvscsi::backend {

namespace {
constexpr std::size_t page_size = 4096;
// A pack_id is a sequence number and the operation's place: 6 bits, and the sign stays clear
// (a negative one is a wildcard to the kernel).
constexpr unsigned place_bits = 6;
constexpr std::uint32_t sequence_mask = (1u << (31 - place_bits)) - 1;
static_assert(SgOperations::count <= 1u << place_bits);
} // namespace

std::span<std::byte> SgBuffer::get(std::size_t size) noexcept {
    if (size > size_) {
        // To a power of two: a guest whose requests grow slowly does not make it grow each time.
        const std::size_t rounded = std::max(page_size, std::bit_ceil(size));
        memory_.reset();
        size_ = 0;
        memory_.reset(static_cast<std::byte*>(std::aligned_alloc(page_size, rounded)));
        if (!memory_)
            return {};
        size_ = rounded;
    }
    return {memory_.get(), size};
}

SgOperations::SgOperations() : operations_(count) {}

SgOperation* SgOperations::choose(const Request& request) noexcept {
    SgOperation* unused = nullptr;
    SgOperation* oldest = nullptr;
    for (SgOperation& operation : operations_) {
        const bool free = operation.state == SgOperation::State::idle ||
                          operation.state == SgOperation::State::preparing;
        // A request that starts again is done with what it held, also if the data-out that it was
        // waiting for never came.
        if (free && operation.request == &request)
            return &operation;
        if (operation.state != SgOperation::State::idle)
            continue;
        if (operation.ended == 0)
            unused = unused == nullptr ? &operation : unused;
        else if (oldest == nullptr || operation.ended < oldest->ended)
            oldest = &operation;
    }
    if (unused != nullptr)
        return unused;
    // Of 16 operations at most 15 belong to other requests that live, so the one that ended first
    // is nobody's (a request of an earlier connection's). With fewer left that isn't certain.
    return count - abandoned_ >= requests ? oldest : nullptr;
}

SgOperation* SgOperations::take(Request& request, std::uint32_t length) noexcept {
    SgOperation* const operation = choose(request);
    if (operation == nullptr)
        return nullptr;
    operation->data = operation->buffer.get(length);
    if (operation->data.size() != length)
        return nullptr;
    operation->request = &request;
    operation->state = SgOperation::State::preparing;
    operation->covered_by_reset = false;
    return operation;
}

SgOperation* SgOperations::find(int pack_id) noexcept {
    const auto place = static_cast<std::uint32_t>(pack_id) & ((1u << place_bits) - 1);
    if (place >= count)
        return nullptr;
    SgOperation& operation = operations_[place];
    const bool at_device = operation.state == SgOperation::State::in_flight ||
                           operation.state == SgOperation::State::abandoned;
    return at_device && operation.pack_id == pack_id ? &operation : nullptr;
}

void SgOperations::rename(SgOperation& operation) noexcept {
    const auto place = static_cast<std::uint32_t>(&operation - operations_.data());
    sequence_ = (sequence_ + 1) & sequence_mask;
    operation.pack_id = static_cast<int>(sequence_ << place_bits | place);
}

void SgOperations::submitted(SgOperation& operation, SgChannel& channel) noexcept {
    assert(operation.state == SgOperation::State::preparing);
    operation.state = SgOperation::State::in_flight;
    operation.channel = &channel;
}

void SgOperations::ended(SgOperation& operation) noexcept {
    operation.state = SgOperation::State::idle;
    operation.channel = nullptr;
    operation.ended = ++clock_;
}

void SgOperations::abandoned(SgOperation& operation) noexcept {
    assert(operation.state == SgOperation::State::in_flight);
    operation.state = SgOperation::State::abandoned;
    operation.request = nullptr;
    ++abandoned_;
}

void SgOperations::returned(SgOperation& operation) noexcept {
    assert(operation.state == SgOperation::State::abandoned);
    operation.state = SgOperation::State::idle;
    operation.channel = nullptr;
    operation.ended = 0;
    --abandoned_;
}

} // namespace pvscsi::backend
