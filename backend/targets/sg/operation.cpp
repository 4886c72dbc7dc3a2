#include "backend/targets/sg/operation.hpp"

#include <bit>
#include <cassert>
#include <utility>

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

void SgBuffer::clear() noexcept {
    memory_.reset();
    size_ = 0;
}

SgOperations::SgOperations() : operations_(count) {}

/// The idle one whose memory fits best: the smallest that is large enough, else the largest.
SgOperation* SgOperations::choose(std::uint32_t length) noexcept {
    SgOperation* best = nullptr;
    for (SgOperation& operation : operations_) {
        if (operation.state != SgOperation::State::idle)
            continue;
        const std::size_t has = operation.buffer.capacity();
        const std::size_t best_has = best == nullptr ? 0 : best->buffer.capacity();
        const bool better = best_has < length ? has > best_has : has >= length && has < best_has;
        if (best == nullptr || better)
            best = &operation;
    }
    return best;
}

SgOperation* SgOperations::take(Request& request, std::uint32_t length) noexcept {
    SgOperation* const operation = choose(length);
    if (operation == nullptr)
        return nullptr;
    idle_memory_ -= operation->buffer.capacity();
    operation->data = operation->buffer.get(length);
    if (operation->data.size() != length) {
        rest(*operation);
        return nullptr;
    }
    operation->request = &request;
    operation->state = SgOperation::State::preparing;
    operation->covered_by_reset = false;
    operation->used = true;
    operation->complete = false;
    operation->end_as = scsi::HostCode::ok;
    return operation;
}

/// Nobody's from now on; keeps its memory as far as there is not too much of that.
void SgOperations::rest(SgOperation& operation) noexcept {
    operation.state = SgOperation::State::idle;
    operation.request = nullptr;
    operation.channel = nullptr;
    operation.data = {};
    if (idle_memory_ + operation.buffer.capacity() > most_idle_memory)
        operation.buffer.clear();
    idle_memory_ += operation.buffer.capacity();
}

void SgOperations::trim() noexcept {
    for (SgOperation& operation : operations_) {
        if (operation.state != SgOperation::State::idle || std::exchange(operation.used, false))
            continue;
        idle_memory_ -= operation.buffer.capacity();
        operation.buffer.clear();
    }
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

void SgOperations::submitted(SgOperation& operation, SgChannel* channel) noexcept {
    assert(operation.state == SgOperation::State::preparing);
    operation.state = SgOperation::State::in_flight;
    operation.channel = channel;
}

void SgOperations::ended(SgOperation& operation) noexcept {
    operation.state = SgOperation::State::ended;
    operation.channel = nullptr;
}

void SgOperations::release(SgOperation& operation) noexcept {
    assert(operation.state == SgOperation::State::ended ||
           operation.state == SgOperation::State::preparing);
    rest(operation);
}

void SgOperations::abandoned(SgOperation& operation) noexcept {
    assert(operation.state == SgOperation::State::in_flight);
    operation.state = SgOperation::State::abandoned;
    operation.request = nullptr;
}

void SgOperations::returned(SgOperation& operation) noexcept {
    assert(operation.state == SgOperation::State::abandoned);
    rest(operation);
}

} // namespace pvscsi::backend
