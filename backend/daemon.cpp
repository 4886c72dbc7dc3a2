#include "backend/daemon.hpp"

#include "backend/control_requests.hpp"
#include "backend/kernel_backend.hpp"

#include "common/base/log.hpp"
#include "common/base/signals_blocked.hpp"
#include "common/config/control_path.hpp"
#include "common/config/defined_domains.hpp"
#include "common/config/started_with.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <unistd.h>

namespace pvscsi::backend {

namespace {

/// How long the end waits for commands at devices. What is left then ends with the process.
constexpr std::chrono::seconds end_patience{10};

std::string usual_state_dir(const DaemonOptions& options) {
    return options.hypervisor.host_dir.empty() ? "/run/pvscsi"
                                               : options.hypervisor.host_dir + "/pvscsid";
}

std::string state_dir_of(const DaemonOptions& options) {
    return options.state_dir.empty() ? usual_state_dir(options) : options.state_dir;
}

std::string record_dir_of(const DaemonOptions& options) {
    if (!options.record_dir.empty())
        return options.record_dir;
    return config::usual_record_dir(options.hypervisor.host_dir);
}

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

void make_directory(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error)
        throw std::system_error(error, "cannot make the state directory " + path);
}

/// Takes the domain for this process: two daemons that serve one would both answer its guests.
/// Always in the usual place, whatever state directory each of them has.
UniqueFd be_the_only_one(const DaemonOptions& options) {
    make_directory(state_dir_of(options));
    make_directory(usual_state_dir(options));
    const std::string path = usual_state_dir(options) + "/lock";
    UniqueFd fd(adopt_fd, ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd)
        throw std::system_error(errno, std::generic_category(), "cannot make " + path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        throw std::runtime_error("another pvscsid serves this domain: " + path + " is locked");
    return fd;
}

/// For pvscsictl, which goes by the same without being told.
void tell_started_with(const DaemonOptions& options) {
    const auto absolute = [](const std::string& path) {
        return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
    };
    try {
        config::tell_started_with(options.hypervisor.host_dir,
                                  {absolute(options.settings_file), absolute(options.record_dir)});
    } catch (const std::exception& error) {
        log::warning("pvscsictl is not told which settings count error=\"{}\"", error.what());
    }
}

/// What every vhost will need: to be missed now, and not by the first guest.
void require_services(hv::Hypervisor& hypervisor) {
    (void)hypervisor.open_grant_mapper(hypervisor.self());
    (void)hypervisor.alloc_unbound(hypervisor.self());
}

} // namespace

Daemon::Daemon(const DaemonOptions& options)
    : hypervisor_(hv::open_hypervisor(options.hypervisor)), only_one_(be_the_only_one(options)),
      store_(hypervisor_->open_store()), guest_devices_(record_dir_of(options) + "/devices.d"),
      vports_(std::make_shared<npiv::Vports>(
          control_, npiv::Vports::Place{record_dir_of(options), host_name()}, settings_)),
      around_{control_,
              *hypervisor_,
              *store_,
              ring::Limits{options.max_segments, true},
              state_dir_of(options),
              record_dir_of(options),
              &settings_,
              options.hypervisor.host_dir.empty() ? xen_backend_devices : "",
              &guest_devices_,
              settled_by(state_dir_of(options)),
              options.trace_length,
              vports_.get()},
      supervisor_(control_, workers_), host_dir_(options.hypervisor.host_dir),
      settings_file_(options.settings_file),
      settings_were_read_(::access(settings_file_.c_str(), F_OK) == 0), settings_(options.settings),
      driver_domains_(*store_, hypervisor_->self()), signals_(control_, SIGTERM, SIGINT, SIGHUP),
      patience_(control_) {
    ::signal(SIGPIPE, SIG_IGN);
    require_services(*hypervisor_);
    tell_started_with(options);
    {
        const SignalsBlocked blocked; // no worker is stopped by one in mid-command
        for (unsigned i = 0; i < options.threads; ++i)
            workers_.push_back(std::make_unique<Worker>("pvscsi-data-" + std::to_string(i),
                                                        options.wait, options.most_spin));
    }
    vports_->begin();
    registry_ = std::make_unique<Registry>(
        around_, workers_,
        [this] {
            log::error("the connection to the xenstore is broken; ending");
            lost_store_ = true;
            end(true); // the guests are not told anything now; the next daemon goes on
        },
        [this] { domains_changed(); },
        [this] {
            if (host_mode_)
                host_mode_->vhost_came();
        });
    watch_domains();
    listen(options);
    wait_for_signal();
    log::info("serving domain={} threads={}", hypervisor_->self().value(), options.threads);
    if (hypervisor_->self() != toolstack::toolstack_domain)
        log::info(
            "this is a driver domain: dom0's toolstack gives guests their vhosts, and domains' "
            "files count there");
    announce_ready(options.ready_fd);
    supervisor_.ready();
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
        if (number == SIGHUP) {
            static_cast<void>(reload());
            return wait_for_signal();
        }
        const bool hand_over = number == SIGTERM;
        log::info("ending signal={} connections={}", number, hand_over ? "kept" : "closed");
        end(hand_over);
    });
}

