#include "common/hypervisor/xen/xen_grant.hpp"

#include "common/hypervisor/xen/xen_error.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <limits>
#include <sys/mman.h>
#include <vector>

extern "C" {
#include <xengnttab.h>
}

namespace pvscsi::hv::xen {

namespace {

/// Xen has found the reference, but not what it would need to grant for this operation.
constexpr std::int16_t ambiguous = GNTST_general_error;

std::vector<std::uint32_t> raw(std::span<const GrantRef> refs) {
    std::vector<std::uint32_t> numbers;
    numbers.reserve(refs.size());
    for (const GrantRef ref : refs)
        numbers.push_back(ref.value());
    return numbers;
}

class XenMappedPages final : public MappedPages {
  public:
    XenMappedPages(xengnttab_handle* handle, void* address, std::uint32_t pages) noexcept
        : handle_(handle), address_(static_cast<std::byte*>(address)), pages_(pages) {}
    ~XenMappedPages() override {
        // The count has to be the one that was mapped: gntdev knows the whole mapping only.
        [[maybe_unused]] const int failed = xengnttab_unmap(handle_, address_, pages_);
        assert(failed == 0);
    }
    std::span<std::byte> bytes() noexcept override { return {address_, pages_ * page_size}; }

  private:
    xengnttab_handle* handle_;
    std::byte* address_;
    std::uint32_t pages_;
};

class XenSharedPages final : public SharedPages {
  public:
    XenSharedPages(GntshrHandle handle, void* address, const std::vector<std::uint32_t>& refs)
        : handle_(std::move(handle)), address_(static_cast<std::byte*>(address)) {
        refs_.reserve(refs.size());
        for (const std::uint32_t ref : refs)
            refs_.emplace_back(ref);
    }
    ~XenSharedPages() override { XenSharedPages::end_access(); }

    std::span<std::byte> bytes() noexcept override {
        return {address_, address_ == nullptr ? 0 : refs_.size() * page_size};
    }
    std::span<const GrantRef> refs() const noexcept override { return refs_; }

    GrantStatus end_access() noexcept override {
        if (address_ == nullptr)
            return GrantStatus::ok;
        if (xengntshr_unshare(handle_.get(), address_, static_cast<std::uint32_t>(refs_.size())))
            return grant_status_from_errno(errno);
        address_ = nullptr;
        return GrantStatus::ok;
    }

