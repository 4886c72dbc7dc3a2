// A small file of a fixed size in memory, for what a successor of this process must know. A process
// that dies leaves in it what it had stored, in program order: no system call is needed, and of two
// stores the compiler must only not change the order. It does not outlive the machine, nor do the
// guests.
//
// Thread: made by the control thread, used by whoever has it. Errors: at set-up only.
#pragma once

#include "common/base/expected.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace pvscsi::backend {

class MappedFile {
  public:
    /// A new one of zeros, for its owner only; under another name until publish(), so that a
    /// successor finds all of it or nothing. Throws std::system_error.
    static MappedFile create(const std::string& path, std::size_t size);
    /// The one that is there. The error says why it can't be had.
    static Expected<MappedFile, std::string> open(const std::string& path, std::size_t size);
    /// The same for one that somebody else writes: storing to it is a fault.
    static Expected<MappedFile, std::string> open_to_read(const std::string& path,
                                                          std::size_t size);
    ~MappedFile();
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&&) = delete;

    /// In place of what may be at its path. Throws std::system_error.
    void publish();
    [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
    template <class T>
    [[nodiscard]] T& as() const noexcept {
        return *reinterpret_cast<T*>(bytes_.data());
    }

  private:
    enum class Access : std::uint8_t { read, write };
    MappedFile(int fd, std::size_t size, Access access = Access::write);
    static Expected<MappedFile, std::string> open(const std::string& path, std::size_t size,
                                                  Access access);

    std::span<std::byte> bytes_;
    std::string path_; ///< where publish() brings it; empty afterwards
};

/// What is before it in the program was stored by a process that died after it.
inline void stored_before() noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

} // namespace pvscsi::backend
