// What the way between guest and device carries, told in the device's own words: the lengths in VPD
// page B0h (SBC-4 6.6.4) and in READ BLOCK LIMITS (SSC-5 7.5) are made smaller where the ring, the
// host adapter or the kernel moves less in one command than the device would. They are never made
// larger; a length of 0, "no limit reported", becomes the limit that there is.
//
// Around the device itself, within all that looks at commands for a guest's sake.
// Thread: as Target. Errors: none; data that are no such page, or too short for a field, stay.
#pragma once

#include "backend/decorator.hpp"

namespace pvscsi::backend {

class LimitsTarget final : public Decorator {
  public:
    /// `most`: bytes of data that one command can have on the whole way; not 0. `block_size`: of
    /// the medium, 0 if it is not known yet; what READ CAPACITY says goes before it.
    LimitsTarget(std::unique_ptr<Target> inner, std::uint64_t most, std::uint32_t block_size);

  private:
    bool ended(Request& request) noexcept override;
    void learn_block_size(std::span<const std::uint8_t> data, std::size_t at) noexcept;

    const std::uint64_t most_;
    std::uint32_t block_size_;
};

/// Edits a page B0h of a disk; `blocks`: the most that one command can move.
void lower_block_limits(std::span<std::uint8_t> page, std::uint64_t blocks) noexcept;
/// Edits READ BLOCK LIMITS data, of the form without MLOI.
void lower_tape_limits(std::span<std::uint8_t> data, std::uint64_t bytes) noexcept;

} // namespace pvscsi::backend
