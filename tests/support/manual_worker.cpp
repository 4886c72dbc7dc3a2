// Worker without its thread, for tests of what lives on one: link it instead of the real one. The
// test is the worker's thread and takes the turns itself, see manual_worker.hpp.
#include "tests/support/manual_worker.hpp"

#include "backend/uring.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace pvscsi::backend {

Worker::Worker(const std::string&, Wait wait, std::chrono::microseconds most_spin)
    : work_(context_.get_executor()), wait_(wait), spin_{least_spin, most_spin} {}
Worker::~Worker() {
    uring_.reset();
}

void Worker::post(std::function<void()> work) {
    boost::asio::post(context_, std::move(work));
}

Uring& Worker::uring() {
    if (!uring_)
        uring_ = std::make_unique<Uring>(*this);
    return *uring_;
}

void Worker::activate(Pollable& pollable) {
    if (std::exchange(pollable.active_, true))
        return;
    active_.push_back(&pollable);
}

void Worker::remove(Pollable& pollable) noexcept {
    pollable.active_ = false;
    std::erase(active_, &pollable);
}

} // namespace pvscsi::backend

namespace pvscsi::test {

bool drive_until(backend::Worker& worker, const std::function<bool()>& reached, Sleep sleep) {
    using namespace std::chrono;
    const auto deadline = steady_clock::now() + seconds(20);
    backend::Uring& uring = worker.uring();
    while (!reached()) {
        if (steady_clock::now() > deadline)
            return false;
        worker.context().poll();
        if (uring.poll())
            continue;
        if (sleep == Sleep::yes && uring.arm())
            worker.context().run_one_for(seconds(1));
    }
    return true;
}

} // namespace pvscsi::test
