// Grants: pages that one domain lets another one use.
//
// Thread: an object belongs to the thread that made it. Errors: what the peer can cause is a
// GrantStatus; failing to set up our own end throws std::system_error. The semantics that every
// implementation has are pinned in common/hypervisor/contract.md and tests/contract.
#pragma once

#include "common/base/expected.hpp"
#include "common/hypervisor/types.hpp"

#include <memory>
#include <span>

namespace pvscsi::hv {

/// Foreign pages in our address space, contiguous in the order of their references.
/// The destructor unmaps them.
class MappedPages {
  public:
    MappedPages() = default;
    MappedPages(const MappedPages&) = delete;
    MappedPages& operator=(const MappedPages&) = delete;
    virtual ~MappedPages() = default;

    [[nodiscard]] virtual std::span<std::byte> bytes() noexcept = 0;
};

/// One piece of a copy between a granted page and memory of our own.
struct GrantCopy {
    enum class Direction : std::uint8_t { from_peer, to_peer };

    GrantRef ref;
    std::uint16_t offset = 0; ///< within the page, bytes
    std::uint16_t length = 0; ///< bytes; offset + length <= page_size
    Direction direction = Direction::from_peer;
    GrantStatus status = GrantStatus::ok; ///< set by copy()
    std::byte* local = nullptr;           ///< `length` bytes, read or written
};

/// The end that uses what one peer domain has granted to us.
class GrantMapper {
  public:
    GrantMapper() = default;
    GrantMapper(const GrantMapper&) = delete;
    GrantMapper& operator=(const GrantMapper&) = delete;
    virtual ~GrantMapper() = default;

    /// Maps all pages or none. References may repeat. The result must not outlive the mapper.
    virtual Expected<std::unique_ptr<MappedPages>, GrantStatus> map(std::span<const GrantRef> refs,
                                                                    Access access) = 0;

    /// Copies every piece, in order, one status each; a failed piece does not stop the others.
    /// Returns how many failed. Allocates nothing. A grant revoked meanwhile is either copied
    /// whole or refused; the peer is not told that it is free before the copy has ended.
    virtual std::size_t copy(std::span<GrantCopy> pieces) noexcept = 0;

    /// A call of copy() costs much more than its pieces (a system call): gather many.
    [[nodiscard]] virtual bool dear_calls() const noexcept { return false; }
};

/// Pages of our own, granted to one peer: zeroed, contiguous, one reference a page.
/// The destructor ends the grants; a page that is still in use then is kept back from reuse
/// until the peer has let go of it.
class SharedPages {
  public:
    SharedPages() = default;
    SharedPages(const SharedPages&) = delete;
    SharedPages& operator=(const SharedPages&) = delete;
    virtual ~SharedPages() = default;

    [[nodiscard]] virtual std::span<std::byte> bytes() noexcept = 0;
    [[nodiscard]] virtual std::span<const GrantRef> refs() const noexcept = 0;
    /// Takes the access back: ok, or busy while the peer has a page mapped (nothing is changed
    /// for that page then). After ok the peer's next attempt gets bad_ref. On Xen never busy: the
    /// page is no more ours, and the kernel keeps it until the peer has let go (gntalloc).
    virtual GrantStatus end_access() noexcept = 0;
};

/// The end that grants pages of its own.
class GrantSharer {
  public:
    GrantSharer() = default;
    GrantSharer(const GrantSharer&) = delete;
    GrantSharer& operator=(const GrantSharer&) = delete;
    virtual ~GrantSharer() = default;

    virtual Expected<std::unique_ptr<SharedPages>, GrantStatus> share(DomId peer, std::size_t pages,
                                                                      Access access) = 0;
};

} // namespace pvscsi::hv
