#include "backend/targets/ram_ledger.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace pvscsi::backend {

namespace {

/// Pages of `memory` that nobody has written yet, in bytes. Asks for a gigabyte at a time.
std::uint64_t untouched_of(std::span<std::byte> memory, std::vector<unsigned char>& pages) {
    constexpr std::size_t at_once = std::size_t{1} << 30;
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    std::uint64_t bytes = 0;
    while (!memory.empty()) {
        const auto piece = memory.first(std::min(memory.size(), at_once));
        memory = memory.subspan(piece.size());
        pages.resize((piece.size() + page - 1) / page);
        if (::mincore(piece.data(), piece.size(), pages.data()) != 0)
            bytes += piece.size(); // not known: taken for what it may still become
        else
            bytes += page * static_cast<std::size_t>(std::ranges::count_if(
                                pages, [](unsigned char state) { return (state & 1) == 0; }));
    }
    return bytes;
}

} // namespace

RamLedger& RamLedger::of_process() {
    static RamLedger ledger;
    return ledger;
}

std::uint64_t RamLedger::untouched() const {
    std::vector<unsigned char> pages;
    std::uint64_t bytes = 0;
    for (const auto& disk : disks_)
        bytes += untouched_of(disk, pages);
    return bytes;
}

void RamLedger::check(std::uint64_t bytes) const {
    const std::lock_guard lock(mutex_);
    const auto available = available_();
    if (!available)
        return;
    const std::uint64_t promised = untouched();
    if (promised <= *available && bytes <= *available - promised)
        return;
    throw std::runtime_error(
        fmt::format("a ram disk of {} bytes does not fit into the host's memory: {} bytes are "
                    "available, of which {} are promised to other ram disks",
                    bytes, *available, promised));
}

void RamLedger::add(std::span<std::byte> disk) {
    const std::lock_guard lock(mutex_);
    disks_.push_back(disk);
}

void RamLedger::remove(std::span<std::byte> disk) noexcept {
    const std::lock_guard lock(mutex_);
    std::erase_if(disks_, [&](const auto& one) { return one.data() == disk.data(); });
}

} // namespace pvscsi::backend
