// A clock that costs a few nanoseconds: one reading a request at millions of requests a second.
#pragma once

#include <chrono>
#include <cstdint>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace pvscsi::bench {

inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
    return __rdtsc();
#else
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

/// How long a tick is, measured against the system's clock.
class TickRate {
  public:
    TickRate() {
        using Clock = std::chrono::steady_clock;
        const auto start = Clock::now();
        const std::uint64_t first = ticks();
        Clock::time_point now;
        do
            now = Clock::now();
        while (now - start < std::chrono::milliseconds(20));
        const std::uint64_t last = ticks();
        per_ns_ = static_cast<double>(last - first) /
                  static_cast<double>(std::chrono::nanoseconds(now - start).count());
        ns_per_tick_ = 1 / per_ns_; // dividing is slow
    }
    [[nodiscard]] std::uint64_t to_ns(std::uint64_t duration) const noexcept {
        return static_cast<std::uint64_t>(static_cast<double>(duration) * ns_per_tick_);
    }
    [[nodiscard]] std::uint64_t from_ns(double ns) const noexcept {
        return static_cast<std::uint64_t>(ns * per_ns_);
    }

  private:
    double per_ns_ = 1;
    double ns_per_tick_ = 1;
};

} // namespace pvscsi::bench
