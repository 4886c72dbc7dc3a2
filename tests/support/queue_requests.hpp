// What the tests of a queue send, and a target that answers at once.
#pragma once

#include "tests/support/queue_bed.hpp"

namespace pvscsi::test {

[[nodiscard]] constexpr std::int32_t host(unsigned code) {
    return static_cast<std::int32_t>(code << 16);
}
inline constexpr std::int32_t no_connect = host(1), host_abort = host(5), host_error = host(7);
inline constexpr std::initializer_list<std::uint8_t> tur{0, 0, 0, 0, 0, 0};
inline constexpr std::initializer_list<std::uint8_t> read_one{0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0};
inline constexpr std::initializer_list<std::uint8_t> write_one{0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0};

inline ring::WireRequest manage(std::uint16_t tag, ring::WireAction action,
                                std::uint16_t victim = 0) {
    ring::WireRequest wire = QueueBed::request(tag, tur);
    wire.act = static_cast<std::uint8_t>(action);
    wire.ref_rqid = victim;
    return wire;
}

/// Answers at once: reads give `data`, writes take it.
class EchoTarget final : public backend::Target {
  public:
    std::array<std::byte, 4096> data{};
    std::size_t greed = 0; ///< that much more than the guest has
    unsigned started = 0, dropped = 0;
    backend::Step start(backend::Request& request) noexcept override {
        ++started;
        if (request.direction() == ring::Direction::to_device) {
            request.want_data(std::span(data).first(request.length() + greed));
            return backend::Step::need_data;
        }
        request.outcome.data_in = data;
        return backend::Step::done;
    }
    backend::Step resume(backend::Request& request) noexcept override {
        request.outcome.consumed = static_cast<std::uint32_t>(request.data().size());
        return backend::Step::done;
    }
    void drop(backend::Request&) noexcept override { ++dropped; }
    std::uint8_t device_type() const noexcept override { return 0; }
};

/// Ends what `target` holds, on the worker.
inline void end(QueueBed& bed, backend::Request* request, scsi::HostCode code) {
    bed.run([&] {
        request->outcome.host = code;
        request->finish();
    });
}

inline void wait_held(QueueBed& bed, HeldTarget& target, std::size_t count) {
    for (std::size_t held = 0; held < count;)
        bed.run([&] { held = target.held.size(); });
}

} // namespace pvscsi::test
