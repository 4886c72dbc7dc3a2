// What the sg driver says became of a command, as the guest is told it; and what every way to a
// device has in common of that.
#pragma once

#include "backend/request.hpp"

#include <optional>

struct sg_io_hdr;

namespace pvscsi::backend {

/// `data` and `sense` are the command's buffers, `length` the bytes of data that were asked for.
/// Everything in `header` that came from the device or its driver is checked.
[[nodiscard]] Outcome outcome_of(const ::sg_io_hdr& header, ring::Direction direction,
                                 std::span<const std::byte> data,
                                 std::span<const std::uint8_t> sense) noexcept;

/// The kernel would not take the command; `error` is the errno that said so.
[[nodiscard]] Outcome outcome_of_refusal(int error, std::uint32_t length) noexcept;

/// A status of SAM-5; nothing if it is none.
[[nodiscard]] std::optional<scsi::Status> known_status(std::uint8_t value) noexcept;
/// SPC-5 4.4: the response codes 70h to 73h; anything else is no sense data.
[[nodiscard]] bool is_sense(std::span<const std::uint8_t> bytes) noexcept;

/// Of a unit that is read only for the guest: sets WP in the mode parameter header, if `data` begin
/// with one, for a guest's drivers look there for whether they may write.
void mark_write_protected(std::uint8_t device_type, std::uint8_t opcode,
                          std::span<std::byte> data) noexcept;

[[nodiscard]] Outcome host_outcome(scsi::HostCode host) noexcept;
[[nodiscard]] Outcome status_outcome(scsi::Status status) noexcept;
[[nodiscard]] Outcome sense_outcome(scsi::SenseKey key, std::uint8_t asc,
                                    std::uint8_t ascq) noexcept;

} // namespace pvscsi::backend
