// Granted pages of the session's own: for data that lies outside of Buffers, and for the
// descriptors of indirect requests. A page serves one command at a time, so that no grant shows
// the data of two (XSA-403); what is left in it has been the backend's to see before.
//
// It grows in chunks until it has what the load needs or its limit, then no longer allocates.
// Thread: the session's. Errors: take() says no; nothing throws.
#pragma once

#include "frontend/granted_memory.hpp"

#include <cassert>
#include <cstdint>

namespace pvscsi::frontend {

/// The pool's pages that one command has. Storage is reserved once.
class PageList {
  public:
    void reserve(std::size_t capacity) { pages_.reserve(capacity); }
    [[nodiscard]] std::size_t size() const noexcept { return pages_.size(); }
    [[nodiscard]] bool empty() const noexcept { return pages_.empty(); }
    [[nodiscard]] std::uint32_t operator[](std::size_t i) const noexcept { return pages_[i]; }

  private:
    friend class PagePool;
    std::vector<std::uint32_t> pages_;
};

class PagePool {
  public:
    PagePool(GrantedMemory& memory, std::size_t max_pages);

    /// Adds `count` pages to `list`, all or none.
    [[nodiscard]] bool take(std::size_t count, PageList& list) noexcept;
    void give_back(PageList& list) noexcept;
    /// Ends the grants of all pages and starts afresh: what a former backend may still hold is
    /// not given to a command of the next one.
    void renew() noexcept;

    [[nodiscard]] std::byte* at(std::uint32_t page) const noexcept { return pages_[page].bytes; }
    [[nodiscard]] GrantRef ref(std::uint32_t page) const noexcept { return pages_[page].ref; }
    [[nodiscard]] std::size_t max_pages() const noexcept { return max_pages_; }
    [[nodiscard]] std::size_t in_use() const noexcept { return pages_.size() - free_.size(); }

  private:
    struct Page {
        std::byte* bytes;
        GrantRef ref;
    };
    bool grow(std::size_t at_least) noexcept;

    GrantedMemory& memory_;
    std::size_t max_pages_;
    std::vector<std::unique_ptr<hv::SharedPages>> chunks_;
    std::vector<Page> pages_;
    std::vector<std::uint32_t> free_; ///< a stack: the page used last is still in the cache
};

} // namespace pvscsi::frontend
