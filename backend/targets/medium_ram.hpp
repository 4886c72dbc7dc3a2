// A disk in the daemon's memory (`ram:SIZE`), and one that has no bytes at all (`null:SIZE`).
#pragma once

#include "backend/targets/medium.hpp"
#include "backend/targets/ram_ledger.hpp"

namespace pvscsi::backend {

/// Anonymous memory that takes up room only where something was written.
class RamMedium final : public Medium {
  public:
    /// Throws std::system_error, or std::runtime_error if the host has no memory to fill it.
    explicit RamMedium(std::uint64_t bytes, RamLedger& ledger = RamLedger::of_process());
    ~RamMedium() override;

    [[nodiscard]] const MediumLimits& limits() const noexcept override { return limits_; }
    [[nodiscard]] std::span<std::byte> memory() noexcept override { return memory_; }
    [[nodiscard]] bool submit(MediumOp& op) noexcept override;

  private:
    RamLedger& ledger_;
    MediumLimits limits_;
    std::span<std::byte> memory_;
};

/// Takes every write and has zeros for who insists on data; READ and WRITE move nothing.
class NullMedium final : public Medium {
  public:
    explicit NullMedium(std::uint64_t bytes) { limits_.bytes = bytes; }

    [[nodiscard]] const MediumLimits& limits() const noexcept override { return limits_; }
    [[nodiscard]] bool moves_nothing() const noexcept override { return true; }
    [[nodiscard]] bool submit(MediumOp& op) noexcept override;

  private:
    MediumLimits limits_;
};

} // namespace pvscsi::backend