  private:
    GntshrHandle handle_;
    std::byte* address_;
    std::vector<GrantRef> refs_;
};

GntshrHandle open_gntshr() {
    if (xengntshr_handle* handle = xengntshr_open(silent_logger(), 0))
        return {handle, xengntshr_close};
    throw_no_device("/dev/xen/gntalloc", "xen-gntalloc");
}

} // namespace

void GnttabCloser::operator()(xengntdev_handle* handle) const noexcept {
    xengnttab_close(handle);
}

XenGrantMapper::XenGrantMapper(DomId peer)
    : handle_(xengnttab_open(silent_logger(), 0)), peer_(peer),
      segments_(std::make_unique<xengnttab_grant_copy_segment[]>(chunk)) {
    if (!handle_)
        throw_no_device("/dev/xen/gntdev", "xen-gntdev");
    if (xengnttab_grant_copy(handle_.get(), 0, segments_.get()) != 0)
        throw_errno("grant copy through /dev/xen/gntdev (Linux has it since 4.8)");
}

XenGrantMapper::~XenGrantMapper() = default;

Expected<std::unique_ptr<MappedPages>, GrantStatus>
XenGrantMapper::map(std::span<const GrantRef> refs, Access access) {
    if (refs.empty() || refs.size() > std::numeric_limits<std::uint32_t>::max())
        return unexpected(GrantStatus::bad_range);
    std::vector<std::uint32_t> numbers = raw(refs);
    const auto count = static_cast<std::uint32_t>(numbers.size());
    const int protection = access == Access::read_only ? PROT_READ : PROT_READ | PROT_WRITE;
    void* address = xengnttab_map_domain_grant_refs(handle_.get(), count, peer_.value(),
                                                    numbers.data(), protection);
    if (address != nullptr)
        return std::make_unique<XenMappedPages>(handle_.get(), address, count);
    // EINVAL is what gntdev makes of any refusal by Xen.
    return unexpected(errno == EINVAL ? why_not_mapped(refs, access)
                                      : grant_status_from_errno(errno));
}

GrantStatus XenGrantMapper::why_not_mapped(std::span<const GrantRef> refs, Access access) {
    for (const GrantRef ref : refs)
        if (const GrantStatus status = readable(ref); status != GrantStatus::ok)
            return status;
    if (access == Access::read_only)
        return GrantStatus::no_space;
    // They can be read: either that is all that was granted, or nothing more can be mapped here.
    const auto pages = map(refs, Access::read_only);
    return pages ? GrantStatus::read_only : pages.error();
}

GrantStatus XenGrantMapper::readable(GrantRef ref) noexcept {
    std::byte scrap{};
    xengnttab_grant_copy_segment probe{};
    probe.source.foreign = {ref.value(), 0, peer_.value()};
    probe.dest.virt = &scrap;
    probe.len = 1;
    probe.flags = GNTCOPY_source_gref;
    if (xengnttab_grant_copy(handle_.get(), 1, &probe) != 0)
        return grant_status_from_errno(errno);
    return grant_status_from_gntst(probe.status);
}

void XenGrantMapper::fill(std::size_t at, GrantCopy& piece) noexcept {
    xengnttab_grant_copy_segment& segment = segments_[at];
    const bool reads = piece.direction == GrantCopy::Direction::from_peer;
    auto& foreign = reads ? segment.source : segment.dest;
    auto& local = reads ? segment.dest : segment.source;
    foreign.foreign = {piece.ref.value(), piece.offset, peer_.value()};
    local.virt = piece.local;
    segment.len = piece.length;
    segment.flags = reads ? GNTCOPY_source_gref : GNTCOPY_dest_gref;
    segment.status = GNTST_general_error;
    owners_[at] = &piece;
}

std::size_t XenGrantMapper::copy(std::span<GrantCopy> pieces) noexcept {
    std::size_t failed = 0, count = 0;
    for (GrantCopy& piece : pieces) {
        // One such piece makes the kernel refuse the whole call.
        if (std::size_t{piece.offset} + piece.length > page_size) {
            piece.status = GrantStatus::bad_range;
            ++failed;
            continue;
        }
        fill(count++, piece);
        if (count == chunk)
            failed += copy_chunk(std::exchange(count, 0));
    }
    return failed + copy_chunk(count);
}

std::size_t XenGrantMapper::copy_chunk(std::size_t count) noexcept {
    if (count == 0)
        return 0;
    if (xengnttab_grant_copy(handle_.get(), static_cast<std::uint32_t>(count), segments_.get())) {
        // Which pieces were done before it failed cannot be told.
        const GrantStatus status = grant_status_from_errno(errno);
        for (std::size_t i = 0; i < count; ++i)
            owners_[i]->status = status;
        return count;
    }
    std::size_t failed = 0;
    for (std::size_t i = 0; i < count; ++i) {
        GrantCopy& piece = *owners_[i];
        piece.status = grant_status_from_gntst(segments_[i].status);
        if (piece.status == GrantStatus::ok)
            continue;
        ++failed;
        if (segments_[i].status == ambiguous && piece.direction == GrantCopy::Direction::to_peer &&
            readable(piece.ref) == GrantStatus::ok)
            piece.status = GrantStatus::read_only;
    }
    return failed;
}

XenGrantSharer::XenGrantSharer() : handle_(open_gntshr()) {
    // libxengnttab 4.17 opens it without O_CLOEXEC.
    set_fd_flags(xengntshr_fd(handle_.get()), false);
}

Expected<std::unique_ptr<SharedPages>, GrantStatus>
XenGrantSharer::share(DomId peer, std::size_t pages, Access access) {
    if (pages == 0)
        return unexpected(GrantStatus::bad_range);
    if (pages > std::size_t{std::numeric_limits<int>::max()})
        return unexpected(GrantStatus::no_space);
    std::vector<std::uint32_t> refs(pages);
    void* address = xengntshr_share_pages(handle_.get(), peer.value(), static_cast<int>(pages),
                                          refs.data(), access == Access::read_write ? 1 : 0);
    if (address == nullptr)
        return unexpected(grant_status_from_errno(errno));
    return std::make_unique<XenSharedPages>(handle_, address, refs);
}

} // namespace pvscsi::hv::xen
