#include "common/hypervisor/host/page_pool.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace pvscsi::hv::host {

std::optional<std::uint32_t> PagePool::take(std::uint32_t count) {
    if (count == 0)
        return std::nullopt;
    const auto range = std::ranges::find_if(
        free_, [count](const auto& entry) { return entry.second - entry.first >= count; });
    if (range == free_.end())
        return std::nullopt;
    const auto [start, end] = *range;
    free_.erase(range);
    if (start + count < end)
        free_.emplace(start + count, end);
    return start;
}

void PagePool::give_back(std::uint32_t first, std::uint32_t count) {
    assert(count > 0);
    std::uint32_t end = first + count;
    auto next = free_.lower_bound(first);
    assert(next == free_.end() || next->first >= end);
    if (next != free_.end() && next->first == end) {
        end = next->second;
        next = free_.erase(next);
    }
    if (next != free_.begin()) {
        const auto previous = std::prev(next);
        assert(previous->second <= first);
        if (previous->second == first) {
            previous->second = end;
            return;
        }
    }
    free_.emplace(first, end);
}

std::uint32_t PagePool::free_pages() const {
    std::uint32_t total = 0;
    for (const auto& [start, end] : free_)
        total += end - start;
    return total;
}

} // namespace pvscsi::hv::host
