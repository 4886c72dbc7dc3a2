// A domain's memory as the broker keeps it: pool, grant table and copier words. It outlives the
// domain for as long as somebody has pages of it mapped.
// Thread: the broker's. Errors: set-up throws std::system_error; the rest is errno or GrantStatus.
#pragma once

#include "common/base/unique_fd.hpp"
#include "common/hypervisor/host/copiers.hpp"
#include "common/hypervisor/host/grant_table.hpp"
#include "common/hypervisor/host/memfd.hpp"
#include "common/hypervisor/host/page_pool.hpp"

#include <vector>

namespace pvscsi::hv::host {

class DomainMemory {
  public:
    DomainMemory();

    [[nodiscard]] int pool_fd() const { return pool_fd_.get(); }
    [[nodiscard]] int table_fd() const { return table_fd_.get(); }
    [[nodiscard]] int copiers_fd() const { return copiers_fd_.get(); }
    [[nodiscard]] CopierSlots& copiers() { return slots_; }

    /// `count` zeroed pages in a row; the first one's number.
    [[nodiscard]] Result<std::uint32_t> alloc(std::uint32_t count);
    /// Ends the grants of pages from alloc() and takes them back: at once those that nobody
    /// uses, the others when their last user lets go of them.
    void release(std::uint32_t first, std::uint32_t count);
    /// Takes back what is no longer in use. True while there are pages that wait for a copy to
    /// end, of which nobody tells: call again a little later.
    bool reap();

    [[nodiscard]] GrantStatus check(std::uint32_t ref, DomId caller, bool write) const;
    [[nodiscard]] Expected<std::uint32_t, GrantStatus> pin(std::uint32_t ref, DomId caller,
                                                           bool write);
    void unpin(std::uint32_t ref, bool write);

    /// The domain is gone: nothing of it can be mapped or copied any more.
    void mark_dead();
    [[nodiscard]] bool dead() const { return dead_; }
    [[nodiscard]] std::uint32_t free_pages() const { return pool_.free_pages(); }

  private:
    struct Dying {
        std::vector<std::uint32_t> pages;
        CopiesUnderWay copies;
        bool copied = true; ///< a copy from before the revocation may still be under way
    };

    void zero(std::uint32_t first, std::uint32_t count) const;

    UniqueFd pool_fd_;
    UniqueFd table_fd_;
    UniqueFd copiers_fd_;
    Mapping table_map_;
    Mapping copiers_map_;
    GrantTable table_;
    CopierSlots slots_;
    PagePool pool_{first_ref, pool_pages};
    std::vector<Dying> dying_;
    bool dead_ = false;
};

} // namespace pvscsi::hv::host
