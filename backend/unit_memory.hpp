// What an emulated unit was told and would forget with the process that serves it: its mode pages,
// an open tray, unit attentions that nobody has fetched. A MappedFile a LUN, with two copies in it
// of which one holds: whenever the process dies, the state is the one before a change or the one
// after it.
//
// Thread: made by the control thread, then the worker's; store() neither blocks nor fails.
#pragma once

#include "backend/mapped_file.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace pvscsi::backend {

class UnitMemory {
  public:
    static constexpr std::size_t capacity = 500; ///< bytes

    /// A new one with nothing stored, in place of what may be at `path`. Throws std::system_error.
    static UnitMemory create(const std::string& path);
    /// The one that a predecessor left. The error says why there is none to go on with.
    static Expected<UnitMemory, std::string> reopen(const std::string& path);

    /// What was stored last.
    [[nodiscard]] std::span<const std::uint8_t> contents() const noexcept;
    /// At most `capacity` bytes.
    void store(std::span<const std::uint8_t> bytes) noexcept;

  private:
    struct Image;
    explicit UnitMemory(MappedFile file) : file_(std::move(file)) {}
    [[nodiscard]] bool sound() const noexcept;

    MappedFile file_;
};

} // namespace pvscsi::backend
