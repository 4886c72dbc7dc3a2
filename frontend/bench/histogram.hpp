// Latencies counted in buckets whose width is at most 1/64 of their value: any percentile within
// 1.6 percent, in constant memory and without allocation.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace pvscsi::bench {

class Histogram {
  public:
    void add(std::uint64_t value) noexcept {
        ++buckets_[bucket(value)];
        ++count_;
        sum_ += value;
        max_ = std::max(max_, value);
    }

    void merge(const Histogram& other) noexcept {
        for (std::size_t i = 0; i < buckets_.size(); ++i)
            buckets_[i] += other.buckets_[i];
        count_ += other.count_;
        sum_ += other.sum_;
        max_ = std::max(max_, other.max_);
    }

    /// The least value that at least `share` (0 to 1) of all are not above; 0 if there are none.
    [[nodiscard]] std::uint64_t percentile(double share) const noexcept {
        const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < buckets_.size(); ++i) {
            seen += buckets_[i];
            if (seen > 0 && seen >= wanted)
                return std::min(highest(i), max_);
        }
        return 0;
    }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t max() const noexcept { return max_; }
    [[nodiscard]] double mean() const noexcept {
        return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
    }

  private:
    static constexpr unsigned bits = 6; ///< of a value that its bucket keeps, below the highest
    static constexpr std::uint64_t linear = 1u << (bits + 1);

    static std::size_t bucket(std::uint64_t value) noexcept {
        if (value < linear)
            return static_cast<std::size_t>(value);
        const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - bits - 1;
        return (static_cast<std::size_t>(shift) << bits) + static_cast<std::size_t>(value >> shift);
    }
    /// The greatest value of a bucket.
    static std::uint64_t highest(std::size_t index) noexcept {
        if (index < linear)
            return index;
        const std::size_t shift = (index >> bits) - 1;
        const std::uint64_t lead = index - (shift << bits);
        return ((lead + 1) << shift) - 1;
    }

    std::array<std::uint64_t, (64 - bits + 1) << bits> buckets_{};
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t max_ = 0;
};

} // namespace pvscsi::bench
