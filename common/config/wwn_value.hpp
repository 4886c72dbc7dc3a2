// A world wide name as a value (wwn.hpp has its texts).
#pragma once

#include <compare>
#include <cstdint>

namespace pvscsi::config {

/// 64 bits, and never taken for another number. Zero: none.
class Wwn {
  public:
    constexpr Wwn() = default;
    explicit constexpr Wwn(std::uint64_t value) : value_(value) {}
    [[nodiscard]] constexpr std::uint64_t value() const noexcept { return value_; }
    [[nodiscard]] constexpr bool is_none() const noexcept { return value_ == 0; }
    friend constexpr auto operator<=>(Wwn, Wwn) = default;

  private:
    std::uint64_t value_ = 0;
};

} // namespace pvscsi::config
