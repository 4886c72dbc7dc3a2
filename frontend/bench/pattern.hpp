// Data that tell where they belong: each block is filled from its number, the run's seed and how
// often it has been written, so that a read shows a block that is another's, older, or torn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pvscsi::bench {

void fill_pattern(std::span<std::byte> data, std::uint64_t seed, std::uint64_t block,
                  std::uint8_t version) noexcept;
[[nodiscard]] bool matches_pattern(std::span<const std::byte> data, std::uint64_t seed,
                                   std::uint64_t block, std::uint8_t version) noexcept;

/// What each block must hold. A block is of one command's size.
class VerifyMap {
  public:
    explicit VerifyMap(std::uint64_t blocks) : versions_(blocks), busy_(blocks) {}

    /// Blocks with a command in flight are left alone: what they hold is not certain.
    [[nodiscard]] bool busy(std::uint64_t block) const noexcept { return busy_[block] != 0; }
    void begin(std::uint64_t block) noexcept { busy_[block] = 1; }
    void end(std::uint64_t block) noexcept { busy_[block] = 0; }
    /// 0: never written by this run.
    [[nodiscard]] std::uint8_t version(std::uint64_t block) const noexcept {
        return versions_[block];
    }
    [[nodiscard]] std::uint8_t next_version(std::uint64_t block) const noexcept {
        return static_cast<std::uint8_t>(versions_[block] == 255 ? 1 : versions_[block] + 1);
    }
    void written(std::uint64_t block, std::uint8_t version) noexcept { versions_[block] = version; }
    /// A write that failed may have left anything.
    void forget(std::uint64_t block) noexcept { versions_[block] = 0; }

  private:
    std::vector<std::uint8_t> versions_;
    std::vector<std::uint8_t> busy_;
};

} // namespace pvscsi::bench
