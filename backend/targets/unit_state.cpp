// What an emulated unit keeps for the process that goes on in this one's place: unit attentions
// that were not fetched, the mode pages, and a byte of the device type's own.
#include "backend/targets/unit.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

namespace pvscsi::backend {

namespace {
// The layout; the mode pages come last, as in MODE SENSE.
constexpr std::size_t type_at = 0, own_at = 1, count_at = 2, attentions_at = 3;
constexpr std::size_t bytes_each = 3, size_at = attentions_at + 4 * bytes_each;
constexpr std::size_t pages_at = size_at + 8;
} // namespace

void EmulatedUnit::remember_in(const std::string& path, bool inherited) {
    auto left = inherited ? UnitMemory::reopen(path) : unexpected(std::string("a new unit"));
    // Where nobody can tell what a predecessor had been told, the guest is to look, as after a
    // reset.
    if (inherited && (!left || !recall(left->contents())))
        attention(scsi::condition::internal_reset);
    memory_.emplace(left ? std::move(*left) : UnitMemory::create(path));
    remember();
}

void EmulatedUnit::remember() noexcept {
    if (!memory_)
        return;
    static_assert(attentions_at + max_attentions * bytes_each == size_at);
    std::array<std::uint8_t, UnitMemory::capacity> state{};
    state[type_at] = device_type();
    state[own_at] = own_state();
    state[count_at] = static_cast<std::uint8_t>(attention_count_);
    for (unsigned i = 0; i < attention_count_; ++i) {
        const std::size_t at = attentions_at + i * bytes_each;
        state[at] = static_cast<std::uint8_t>(attentions_[i].key);
        state[at + 1] = attentions_[i].asc;
        state[at + 2] = attentions_[i].ascq;
    }
    store_be64(state, size_at, limits().bytes);
    const auto pages = std::span(state).subspan(pages_at);
    const std::size_t size =
        mode_pages_.write(ModePages::all_pages, ModePages::Control::current, pages);
    memory_->store(std::span(state).first(pages_at + size));
}

/// False if that is not what a unit of this type has stored; nothing is changed then. Throws
/// std::runtime_error if the guest's data can't be all there any more.
bool EmulatedUnit::recall(std::span<const std::uint8_t> state) {
    if (state.size() < pages_at || state[type_at] != device_type() ||
        state[count_at] > max_attentions)
        return false;
    const std::uint64_t size = load_be64(state, size_at);
    if (size > limits().bytes)
        throw std::runtime_error(
            fmt::format("its backing has {} bytes, and had {} when the guest was connected to it",
                        limits().bytes, size));
    if (!mode_pages_.select(state.subspan(pages_at)))
        return false;
    attention_count_ = state[count_at];
    for (unsigned i = 0; i < attention_count_; ++i) {
        const std::size_t at = attentions_at + i * bytes_each;
        attentions_[i] = {static_cast<scsi::SenseKey>(state[at]), state[at + 1], state[at + 2]};
    }
    mode_changed();
    take_own_state(state[own_at]);
    if (size < limits().bytes)
        attention(scsi::condition::capacity_changed);
    return true;
}

} // namespace pvscsi::backend
