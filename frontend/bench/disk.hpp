// A logical unit seen as blocks: its capacity, and the commands that read and write it (SBC-4).
// Thread: the session's. Errors: std::runtime_error that says what the device answered.
#pragma once

#include "frontend/include/pvscsi/frontend.hpp"

#include <array>

namespace pvscsi::bench {

struct Capacity {
    std::uint64_t blocks = 0;
    std::uint32_t block_size = 0;
};

/// Waits until the unit is ready, then asks for its capacity.
Capacity read_capacity(Session& session, const Hctl& lun);

/// READ(10) or WRITE(10) where its fields suffice, else READ(16) or WRITE(16).
class TransferCdb {
  public:
    void set(bool write, std::uint64_t lba, std::uint32_t blocks) noexcept;
    [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept {
        return {bytes_.data(), size_};
    }

  private:
    std::array<std::uint8_t, 16> bytes_{};
    std::size_t size_ = 0;
};

/// What became of a command that did not end well, in words.
std::string describe(const Completion& completion);

} // namespace pvscsi::bench
