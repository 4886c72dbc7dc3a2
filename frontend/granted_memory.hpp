// The memory of a session that its backend may use: who grants it, and where it is.
//
// Thread: the session's. Ownership: shared by the session and its Buffers, so that a Buffer that
// is destroyed late finds its hypervisor still there. Errors: share() throws.
#pragma once

#include "common/hypervisor/hypervisor.hpp"

#include <memory>
#include <span>
#include <vector>

namespace pvscsi::frontend {

/// Where granted memory lies in our address space, for finding a page's reference by its address.
struct Region {
    std::byte* begin = nullptr;
    std::size_t size = 0;
    const GrantRef* refs = nullptr; ///< one for each page

    [[nodiscard]] bool holds(std::span<const std::byte> data) const noexcept {
        const auto offset = static_cast<std::size_t>(data.data() - begin);
        return offset < size && data.size() <= size - offset;
    }
};

class GrantedMemory {
  public:
    GrantedMemory(std::shared_ptr<hv::Hypervisor> hypervisor, DomId backend);

    /// Zeroed pages, granted read-write. Throws std::bad_alloc when no grant or page is left,
    /// std::system_error for other reasons.
    [[nodiscard]] std::unique_ptr<hv::SharedPages> share(std::size_t pages);

    /// Makes pages of a Buffer known to find(); forget() before they go.
    void add(const Region& region);
    void forget(const std::byte* begin) noexcept;
    /// The Buffer that holds all of `data`; nullptr if none does.
    [[nodiscard]] const Region* find(std::span<const std::byte> data) noexcept {
        if (recent_ < regions_.size() && regions_[recent_].holds(data))
            return &regions_[recent_];
        return search(data);
    }

  private:
    const Region* search(std::span<const std::byte> data) noexcept;

    std::shared_ptr<hv::Hypervisor> hypervisor_;
    DomId backend_;
    std::unique_ptr<hv::GrantSharer> sharer_;
    std::vector<Region> regions_; ///< by address
    std::size_t recent_ = 0;      ///< index of the last one found: commands come in runs
};

} // namespace pvscsi::frontend
