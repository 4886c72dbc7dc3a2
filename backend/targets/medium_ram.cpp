#include "backend/targets/medium_ram.hpp"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <system_error>

namespace pvscsi::backend {

namespace {

// Bounds what one command can hold the worker up for: about 20 ms of the kernel freeing pages.
constexpr std::uint64_t discard_at_once = 256ull << 20;
constexpr std::size_t page = 4096;

/// Zeros for the guest; whole pages go back to the host.
void forget(std::span<std::byte> bytes) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
    const std::size_t head = std::min((page - address % page) % page, bytes.size());
    const std::size_t whole = (bytes.size() - head) / page * page;
    std::memset(bytes.data(), 0, head);
    const auto pages = bytes.subspan(head, whole);
    // MADV_DONTNEED of private anonymous memory: the next touch finds zeros.
    if (whole > 0 && ::madvise(pages.data(), whole, MADV_DONTNEED) != 0)
        std::memset(pages.data(), 0, whole);
    const auto tail = bytes.subspan(head + whole);
    std::memset(tail.data(), 0, tail.size());
}

} // namespace

RamMedium::RamMedium(std::uint64_t bytes, RamLedger& ledger) : ledger_(ledger) {
    ledger_.check(bytes);
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        throw std::system_error(errno, std::generic_category(), "mmap of a ram disk");
    // Large pages halve the cost of a random copy; where there are none, nothing is lost.
    (void)::madvise(at, bytes, MADV_HUGEPAGE);
    // Not in core dumps: it is a guest's data, and as large as the disk.
    (void)::madvise(at, bytes, MADV_DONTDUMP);
    memory_ = {static_cast<std::byte*>(at), bytes};
    ledger_.add(memory_);
    limits_.bytes = bytes;
    limits_.discard = true;
    limits_.discard_limit = discard_at_once;
}

RamMedium::~RamMedium() {
    ledger_.remove(memory_);
    ::munmap(memory_.data(), memory_.size());
}

bool RamMedium::submit(MediumOp& op) noexcept {
    op.error = MediumError::none;
    switch (op.kind) {
    case MediumOp::Kind::read:
        std::memcpy(op.data.data(), memory_.data() + op.offset, op.data.size());
        break;
    case MediumOp::Kind::write:
        std::memcpy(memory_.data() + op.offset, op.data.data(), op.data.size());
        break;
    case MediumOp::Kind::sync:
        break;
    case MediumOp::Kind::discard:
        forget(memory_.subspan(op.offset, op.length));
        break;
    }
    return true;
}

bool NullMedium::submit(MediumOp& op) noexcept {
    op.error = MediumError::none;
    if (op.kind == MediumOp::Kind::read)
        std::memset(op.data.data(), 0, op.data.size());
    return true;
}

} // namespace pvscsi::backend
