// A session of the frontend library over a mock backend, with waits short enough for tests.
#pragma once

#include "frontend/session.hpp"
#include "tests/support/mock_backend.hpp"

#include <array>

namespace pvscsi::test {

inline frontend::Timing quick_timing() {
    using std::chrono::milliseconds;
    frontend::Timing timing;
    timing.control_interval = milliseconds(0);
    timing.drain_grace = timing.remove_wait = milliseconds(40);
    timing.close_wait = milliseconds(30);
    timing.invitation_wait = milliseconds(20);
    timing.abort_wait = timing.reset_wait = milliseconds(20);
    timing.backoff_min = milliseconds(1);
    timing.backoff_max = milliseconds(4);
    return timing;
}

struct FrontendBed {
    FakeHost host;
    MockBackend backend{host};
    std::shared_ptr<FakeHypervisor> hypervisor =
        std::make_shared<FakeHypervisor>(host, guest_domain);
    SessionOptions options;
    frontend::Timing timing = quick_timing();
    std::vector<Event> events;
    std::unique_ptr<Session> session;

    explicit FrontendBed(const std::vector<std::string>& luns = {"0:0:0:0"}) {
        backend.create_vhost(luns);
        options.connect_timeout = std::chrono::milliseconds(2'000);
    }

    Session& open() {
        session = Session::Impl::open(hypervisor, options, timing);
        session->on_event([this](const Event& event) { events.push_back(event); });
        return *session;
    }

    /// Runs the session until `done()`, at most two seconds.
    template <class Done>
    bool run_until(Done&& done) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
        while (!done() && std::chrono::steady_clock::now() < end)
            session->wait(std::chrono::milliseconds(2));
        return done();
    }
    [[nodiscard]] std::size_t count(Event::Kind kind) const {
        std::size_t n = 0;
        for (const Event& event : events)
            n += event.kind == kind ? 1 : 0;
        return n;
    }
};

/// What a completion said, kept.
struct Outcome {
    int calls = 0;
    Host host = Host::ok;
    std::uint8_t status = 0;
    std::vector<std::uint8_t> sense;
    std::uint32_t residual = 0;

    CompletionHandler handler() {
        return [this](const Completion& completion) {
            ++calls;
            host = completion.host;
            status = completion.status;
            sense.assign(completion.sense.begin(), completion.sense.end());
            residual = completion.residual;
        };
    }
};

inline constexpr std::array<std::uint8_t, 6> test_unit_ready{};
inline constexpr std::array<std::uint8_t, 10> read_10{0x28};
inline constexpr std::array<std::uint8_t, 10> write_10{0x2a};

inline ScsiCommand command(std::span<const std::uint8_t> cdb,
                           DataDirection direction = DataDirection::none,
                           std::span<std::byte> data = {}) {
    ScsiCommand command;
    command.cdb = cdb;
    command.direction = direction;
    command.data = data;
    return command;
}

} // namespace pvscsi::test
