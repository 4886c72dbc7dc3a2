// A data thread: an io_context of its own, an io_uring for the targets on it, and the
// spin-or-sleep loop over what is pinned to it.
//
// A turn polls every active Pollable. One that had nothing to do for a while is armed and left
// out of the turns until its event (a readable file in the io_context) activates it again, so an
// idle vhost costs nothing. When no Pollable is active the thread sleeps in the io_context.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
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
    /// Does what there is to do, without blocking. True if there was anything.
    virtual bool poll() noexcept = 0;
    /// Asks for an event, after which poll() is not needed until it comes.
    /// False if work has come meanwhile: poll again.
    virtual bool arm() noexcept = 0;
    /// Work is under way that ends by itself soon (commands at a device): worth spinning for.
    [[nodiscard]] virtual bool expects_work() const noexcept { return false; }

  protected:
    virtual ~Pollable() = default;

  private:
    friend class Worker;
    bool active_ = false;
};

class Worker {
  public:
    /// Starts the thread. Throws std::system_error.
    Worker(std::string name, Wait wait);
    ~Worker(); ///< stops and joins; everything must have been removed
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // --- any thread ---
    /// Runs `work` on the worker. The only way in from another thread.
    void post(std::function<void()> work);

    // --- the worker's thread ---
    [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
    /// Made at first use. Throws std::system_error.
    Uring& uring();
    /// `pollable` takes part in the turns from now on.
    void activate(Pollable& pollable);
    /// Forgets `pollable`. Allowed from inside its own poll().
    void remove(Pollable& pollable) noexcept;

  private:
    void run();
    bool turn() noexcept;
    void settle();

    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    Wait wait_;
    std::vector<Pollable*> active_;
    std::unique_ptr<Uring> uring_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

} // namespace pvscsi::backend
