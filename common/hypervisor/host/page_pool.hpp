// Which pages of a domain's pool are handed out. Page and grant reference go together: page N
// comes with entry N of the grant table.
// Thread: the broker's. Errors: a full pool is an empty optional.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace pvscsi::hv::host {

class PagePool {
  public:
    /// Hands out the pages [first, end).
    PagePool(std::uint32_t first, std::uint32_t end) { free_.emplace(first, end); }

    /// `count` pages that follow each other.
    [[nodiscard]] std::optional<std::uint32_t> take(std::uint32_t count);
    void give_back(std::uint32_t first, std::uint32_t count);
    [[nodiscard]] std::uint32_t free_pages() const;

  private:
    std::map<std::uint32_t, std::uint32_t> free_; ///< start -> end, never adjacent
};

} // namespace pvscsi::hv::host
