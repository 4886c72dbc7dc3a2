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
/// The same for turns without work, which are shorter but look at the clock.
constexpr unsigned idle_turns = 512;
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
    pollable.idle_ = false;
    pollable.window_.missed(Clock::now() - pollable.armed_at_, spin_);
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
        std::erase(active_, nullptr);
        if (++turns >= (worked ? busy_turns : idle_turns)) {
            turns = 0;
            run_handlers(false);
        }
    }
}

void Worker::run_handlers(bool may_sleep) {
    try {
        if (may_sleep)
            context_.run_one();
        context_.poll();
    } catch (const std::exception& error) {
        // A handler's failure must not end the other vhosts of this worker.
        log::error("worker handler failed error=\"{}\"", error.what());
    }
}

bool Worker::turn() noexcept {
    bool worked = false;
    for (std::size_t i = 0; i < active_.size(); ++i) {
        Pollable* const pollable = active_[i];
        if (pollable == nullptr)
            continue;
        if (pollable->poll()) {
            worked = true;
            if (std::exchange(pollable->idle_, false))
                pollable->window_.met();
        } else if (active_[i] != nullptr) {
            rest(active_[i]);
        }
    }
    return worked;
}

/// One that had nothing to do: lets it sleep if it had nothing to do for long enough.
void Worker::rest(Pollable*& place) noexcept {
    Pollable& pollable = *place;
    if (wait_ == Wait::poll && pollable.guest_driven())
        return;
    const auto now = Clock::now();
    if (!std::exchange(pollable.idle_, true))
        pollable.idle_since_ = now;
    if (wait_ == Wait::adaptive && now - pollable.idle_since_ < pollable.window_.length())
        return;
    if (pollable.arm()) {
        pollable.armed_at_ = now;
        pollable.active_ = false;
        place = nullptr;
    } else {
        pollable.idle_ = false;
    }
}

} // namespace pvscsi::backend
