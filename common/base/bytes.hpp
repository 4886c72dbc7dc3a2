// Big-endian fields of SCSI commands and data, always through a bounds-known span.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pvscsi {

namespace detail {
template <unsigned N>
[[nodiscard]] constexpr std::uint64_t load_be(std::span<const std::uint8_t> bytes,
                                              std::size_t offset) {
    assert(offset + N <= bytes.size());
    std::uint64_t value = 0;
    for (unsigned i = 0; i < N; ++i)
        value = value << 8 | bytes[offset + i];
    return value;
}

template <unsigned N>
constexpr void store_be(std::span<std::uint8_t> bytes, std::size_t offset, std::uint64_t value) {
    assert(offset + N <= bytes.size());
    for (unsigned i = 0; i < N; ++i)
        bytes[offset + i] = static_cast<std::uint8_t>(value >> (8 * (N - 1 - i)));
}
} // namespace detail

[[nodiscard]] constexpr std::uint16_t load_be16(std::span<const std::uint8_t> b, std::size_t o) {
    return static_cast<std::uint16_t>(detail::load_be<2>(b, o));
}
[[nodiscard]] constexpr std::uint32_t load_be24(std::span<const std::uint8_t> b, std::size_t o) {
    return static_cast<std::uint32_t>(detail::load_be<3>(b, o));
}
[[nodiscard]] constexpr std::uint32_t load_be32(std::span<const std::uint8_t> b, std::size_t o) {
    return static_cast<std::uint32_t>(detail::load_be<4>(b, o));
}
[[nodiscard]] constexpr std::uint64_t load_be64(std::span<const std::uint8_t> b, std::size_t o) {
    return detail::load_be<8>(b, o);
}
constexpr void store_be16(std::span<std::uint8_t> b, std::size_t o, std::uint64_t v) {
    detail::store_be<2>(b, o, v);
}
constexpr void store_be24(std::span<std::uint8_t> b, std::size_t o, std::uint64_t v) {
    detail::store_be<3>(b, o, v);
}
constexpr void store_be32(std::span<std::uint8_t> b, std::size_t o, std::uint64_t v) {
    detail::store_be<4>(b, o, v);
}
constexpr void store_be64(std::span<std::uint8_t> b, std::size_t o, std::uint64_t v) {
    detail::store_be<8>(b, o, v);
}

[[nodiscard]] inline std::span<const std::uint8_t> as_u8(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline std::span<std::uint8_t> as_writable_u8(std::span<std::byte> bytes) {
    return {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()};
}

} // namespace pvscsi
