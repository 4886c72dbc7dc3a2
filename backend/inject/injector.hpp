// Does to the commands of a unit what rules say (README.md). The innermost decorator: what is seen
// by the others is what a device could have done.
//
// Thread: the worker's. Without rules a command costs a test. With them nothing is allocated but by
// the timer.
#pragma once

#include "backend/decorator.hpp"
#include "backend/inject/rule.hpp"

#include <boost/asio/steady_timer.hpp>

#include <array>
#include <memory>
#include <optional>
#include <vector>

namespace pvscsi::backend::inject {

/// A rule and what it has done.
struct RuleReport {
    std::string text;
    std::uint64_t fitted = 0; ///< commands that it was for, but those that chance spared
    std::uint64_t hit = 0;    ///< to which it happened
};

class Injector final : public Decorator {
  public:
    /// `patience`: after so long a lost ABORT is done all the same.
    explicit Injector(std::unique_ptr<Target> unit,
                      std::chrono::milliseconds patience = std::chrono::seconds(10))
        : Decorator(std::move(unit)), patience_(patience) {}

    /// In addition to those that there are; most_rules in all.
    void add(const std::vector<Rule>& rules);
    /// From now on nothing happens; what is held stays so.
    void clear() noexcept;
    [[nodiscard]] std::vector<RuleReport> report() const;
    /// Commands to which something happened, ever.
    [[nodiscard]] std::uint64_t hits() const noexcept { return hits_; }

    void attach(Worker& worker) override;
    void detach() noexcept override;
    void abort(Request& request) noexcept override;
    void reset(std::function<void(bool success)> done) noexcept override;
    [[nodiscard]] Injector* injector() noexcept override { return this; }

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr auto never = Clock::time_point::max();

    struct Armed {
        Rule rule;
        std::uint64_t fitted = 0, hit = 0;
    };
    /// A command to which something happens.
    struct Flight {
        Request* request = nullptr; ///< null: unused
        Effect effect;
        bool held = false; ///< here, and not at the unit
        Clock::time_point due =
            never; ///< held: it is finished; else: the unit is asked to abort it
    };

    Verdict admit(Request& request) noexcept override;
    bool ended(Request& request) noexcept override;
    void dropped(Request& request) noexcept override;
    [[nodiscard]] const Effect* choose(const Request& request) noexcept;
    [[nodiscard]] Flight* find(const Request& request) noexcept;
    [[nodiscard]] Flight* unused() noexcept;
    void hold(Flight& flight, Clock::time_point due) noexcept;
    void release(Flight& flight) noexcept { flight = {}, --flying_; }
    void arm() noexcept;
    void expire() noexcept;
    [[nodiscard]] std::uint32_t random() noexcept;

    const std::chrono::milliseconds patience_;
    std::vector<Armed> rules_;
    std::array<Flight, 2 * ring::ring_size> flights_; ///< of one connection, and of the one before
    unsigned flying_ = 0;
    std::uint64_t hits_ = 0;
    std::uint64_t random_ = 0x9e3779b97f4a7c15u;
    std::optional<boost::asio::steady_timer> timer_;
    Clock::time_point armed_for_ = never;
    std::shared_ptr<int> alive_ = std::make_shared<int>(); ///< what the timer's handler looks at
};

} // namespace pvscsi::backend::inject
