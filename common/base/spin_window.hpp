// How long to look for work before sleeping: a window that tunes itself.
//
// Work that comes shortly after falling asleep would have been worth a longer look, so the window
// grows; a long sleep shrinks it. And looking has to pay: each time work is met while awake saves
// a wake-up, each time it isn't the whole look was for nothing. A window that only costs (the peer
// waits for the very processor that we spin on, or always takes a little longer than we look) is
// closed for a while, and for longer each time it turns out no better.
//
// One thread. Never fails, allocates nothing.
#pragma once

#include <algorithm>
#include <chrono>

namespace pvscsi {

class SpinWindow {
  public:
    using Duration = std::chrono::nanoseconds;

    /// Of the window while it is open.
    struct Limits {
        Duration least, most;
    };

    /// How long to look before sleeping; 0 at first.
    [[nodiscard]] constexpr Duration length() const noexcept {
        return closed_for_ > 0 ? Duration::zero() : open_;
    }

    /// Work came before the window had passed.
    constexpr void met() noexcept {
        balance_ += saved_by_a_meeting;
        if (balance_ >= most_saved) {
            balance_ = most_saved;
            next_closure_ = shortest_closure;
        }
    }

    /// It did not: it came after sleeping for `asleep`.
    constexpr void missed(Duration asleep, const Limits& limits) noexcept {
        if (closed_for_ > 0) {
            --closed_for_;
            return;
        }
        balance_ -= open_;
        open_ = std::clamp(asleep < limits.most ? open_ * 2 : open_ / 2, limits.least, limits.most);
        if (balance_ > -most_owed)
            return;
        closed_for_ = next_closure_;
        next_closure_ = std::min(next_closure_ * 2, longest_closure);
        balance_ = -most_owed + trial; // it has to show soon that things are better
    }

  private:
    static constexpr Duration saved_by_a_meeting = std::chrono::microseconds(10);
    static constexpr Duration most_saved = std::chrono::milliseconds(1);
    static constexpr Duration most_owed = std::chrono::milliseconds(2);
    static constexpr Duration trial = std::chrono::microseconds(200);
    static constexpr unsigned shortest_closure = 16, longest_closure = 1024; ///< sleeps

    Duration open_{}, balance_{};
    unsigned closed_for_ = 0, next_closure_ = shortest_closure;
};

} // namespace pvscsi