/// Which domains there are, and what they are to have, is dom0's business: another domain neither
/// sees that nor may write it.
void Daemon::watch_domains() {
    if (hypervisor_->self() != toolstack::toolstack_domain)
        return;
    domains_ = std::make_shared<DomainWatch>(
        control_, *store_, hypervisor_->self(), config::domain_file_patterns(settings_, host_dir_),
        config::defined_domains_dir(host_dir_), &guest_devices_);
    host_mode_ = std::make_shared<HostMode>(control_, *store_, hypervisor_->self(), vports_);
    host_mode_->look();
    domains_changed();
}

/// Only dom0 is told.
void Daemon::domains_changed() {
    driver_domains_.look();
    domains_->look();
}

std::vector<std::string> Daemon::reload() {
    supervisor_.reloading();
    // One that was there and is not any more must not take the allow-list along.
    auto settings = config::read_settings(settings_file_, settings_were_read_);
    std::vector<std::string> mistakes;
    if (!settings) {
        mistakes = settings.error();
        for (const std::string& mistake : mistakes)
            log::error("{}", mistake);
        log::error("settings stay as they were");
    } else {
        log::info("settings read again file={}", settings_file_);
        settings_ = std::move(*settings);
        settings_were_read_ = settings_were_read_ || ::access(settings_file_.c_str(), F_OK) == 0;
        if (!settings_.inject_allow.value_or(false))
            registry_->stop_injecting();
        watch_domains();
    }
    supervisor_.ready();
    return mistakes;
}

/// Without it the guests are served all the same.
void Daemon::listen(const DaemonOptions& options) {
    ControlActions actions;
    actions.reload = [this] { return reload(); };
    actions.statistics = [this](auto take) { registry_->statistics(std::move(take)); };
    actions.domains = [this] { return registry_->domains(); };
    actions.change_faults = [this](const InjectRequest& request, auto take) {
        if (!settings_.inject_allow.value_or(false))
            return take({"faults are not allowed here: allow = true below [inject] in "
                         "pvscsid.toml, and pvscsictl reload",
                         {}});
        registry_->change_faults(request.guest, request.device, request.address, request.change,
                                 std::move(take));
    };
    actions.accept = [this](const std::string& domain, const std::string& vdev) {
        return registry_->accept(domain, vdev);
    };
    actions.knows = [this](const std::string& domain) { return registry_->knows(domain); };
    actions.vdev_of = [this](const std::string& domain, const std::string& name) {
        return registry_->vdev_of(domain, name);
    };
    actions.vports = vports_.get();
    actions.version = options.version;
    actions.threads = options.threads;
    const std::string path = config::control_path(options.hypervisor.host_dir);
    try {
        control_socket_ =
            std::make_unique<ControlSocket>(control_, path, control_requests(std::move(actions)));
    } catch (const std::exception& error) {
        log::warning("there is no control socket error=\"{}\"", error.what());
    }
}

void Daemon::end(bool hand_over) {
    supervisor_.stopping();
    const auto stop = [this] { control_.stop(); };
    hand_over ? registry_->hand_over(stop) : registry_->close(stop);
    patience_.expires_after(end_patience);
    patience_.async_wait([this](const boost::system::error_code& error) {
        if (error)
            return;
        // A device holds a command and can't be waited for: its result has nobody to go to. A
        // successor finds it in the journal.
        log::warning("commands are still at devices; ending without them");
        ::_exit(lost_store_ ? 1 : 0);
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
