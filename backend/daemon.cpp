#include "backend/daemon.hpp"

#include "common/base/log.hpp"

#include <csignal>
#include <unistd.h>

namespace pvscsi::backend {

namespace {

/// How long the end waits for commands at devices. What is left then ends with the process.
constexpr std::chrono::seconds end_patience{10};

/// A worker must not be stopped by a signal in mid-command: the control thread takes them all.
class SignalsBlocked {
  public:
    SignalsBlocked() {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_BLOCK, &all, &before_);
    }
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

  private:
    sigset_t before_{};
};

} // namespace

Daemon::Daemon(const DaemonOptions& options)
    : hypervisor_(hv::open_hypervisor(options.hypervisor)),
      store_(hypervisor_->open_store()), around_{control_, *hypervisor_, *store_,
                                                 ring::Limits{options.max_segments, true}},
      signals_(control_, SIGTERM, SIGINT), patience_(control_) {
    ::signal(SIGPIPE, SIG_IGN);
    {
        const SignalsBlocked blocked;
        for (unsigned i = 0; i < options.threads; ++i)
            workers_.push_back(std::make_unique<Worker>("pvscsi-data-" + std::to_string(i),
                                                        options.wait, options.most_spin));
    }
    registry_ = std::make_unique<Registry>(around_, workers_, [this] {
        log::error("the connection to the xenstore is broken; ending");
        lost_store_ = true;
        end();
    });
    wait_for_signal();
    log::info("serving domain={} threads={}", hypervisor_->self().value(), options.threads);
    announce_ready(options.ready_fd);
}

void Daemon::announce_ready(int fd) {
    if (fd < 0)
        return;
    if (::write(fd, "\n", 1) != 1)
        log::warning("ready-fd={} can't be written", fd);
    ::close(fd);
}

void Daemon::wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
        if (error)
            return;
        log::info("ending signal={}", number);
        end();
    });
}

void Daemon::end() {
    registry_->close([this] { control_.stop(); });
    patience_.expires_after(end_patience);
    patience_.async_wait([](const boost::system::error_code& error) {
        if (error)
            return;
        // A device holds a command and can't be waited for: its result has nobody to go to.
        log::warning("commands are still at devices; ending without them");
        ::_exit(0);
    });
}

bool Daemon::run() {
    for (;;) {
        try {
            control_.run();
            return !lost_store_;
        } catch (const std::exception& error) {
            // One vhost's trouble is not the others'.
            log::error("control handler failed error=\"{}\"", error.what());
        }
    }
}

} // namespace pvscsi::backend
