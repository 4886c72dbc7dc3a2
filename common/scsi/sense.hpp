// Sense data: what a CHECK CONDITION says (SPC-5 4.4).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace pvscsi::scsi {

enum class SenseKey : std::uint8_t {
    no_sense = 0x0,
    recovered_error = 0x1,
    not_ready = 0x2,
    medium_error = 0x3,
    hardware_error = 0x4,
    illegal_request = 0x5,
    unit_attention = 0x6,
    data_protect = 0x7,
    blank_check = 0x8,
    copy_aborted = 0xa,
    aborted_command = 0xb,
    volume_overflow = 0xd,
    miscompare = 0xe,
};

/// Up to 96 bytes, fixed or descriptor format; empty if there is none.
class Sense {
  public:
    static constexpr std::size_t max_size = 96;

    Sense() = default;
    /// As a device gave it: cut at max_size.
    static Sense from_bytes(std::span<const std::uint8_t> bytes) noexcept;
    /// Fixed format, 18 bytes, current error.
    static Sense fixed(SenseKey key, std::uint8_t asc, std::uint8_t ascq) noexcept;
    /// Descriptor format without descriptors, 8 bytes, current error.
    static Sense descriptor(SenseKey key, std::uint8_t asc, std::uint8_t ascq) noexcept;
    /// Fixed format with INFORMATION valid, or in descriptor format where it needs 64 bits.
    static Sense with_information(SenseKey key, std::uint8_t asc, std::uint8_t ascq,
                                  std::uint64_t information) noexcept;
    /// ILLEGAL REQUEST with a field pointer (SPC-5 4.4.2.4.2): the byte of the CDB, or of the
    /// parameter list, that is wrong; `bit` where one bit can be named.
    static Sense illegal_field(std::uint8_t asc, std::uint8_t ascq, bool in_cdb, std::uint16_t byte,
                               std::optional<std::uint8_t> bit = {}) noexcept;

    [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept {
        return {bytes_.data(), size_};
    }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    /// Cheaper than a new one: once a command, on the way of I/O.
    void clear() noexcept { size_ = 0; }
    /// NO SENSE and 0 if it is empty.
    [[nodiscard]] SenseKey key() const noexcept;
    [[nodiscard]] std::uint8_t asc() const noexcept;
    [[nodiscard]] std::uint8_t ascq() const noexcept;

  private:
    std::array<std::uint8_t, max_size> bytes_{};
    std::uint8_t size_ = 0;
};

} // namespace pvscsi::scsi
