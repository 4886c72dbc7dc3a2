// Building the answer of a request. BackRing::put() writes its fields to the page and nothing else,
// so nothing of our memory goes along.
#pragma once

#include "ring/command.hpp"

#include <algorithm>

namespace pvscsi::ring {

/// `host` and `status` are codes of common/scsi/status.hpp; `residual` is the requested length
/// less what was transferred, never more than the requested length.
[[nodiscard]] inline WireResponse make_response(GuestTag tag, std::uint8_t host,
                                                std::uint8_t status,
                                                std::span<const std::uint8_t> sense,
                                                std::uint32_t residual) noexcept {
    WireResponse response{};
    response.rqid = tag.value();
    response.act = static_cast<std::uint8_t>(WireAction::cdb);
    const auto cut = sense.first(std::min<std::size_t>(sense.size(), max_sense_size));
    response.sense_len = static_cast<std::uint8_t>(cut.size());
    std::copy(cut.begin(), cut.end(), response.sense_buffer.begin());
    response.rslt = static_cast<std::int32_t>(status | std::uint32_t{host} << 16);
    response.residual_len = residual;
    return response;
}

/// The answer to an ABORT or RESET.
[[nodiscard]] inline WireResponse make_task_management_response(GuestTag tag, Action action,
                                                                bool success) noexcept {
    WireResponse response{};
    response.rqid = tag.value();
    response.act =
        static_cast<std::uint8_t>(action == Action::abort ? WireAction::abort : WireAction::reset);
    response.rslt = success ? task_management_success : task_management_failed;
    return response;
}

} // namespace pvscsi::ring
