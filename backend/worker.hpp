// A data thread: an io_context of its own, an io_uring for the targets on it, and the
// spin-or-sleep loop over what is pinned to it.
//
// A turn polls every active Pollable. One that has had nothing to do for longer than its spin
// window is armed and left out of the turns until its event (a readable file in the io_context)
// activates it again, so an idle vhost costs nothing. When nothing is active the thread sleeps.
//
// The window tunes itself, each vhost's for itself (common/base/spin_window.hpp).
#pragma once

#include "common/base/spin_window.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace pvscsi::backend {

class Uring;

/// How long to look for work before sleeping.
enum class Wait : std::uint8_t {
    event,    ///< sleep at once
    adaptive, ///< spin for a bounded time that tunes itself to what came of it
    poll,     ///< never sleep while a vhost is connected
};

/// Something that a worker looks at in every turn while it is active.
class Pollable {
  public:
    /// Does what there is to do, without blocking; how much it was.
    virtual unsigned poll() noexcept = 0;
    /// Asks for an event, after which poll() is not needed until it comes.
    /// False if work has come meanwhile: poll again.
    virtual bool arm() noexcept = 0;
    /// A guest drives it: with Wait::poll it is never armed.
    [[nodiscard]] virtual bool guest_driven() const noexcept { return false; }

  protected:
    virtual ~Pollable() = default;

  private:
    friend class Worker;
    using Clock = std::chrono::steady_clock;
    bool active_ = false;
    unsigned idle_turns_ = 0; ///< since it had something to do
    Clock::time_point idle_since_{};
    std::optional<SpinWindow> window_; ///< from its first activation
};

class Worker {
  public:
    static constexpr std::chrono::microseconds least_spin{4};
    static constexpr std::chrono::microseconds default_most_spin{5'000};

    /// Starts the thread. Throws std::system_error.
    Worker(const std::string& name, Wait wait,
           std::chrono::microseconds most_spin = default_most_spin);
    ~Worker(); ///< stops and joins; everything must have been removed
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // --- any thread ---
    /// Runs `work` on the worker. The only way in from another thread.
    void post(std::function<void()> work);
    /// The same, and waits until it has run. Throws what it throws. Not from a worker.
    void call(const std::function<void()>& work);

    // --- the worker's thread ---
    [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
    [[nodiscard]] bool inside() const noexcept {
        return thread_.get_id() == std::this_thread::get_id();
    }
    /// The time as of this turn, right to some microseconds: the clock is read once in it at most,
    /// and not at all where idle turns before it have read it for their own sake.
    [[nodiscard]] std::chrono::steady_clock::time_point turn_time() noexcept {
        if (!std::exchange(time_is_known_, true))
            turn_time_ = Clock::now();
        return turn_time_;
    }
    /// Made at first use. Throws std::system_error.
    Uring& uring();
    /// `pollable` takes part in the turns from now on.
    void activate(Pollable& pollable);
    /// Forgets `pollable`. Allowed from inside its own poll().
    void remove(Pollable& pollable) noexcept;

  private:
    using Clock = Pollable::Clock;
    void run();
    void run_handlers(bool may_sleep);
    bool turn() noexcept;
    void worked(Pollable& pollable, unsigned pieces) noexcept;
    void rest(Pollable*& place) noexcept;
    bool has_passed(Pollable& pollable, Clock::duration window) noexcept;

    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    const Wait wait_;
    const SpinWindow::Limits spin_;
    /// Removed ones leave a null until the end of the turn.
    std::vector<Pollable*> active_;
    std::unique_ptr<Uring> uring_;
    Clock::time_point turn_time_{};
    bool time_is_known_ = false;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

} // namespace pvscsi::backend
