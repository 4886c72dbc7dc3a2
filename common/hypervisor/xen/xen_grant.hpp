// Grants through libxengnttab: /dev/xen/gntdev for what peers grant, /dev/xen/gntalloc for what
// we grant.
//
// Thread: an object belongs to one thread; each has a handle (a file) of its own, which is not
// fork-safe. Errors: GrantStatus for what a peer can cause; std::system_error when a device cannot
// be opened or the kernel lacks grant copy. Source: xengnttab.h, drivers/xen/gnt{dev,alloc}.c.
#pragma once

#include "common/hypervisor/grant.hpp"

#include <array>

struct xengntdev_handle;
struct xengnttab_grant_copy_segment;

namespace pvscsi::hv::xen {

struct GnttabCloser {
    void operator()(xengntdev_handle* handle) const noexcept;
};
using GnttabHandle = std::unique_ptr<xengntdev_handle, GnttabCloser>;
/// Shared with the pages made through it, which it outlives.
using GntshrHandle = std::shared_ptr<xengntdev_handle>;

class XenGrantMapper final : public GrantMapper {
  public:
    /// Throws std::system_error.
    explicit XenGrantMapper(DomId peer);
    ~XenGrantMapper() override;

    /// One call for all pages. The kernel says no more of a failure than that there was one, so
    /// its reason is looked up by copying a byte from each page.
    /// A guest whose page is paged out keeps this call waiting: libxengnttab retries for ever.
    Expected<std::unique_ptr<MappedPages>, GrantStatus> map(std::span<const GrantRef> refs,
                                                            Access access) override;

    /// One system call for up to `chunk` pieces.
    std::size_t copy(std::span<GrantCopy> pieces) noexcept override;
    [[nodiscard]] bool dear_calls() const noexcept override { return true; }

    /// Pieces in one call to the kernel: those of a full ring of direct requests.
    static constexpr std::size_t chunk = 512;

  private:
    std::size_t copy_chunk(std::size_t count) noexcept;
    void fill(std::size_t at, GrantCopy& piece) noexcept;
    [[nodiscard]] GrantStatus readable(GrantRef ref) noexcept;
    [[nodiscard]] GrantStatus why_not_mapped(std::span<const GrantRef> refs, Access access);

    GnttabHandle handle_;
    DomId peer_;
    std::unique_ptr<xengnttab_grant_copy_segment[]> segments_;
    std::array<GrantCopy*, chunk> owners_{};
};

class XenGrantSharer final : public GrantSharer {
  public:
    /// Throws std::system_error.
    XenGrantSharer();

    /// no_space when gntalloc's limit is reached: 1024 pages in the whole system unless its module
    /// parameter `limit` says otherwise. end_access() of the result unmaps the pages: Linux lets
    /// go of them together with the grant, and keeps those back that the peer still uses.
    Expected<std::unique_ptr<SharedPages>, GrantStatus> share(DomId peer, std::size_t pages,
                                                              Access access) override;

  private:
    GntshrHandle handle_;
};

} // namespace pvscsi::hv::xen
