// Sealed shared memory. A file that its users could still truncate would kill whoever reads past
// the new end (SIGBUS), so every file is sealed against resizing before anyone else sees it.
//
// Ownership: a Mapping unmaps itself; the file may be closed before. Errors: std::system_error.
#pragma once

#include "common/base/expected.hpp"
#include "common/base/unique_fd.hpp"
#include "common/hypervisor/types.hpp"

#include <cstddef>
#include <span>
#include <utility>

namespace pvscsi::hv::host {

/// A sparse, zeroed file in memory of a fixed size.
[[nodiscard]] UniqueFd make_sealed_memfd(const char* name, std::size_t size);

/// Another open file description of the same file with the given open(2) flags. Unlike a
/// duplicate it shares no status flags or access mode with `fd`.
[[nodiscard]] Result<UniqueFd> reopen(int fd, int flags);

class Mapping {
  public:
    Mapping() = default;
    /// Takes over an existing mapping.
    explicit Mapping(std::span<std::byte> bytes) noexcept : bytes_(bytes) {}
    Mapping(int fd, std::size_t offset, std::size_t size, Access access);
    Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    Mapping& operator=(Mapping&& other) noexcept {
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~Mapping();

    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::byte* data() const noexcept { return bytes_.data(); }
    [[nodiscard]] explicit operator bool() const noexcept { return !bytes_.empty(); }

    /// The memory as a structure of atomics, which has lived in it since the file was made.
    template <class T>
    [[nodiscard]] T& as() const noexcept {
        return *reinterpret_cast<T*>(bytes_.data());
    }

  private:
    std::span<std::byte> bytes_;
};

} // namespace pvscsi::hv::host
