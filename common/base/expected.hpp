// Expected<T, E>: a value or the reason why there is none, for outcomes that a peer or a device
// causes. Set-up failures of our own throw std::system_error instead. An alias, so that
// std::expected can take over when the oldest compiler in use has it.
#pragma once

#include <system_error>
#include <tl/expected.hpp>

namespace pvscsi {

template <class T, class E>
using Expected = tl::expected<T, E>;

template <class T>
using Result = Expected<T, std::error_code>;

template <class E>
[[nodiscard]] constexpr tl::unexpected<E> unexpected(E error) {
    return tl::unexpected<E>(error);
}

/// An errno value as the reason: that of a failed call, or of the protocol that is spoken.
[[nodiscard]] inline tl::unexpected<std::error_code> unexpected_errno(int error) {
    return tl::unexpected<std::error_code>(std::error_code(error, std::generic_category()));
}

} // namespace pvscsi
