#include "frontend/bench/pattern.hpp"

#include <cstring>

namespace pvscsi::bench {

namespace {

/// splitmix64 (Steele, Lea, Flood 2014): neighbouring numbers give unrelated ones.
std::uint64_t mix(std::uint64_t x) noexcept {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/// Calls `word(offset, value)` for all 8-byte words of a block until it returns false.
template <class Word>
bool for_each_word(std::size_t size, std::uint64_t seed, std::uint64_t block, std::uint8_t version,
                   Word&& word) noexcept {
    std::uint64_t value = mix(mix(seed ^ block) + version);
    for (std::size_t offset = 0; offset + 8 <= size; offset += 8, value += 0x9e3779b97f4a7c15)
        if (!word(offset, value ^ value >> 29))
            return false;
    return true;
}

} // namespace

void fill_pattern(std::span<std::byte> data, std::uint64_t seed, std::uint64_t block,
                  std::uint8_t version) noexcept {
    for_each_word(data.size(), seed, block, version, [&](std::size_t offset, std::uint64_t value) {
        std::memcpy(data.data() + offset, &value, sizeof value);
        return true;
    });
}

bool matches_pattern(std::span<const std::byte> data, std::uint64_t seed, std::uint64_t block,
                     std::uint8_t version) noexcept {
    return for_each_word(data.size(), seed, block, version,
                         [&](std::size_t offset, std::uint64_t value) {
                             return std::memcmp(data.data() + offset, &value, sizeof value) == 0;
                         });
}

} // namespace pvscsi::bench
