#include "frontend/page_pool.hpp"

#include <algorithm>
#include <exception>

namespace pvscsi::frontend {

namespace {
constexpr std::size_t chunk_pages = 64;
}

PagePool::PagePool(GrantedMemory& memory, std::size_t max_pages)
    : memory_(memory), max_pages_(max_pages) {
    pages_.reserve(max_pages_);
    free_.reserve(max_pages_);
}

bool PagePool::take(std::size_t count, PageList& list) noexcept {
    if (free_.size() < count && !grow(count - free_.size()))
        return false;
    const auto first = free_.end() - static_cast<std::ptrdiff_t>(count);
    list.pages_.insert(list.pages_.end(), first, free_.end());
    free_.erase(first, free_.end());
    return true;
}

void PagePool::give_back(PageList& list) noexcept {
    free_.insert(free_.end(), list.pages_.begin(), list.pages_.end());
    list.pages_.clear();
}

bool PagePool::grow(std::size_t at_least) noexcept {
    const std::size_t room = max_pages_ - pages_.size();
    if (at_least > room)
        return false;
    try {
        auto chunk = memory_.share(std::min(std::max(at_least, chunk_pages), room));
        const auto refs = chunk->refs();
        std::byte* bytes = chunk->bytes().data();
        chunks_.push_back(std::move(chunk));
        for (std::size_t i = 0; i < refs.size(); ++i) {
            free_.push_back(static_cast<std::uint32_t>(pages_.size()));
            pages_.push_back({bytes + i * hv::page_size, refs[i]});
        }
        return true;
    } catch (const std::exception&) {
        return false; // The caller has the command wait, or refuses it.
    }
}

void PagePool::renew() noexcept {
    assert(in_use() == 0);
    free_.clear();
    pages_.clear();
    chunks_.clear();
}

} // namespace pvscsi::frontend
