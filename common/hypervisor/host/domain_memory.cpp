#include "common/hypervisor/host/domain_memory.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <numeric>

namespace pvscsi::hv::host {

DomainMemory::DomainMemory()
    : pool_fd_(make_sealed_memfd("pvscsi-pool", pool_pages * page_size)),
      table_fd_(make_sealed_memfd("pvscsi-grants", sizeof(GrantTablePages))),
      copiers_fd_(make_sealed_memfd("pvscsi-copiers", sizeof(CopierPages))),
      table_map_(table_fd_.get(), 0, sizeof(GrantTablePages), Access::read_write),
      copiers_map_(copiers_fd_.get(), 0, sizeof(CopierPages), Access::read_write),
      table_(table_map_.as<GrantTablePages>()), slots_(copiers_map_.as<CopierPages>()) {}

Result<std::uint32_t> DomainMemory::alloc(std::uint32_t count) {
    const auto first = pool_.take(count);
    if (!first)
        return unexpected_errno(ENOSPC);
    zero(*first, count);
    return *first;
}

void DomainMemory::release(std::uint32_t first, std::uint32_t count) {
    std::vector<std::uint32_t> pages(count);
    std::iota(pages.begin(), pages.end(), first);
    for (const std::uint32_t page : pages)
        table_.revoke(page);
    dying_.push_back({std::move(pages), CopiesUnderWay(copiers_map_.as<CopierPages>())});
    reap();
}

bool DomainMemory::reap() {
    bool waiting = false;
    for (Dying& batch : dying_) {
        batch.copied = batch.copied && !batch.copies.ended(copiers_map_.as<CopierPages>());
        waiting |= batch.copied;
        if (batch.copied)
            continue;
        std::erase_if(batch.pages, [this](std::uint32_t page) {
            if (!table_.unused(page))
                return false;
            zero(page, 1);
            pool_.give_back(page, 1);
            return true;
        });
    }
    std::erase_if(dying_, [](const Dying& batch) { return batch.pages.empty(); });
    return waiting;
}

GrantStatus DomainMemory::check(std::uint32_t ref, DomId caller, bool write) const {
    return dead_ ? GrantStatus::bad_domain : table_.check(ref, caller, write);
}

Expected<std::uint32_t, GrantStatus> DomainMemory::pin(std::uint32_t ref, DomId caller,
                                                       bool write) {
    if (dead_)
        return unexpected(GrantStatus::bad_domain);
    return table_.pin(ref, caller, write);
}

void DomainMemory::unpin(std::uint32_t ref, bool write) {
    table_.unpin(ref, write);
}

void DomainMemory::mark_dead() {
    dead_ = true;
    copiers_map_.as<CopierPages>().header.dead.store(1, std::memory_order_release);
}

// Punching a hole gives the memory back as well: an idle guest costs what it uses.
void DomainMemory::zero(std::uint32_t first, std::uint32_t count) const {
    ::fallocate(pool_fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                static_cast<off_t>(first * page_size), static_cast<off_t>(count * page_size));
}

} // namespace pvscsi::hv::host
