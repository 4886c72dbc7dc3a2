// What the ram disks of this daemon may still take of the host's memory. Their pages are taken when
// they are first written, long after the disk was opened, and what is not there then is found by
// the kernel killing somebody: so a disk that could not be filled is refused when it is opened.
//
// Thread: any; disks are opened on the control thread and let go on their workers.
#pragma once

#include "backend/memory_available.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace pvscsi::backend {

class RamLedger {
  public:
    using Available = std::function<std::optional<std::uint64_t>()>;
    explicit RamLedger(Available available = memory_available) : available_(std::move(available)) {}

    /// That of all disks which name no other.
    static RamLedger& of_process();

    /// Throws std::runtime_error with the figures if another `bytes` could not be filled.
    void check(std::uint64_t bytes) const;
    void add(std::span<std::byte> disk);
    void remove(std::span<std::byte> disk) noexcept;

  private:
    [[nodiscard]] std::uint64_t untouched() const;

    const Available available_;
    mutable std::mutex mutex_;
    std::vector<std::span<std::byte>> disks_;
};

} // namespace pvscsi::backend
