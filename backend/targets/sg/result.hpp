// What the sg driver says became of a command, as the guest is told it.
#pragma once

#include "backend/request.hpp"

struct sg_io_hdr;

namespace pvscsi::backend {

/// `data` and `sense` are the command's buffers, `length` the bytes of data that were asked for.
/// Everything in `header` that came from the device or its driver is checked.
[[nodiscard]] Outcome outcome_of(const ::sg_io_hdr& header, ring::Direction direction,
                                 std::span<const std::byte> data,
                                 std::span<const std::uint8_t> sense) noexcept;

/// The kernel would not take the command; `error` is the errno that said so.
[[nodiscard]] Outcome outcome_of_refusal(int error, std::uint32_t length) noexcept;

[[nodiscard]] Outcome host_outcome(scsi::HostCode host) noexcept;
[[nodiscard]] Outcome status_outcome(scsi::Status status) noexcept;
[[nodiscard]] Outcome sense_outcome(scsi::SenseKey key, std::uint8_t asc,
                                    std::uint8_t ascq) noexcept;

} // namespace pvscsi::backend
