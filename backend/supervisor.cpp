#include "backend/supervisor.hpp"

#include <ctime>
#include <string>
#include <systemd/sd-daemon.h>

namespace pvscsi::backend {

namespace {
/// Times that the watchdog is fed within what it waits for.
constexpr int feeds_per_timeout = 3;
} // namespace

Supervisor::Supervisor(boost::asio::io_context& control,
                       std::vector<std::unique_ptr<Worker>>& workers)
    : workers_(workers), timer_(control),
      unanswered_(std::make_shared<std::atomic<std::size_t>>(0)) {
    std::uint64_t timeout = 0;
    if (::sd_watchdog_enabled(0, &timeout) > 0)
        interval_ = std::chrono::microseconds(timeout / feeds_per_timeout);
}

void Supervisor::ready() {
    ::sd_notify(0, "READY=1");
    if (interval_.count() > 0)
        feed();
}

void Supervisor::reloading() {
    // Type=notify-reload wants the time, too.
    ::timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const auto microseconds = now.tv_sec * 1'000'000 + now.tv_nsec / 1'000;
    ::sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds)).c_str());
}

void Supervisor::stopping() {
    timer_.cancel();
    // Commands at devices are waited for: the watchdog is not to end that.
    ::sd_notify(0, "STOPPING=1");
}

void Supervisor::feed() {
    if (unanswered_->load() == 0) {
        ::sd_notify(0, "WATCHDOG=1");
        ask_workers();
    }
    timer_.expires_after(interval_);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error)
            feed();
    });
}

void Supervisor::ask_workers() {
    unanswered_->store(workers_.size());
    for (const auto& worker : workers_)
        worker->post([unanswered = unanswered_] { --*unanswered; });
}

} // namespace pvscsi::backend
