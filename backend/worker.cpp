#include "backend/worker.hpp"

#include "backend/uring.hpp"
#include "common/base/log.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cassert>
#include <future>
#include <pthread.h>

namespace pvscsi::backend {

namespace {
/// Turns with work in them between two looks at the io_context: some tens of microseconds.
constexpr unsigned busy_turns = 256;
/// The same for turns without work, which are much shorter.
constexpr unsigned idle_turns = 2048;
/// Turns without work between two looks at the clock: where that is a system call, a look at the
/// ring must not wait for it each time.
constexpr unsigned turns_by_the_clock = 128;
} // namespace

Worker::Worker(const std::string& name, Wait wait, std::chrono::microseconds most_spin)
    : work_(context_.get_executor()), wait_(wait), spin_{least_spin, most_spin} {
    thread_ = std::thread([this] { run(); });
    ::pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

Worker::~Worker() {
    post([this] {
        stop_ = true;
        uring_.reset();
    });
    thread_.join();
}

void Worker::post(std::function<void()> work) {
    boost::asio::post(context_, std::move(work));
}

void Worker::call(const std::function<void()>& work) {
    assert(!inside());
    std::packaged_task<void()> task(work);
    auto done = task.get_future();
    post([&task] { task(); });
    done.get();
}

Uring& Worker::uring() {
    assert(inside());
    if (!uring_)
        uring_ = std::make_unique<Uring>(*this);
    return *uring_;
}

void Worker::activate(Pollable& pollable) {
    assert(inside());
    if (std::exchange(pollable.active_, true))
        return;
    pollable.idle_turns_ = 0;
    if (!pollable.window_)
        pollable.window_.emplace(spin_);
    active_.push_back(&pollable);
}

void Worker::remove(Pollable& pollable) noexcept {
    assert(inside());
    if (std::exchange(pollable.active_, false))
        *std::find(active_.begin(), active_.end(), &pollable) = nullptr;
}

void Worker::run() {
    unsigned turns = 0;
    while (!stop_) {
        if (active_.empty()) {
            run_handlers(true);
            continue;
        }
        const bool worked = turn();
        if (worked)
            time_is_known_ = false;
        std::erase(active_, nullptr);
        if (++turns >= (worked ? busy_turns : idle_turns)) {
            turns = 0;
            run_handlers(false);
        }
    }
}

void Worker::run_handlers(bool may_sleep) {
    time_is_known_ = false; // which also holds for the first handler after a sleep
    try {
        if (may_sleep)
            context_.run_one(); // one at a time: what it made active comes first
        else
            context_.poll();
    } catch (const std::exception& error) {
        // A handler's failure must not end the other vhosts of this worker.
        log::error("worker handler failed error=\"{}\"", error.what());
    }
    time_is_known_ = false;
}

bool Worker::turn() noexcept {
    bool some = false;
    for (std::size_t i = 0; i < active_.size(); ++i) {
        Pollable* const pollable = active_[i];
        if (pollable == nullptr)
            continue;
        if (const unsigned pieces = pollable->poll(); pieces > 0) {
            some = true;
            worked(*pollable, pieces);
        } else if (active_[i] != nullptr) {
            rest(active_[i]);
        }
    }
    return some;
}

void Worker::worked(Pollable& pollable, unsigned pieces) noexcept {
    if (std::exchange(pollable.idle_turns_, 0) > 0)
        pollable.window_->met();
    if (wait_ == Wait::adaptive && pollable.window_->worked(pieces))
        pollable.window_->measure(Clock::now().time_since_epoch());
}

/// One that had nothing to do: lets it sleep if it had nothing to do for long enough.
void Worker::rest(Pollable*& place) noexcept {
    Pollable& pollable = *place;
    if (wait_ == Wait::poll && pollable.guest_driven()) {
        time_is_known_ = false;
        return;
    }
    const auto window = wait_ == Wait::adaptive ? pollable.window_->length() : Clock::duration{};
    if (window.count() > 0 && !has_passed(pollable, window))
        return;
    if (pollable.arm()) {
        pollable.window_->missed();
        pollable.active_ = false;
        place = nullptr;
    } else {
        pollable.idle_turns_ = 0;
    }
}

/// Whether it had nothing to do for so long.
bool Worker::has_passed(Pollable& pollable, Clock::duration window) noexcept {
    if (pollable.idle_turns_++ % turns_by_the_clock != 0)
        return false;
    const auto now = Clock::now();
    turn_time_ = now;
    time_is_known_ = true;
    if (pollable.idle_turns_ == 1)
        pollable.idle_since_ = now;
    return now - pollable.idle_since_ >= window;
}

} // namespace pvscsi::backend
