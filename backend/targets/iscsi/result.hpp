// What a target says became of a command, as the guest is told it.
#pragma once

#include "backend/request.hpp"
#include "backend/targets/iscsi/library.hpp"

namespace pvscsi::backend {

/// `data` is the command's buffer. Everything in `answer` that came from the target is checked.
[[nodiscard]] Outcome outcome_of(const IscsiAnswer& answer, ring::Direction direction,
                                 std::span<const std::byte> data) noexcept;

} // namespace pvscsi::backend
