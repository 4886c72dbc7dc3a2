// What the service manager is told, sd_notify(3): that the daemon is ready, reloads, ends; and, if
// it asks for that (WatchdogSec=), that the control thread and every data thread still turn.
//
// A data thread is asked by a posted function; the watchdog is fed only when all have answered
// since the last time. So one that hangs in a system call has the daemon restarted, and the guests
// go on with the next one.
//
// Thread: control. Errors: none; without a service manager nothing is told.
#pragma once

#include "backend/worker.hpp"

#include <boost/asio/steady_timer.hpp>

namespace pvscsi::backend {

class Supervisor {
  public:
    Supervisor(boost::asio::io_context& control, std::vector<std::unique_ptr<Worker>>& workers);

    void ready();
    void reloading();
    void stopping();

  private:
    void feed();
    void ask_workers();

    std::vector<std::unique_ptr<Worker>>& workers_;
    boost::asio::steady_timer timer_;
    std::chrono::microseconds interval_{0}; ///< 0: nobody watches
    /// Of the last round; shared with what was posted, which may outlive this.
    std::shared_ptr<std::atomic<std::size_t>> unanswered_;
};

} // namespace pvscsi::backend
