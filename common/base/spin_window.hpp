// How long to look for work before sleeping, decided by what it brings.
//
// What a wake-up costs depends on the machine (3 us on one processor, 50 us across two, 1 ms on an
// emulated Xen) and on the peer, which may need the very processor that we spin on. None of that
// can be seen from here; what can be seen is how much work comes in a time. So both ways are
// tried, by turns and for short times, and the one stays that gets more done; looking has to win
// by a sixteenth, because it costs a processor. Where work comes at a pace of its own, looking wins
// nothing and is not done. The longer a choice has held, the less often it is tried again.
//
// Time is cut into epochs of at least `least_work` pieces of work and `least_time`; the clock is
// read at their ends only.
//
// One thread. Never fails, allocates nothing.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <utility>

namespace pvscsi {

class SpinWindow {
  public:
    using Duration = std::chrono::nanoseconds;

    struct Limits {
        Duration least, most; ///< of the window; with `most` 0 it is never open
    };

    explicit constexpr SpinWindow(const Limits& limits) noexcept
        : limits_(limits), window_(limits.least) {}

    /// How long to look before sleeping; 0: not at all.
    [[nodiscard]] constexpr Duration length() const noexcept {
        return way_ == Way::look ? std::min(window_, limits_.most) : Duration::zero();
    }

    /// Work came before the window had passed.
    constexpr void met() noexcept {
        ++waits_;
        misses_in_a_row_ = 0;
    }

    /// It did not, or there is no window: we go to sleep.
    constexpr void missed() noexcept {
        ++waits_;
        if (way_ != Way::look)
            return;
        ++misses_;
        if (++misses_in_a_row_ == most_in_a_row)
            give_up();
    }

    /// So much work was done. True: measure() wants to know the time.
    [[nodiscard]] constexpr bool worked(unsigned pieces) noexcept {
        work_ += pieces;
        return work_ >= enough_;
    }

    /// After worked(); `now` by any steady clock.
    constexpr void measure(Duration now) noexcept {
        const Duration took = now - began_;
        if (began_ != Duration::zero() && took < least_time) {
            enough_ = work_ + least_work; // read the clock less often
            return;
        }
        if (began_ != Duration::zero())
            end_epoch(took);
        begin_epoch(now);
    }

  private:
    enum class Way : std::uint8_t { sleep, look };
    struct Tally {
        double work = 0, time = 0;
    };

    static constexpr unsigned least_work = 32;
    static constexpr Duration least_time = std::chrono::milliseconds(1);
    /// Epochs of a trial: the other way and the usual one by turns.
    static constexpr unsigned trial = 4;
    static constexpr unsigned most_in_a_row = 3; ///< windows that pass without work
    static constexpr unsigned shortest_pause = 4, longest_pause = 64; ///< epochs between trials

    constexpr void begin_epoch(Duration now) noexcept {
        began_ = now;
        work_ = waits_ = misses_ = 0;
        enough_ = least_work;
    }

    /// What is looked for comes only when we sleep, or there is nothing more to do: no need to time
    /// that. When work comes again as it did, what was better then is better, but for a second
    /// time.
    constexpr void give_up() noexcept {
        if (trial_left_ > 0 || std::exchange(gave_up_, true))
            return choose(Way::sleep);
        way_ = Way::sleep;
        misses_in_a_row_ = 0;
    }

    constexpr void end_epoch(Duration took) noexcept {
        if (took > limits_.most * work_) // a pause says nothing of what is the better way
            return;
        // Several times what is waited for usually; it comes at different times.
        if (way_ == Way::sleep || misses_ * 4 <= waits_)
            window_ = std::clamp(took * 4 / std::max(waits_, 1u), limits_.least,
                                 std::max(limits_.least, limits_.most));
        if (trial_left_ == 0) {
            gave_up_ = way_ != chosen_;
            way_ = chosen_;
            if (--pause_left_ == 0)
                begin_trial();
            return;
        }
        Tally& tally = tallies_[static_cast<std::size_t>(way_)];
        tally.work += work_;
        tally.time += static_cast<double>(took.count());
        if (--trial_left_ == 0)
            choose(better());
        else
            way_ = other(way_);
    }

    constexpr void begin_trial() noexcept {
        trial_left_ = trial;
        for (Tally& tally : tallies_) // earlier ones count, but less and less
            tally.work /= 2, tally.time /= 2;
        way_ = other(chosen_);
    }

    [[nodiscard]] constexpr Way better() const noexcept {
        const auto& [sleep, look] = tallies_;
        return look.work * sleep.time * 16 > sleep.work * look.time * 17 ? Way::look : Way::sleep;
    }

    constexpr void choose(Way way) noexcept {
        pause_ = way == chosen_ ? std::min(pause_ * 2, longest_pause) : shortest_pause;
        pause_left_ = pause_;
        trial_left_ = misses_in_a_row_ = 0;
        way_ = chosen_ = way;
    }

    static constexpr Way other(Way way) noexcept {
        return way == Way::sleep ? Way::look : Way::sleep;
    }

    Limits limits_;
    Duration window_;
    Way way_ = Way::sleep, chosen_ = Way::sleep;
    std::array<Tally, 2> tallies_{}; ///< by Way
    unsigned trial_left_ = 0, pause_ = shortest_pause, pause_left_ = 1;
    unsigned misses_in_a_row_ = 0;
    bool gave_up_ = false; ///< in the last epoch or this one, though looking is chosen
    // This epoch.
    Duration began_{};
    unsigned work_ = 0, enough_ = least_work, waits_ = 0, misses_ = 0;
};

} // namespace pvscsi
