#include "backend/targets/iscsi/result.hpp"

#include "backend/targets/sg/result.hpp"

#include <algorithm>

namespace pvscsi::backend {

Outcome outcome_of(const IscsiAnswer& answer, ring::Direction direction,
                   std::span<const std::byte> data) noexcept {
    using Kind = IscsiAnswer::Kind;
    if (answer.kind == Kind::lost)
        return host_outcome(scsi::HostCode::transport_disrupted);
    const auto status = known_status(answer.status);
    if (answer.kind == Kind::failed || !status)
        return host_outcome(scsi::HostCode::error);
    Outcome outcome = status_outcome(*status);
    const std::size_t moved = data.size() - std::min<std::size_t>(answer.residual, data.size());
    if (direction == ring::Direction::from_device)
        outcome.data_in = data.first(moved);
    else if (direction == ring::Direction::to_device)
        outcome.consumed = static_cast<std::uint32_t>(moved);
    if (is_sense(answer.sense))
        outcome.sense = scsi::Sense::from_bytes(answer.sense);
    return outcome;
}

} // namespace pvscsi::backend
