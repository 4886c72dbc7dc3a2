// An injector of faults before a unit that a test controls.
#pragma once

#include "backend/inject/injector.hpp"
#include "tests/support/target_host.hpp"

#include <catch2/catch.hpp>

#include <optional>

namespace pvscsi::test {

/// Ends commands at once, or when it is told, or is asked to abort or reset.
class FaultyUnit final : public backend::Target {
  public:
    backend::Step start(backend::Request& request) noexcept override {
        ++started;
        if (request.direction() == ring::Direction::to_device) {
            request.want_data(request.buffer(request.length()));
            return backend::Step::need_data;
        }
        if (request.direction() == ring::Direction::from_device)
            request.outcome.data_in = std::span(data).first(request.length());
        return resume(request);
    }
    backend::Step resume(backend::Request& request) noexcept override {
        if (request.direction() == ring::Direction::to_device)
            request.outcome.consumed = request.length();
        if (at_once)
            return backend::Step::done;
        held.push_back(&request);
        return backend::Step::pending;
    }
    void drop(backend::Request& /*request*/) noexcept override { ++dropped; }
    void abort(backend::Request& /*request*/) noexcept override { ++aborts; }
    void reset(std::function<void(bool)> done) noexcept override {
        ++resets;
        for (backend::Request* const request : std::exchange(held, {})) {
            request->outcome.clear();
            request->outcome.host = scsi::HostCode::reset;
            request->finish();
        }
        done(true);
    }
    void detach() noexcept override { detached = true; }
    [[nodiscard]] std::uint8_t device_type() const noexcept override { return 0; }
    void finish_all() {
        for (backend::Request* const request : std::exchange(held, {}))
            request->finish();
    }

    bool at_once = true, detached = false;
    unsigned started = 0, dropped = 0, aborts = 0, resets = 0;
    std::vector<backend::Request*> held;
    std::array<std::byte, 4096> data{};
};

inline backend::inject::Rule rule(std::string_view text) {
    auto parsed = backend::inject::Rule::parse(text);
    if (!parsed)
        FAIL(parsed.error());
    return std::move(*parsed);
}

struct InjectBed {
    explicit InjectBed(std::initializer_list<std::string_view> rules = {}) {
        auto own_unit = std::make_unique<FaultyUnit>();
        unit = own_unit.get();
        auto own = std::make_unique<backend::inject::Injector>(std::move(own_unit),
                                                               std::chrono::milliseconds(50));
        injector = own.get();
        host.emplace(std::move(own));
        for (const auto text : rules)
            injector->add({rule(text)});
    }
    void go_on(std::chrono::milliseconds time = std::chrono::milliseconds(5)) {
        const auto end = std::chrono::steady_clock::now() + time;
        while (std::chrono::steady_clock::now() < end)
            host->worker().context().run_one_for(std::chrono::milliseconds(1));
    }
    bool wait(TargetHost::Flight& flight) { return host->wait(flight); }

    FaultyUnit* unit = nullptr;
    backend::inject::Injector* injector = nullptr;
    std::optional<TargetHost> host;
};

inline const Bytes tur_cdb(6);
inline const Bytes read10{0x28, 0, 0, 0, 0, 100, 0, 0, 8, 0}; // blocks 100 to 107
inline const Bytes write10{0x2a, 0, 0, 0, 0, 100, 0, 0, 8, 0};

} // namespace pvscsi::test
