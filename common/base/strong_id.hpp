// Numbers that must not be mixed up: a domain id is not a grant reference is not a port.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace pvscsi {

template <class Tag, class Rep>
class StrongId {
  public:
    using rep = Rep;

    constexpr StrongId() = default;
    explicit constexpr StrongId(Rep value) : value_(value) {}

    [[nodiscard]] constexpr Rep value() const { return value_; }
    friend constexpr auto operator<=>(StrongId, StrongId) = default;

  private:
    Rep value_{};
};

/// A Xen domain. 0 is dom0 (xen/include/public/xen.h).
using DomId = StrongId<struct DomIdTag, std::uint16_t>;
/// An index into the granting domain's grant table.
using GrantRef = StrongId<struct GrantRefTag, std::uint32_t>;
/// An event channel port, local to one domain. 0 is never valid.
using EvtchnPort = StrongId<struct EvtchnPortTag, std::uint32_t>;
/// The number of a vhost below `backend/vscsi/<domid>`.
using DevId = StrongId<struct DevIdTag, std::uint32_t>;

} // namespace pvscsi

template <class Tag, class Rep>
struct std::hash<pvscsi::StrongId<Tag, Rep>> {
    std::size_t operator()(pvscsi::StrongId<Tag, Rep> id) const noexcept {
        return std::hash<Rep>{}(id.value());
    }
};
