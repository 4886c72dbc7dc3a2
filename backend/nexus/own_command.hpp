// A command of the daemon's own at a unit: one at a time, asynchronous like a guest's.
//
// Thread: the unit's worker. Errors: the outcome says them. Memory is allocated when it is made.
#pragma once

#include "backend/target.hpp"

#include <cstdlib>
#include <functional>
#include <memory>

namespace pvscsi::backend {

class OwnCommand final : private RequestOwner {
  public:
    /// Bytes that it can move.
    static constexpr std::size_t room = 8192;
    /// `outcome.data_in` is there for the length of the call. May be called from inside the call
    /// that sent the command; the next one can be sent from inside.
    using Ended = std::function<void(const Outcome& outcome)>;

    OwnCommand();

    [[nodiscard]] bool busy() const noexcept { return unit_ != nullptr; }
    /// Not while it is busy. `cdb` is one that parse() takes, `data` at most `room` bytes.
    void send(Target& unit, std::span<const std::uint8_t> cdb, std::span<const std::uint8_t> data,
              Ended ended) noexcept;
    /// The same with up to `length` (at most `room`) bytes to come.
    void fetch(Target& unit, std::span<const std::uint8_t> cdb, std::uint32_t length,
               Ended ended) noexcept;

  private:
    void begin(Target& unit, std::span<const std::uint8_t> cdb, ring::Direction direction,
               std::uint32_t length, Ended ended) noexcept;
    void finished(Request& request) noexcept override;
    std::span<std::byte> buffer(Request& request, std::size_t size) noexcept override;

    struct Free {
        void operator()(std::byte* at) const noexcept { std::free(at); }
    };
    const std::unique_ptr<std::byte, Free> memory_; ///< the unit's, as a slot has it
    const std::unique_ptr<std::byte, Free> data_;   ///< what goes out, or what has come
    ring::SegmentList segments_;
    Request request_;
    Target* unit_ = nullptr;
    Ended ended_;
};

} // namespace pvscsi::backend
