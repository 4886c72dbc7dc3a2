// The daemon's object graph: hypervisor, store, workers, registry; and its end.
#pragma once

#include "backend/control_socket.hpp"
#include "backend/domain_watch.hpp"
#include "backend/driver_domains.hpp"
#include "backend/guest_devices.hpp"
#include "backend/host_mode.hpp"
#include "backend/npiv/vports.hpp"
#include "backend/registry.hpp"
#include "backend/supervisor.hpp"
#include "common/base/unique_fd.hpp"
#include "common/config/settings.hpp"

#include <boost/asio/signal_set.hpp>

namespace pvscsi::backend {

struct DaemonOptions {
    hv::HypervisorChoice hypervisor;
    unsigned threads = 1;
    Wait wait = Wait::adaptive;
    std::chrono::microseconds most_spin = Worker::default_most_spin;
    /// feature-sg-grant: data segments of one request, 26 to 13312 (4 KiB each at most).
    unsigned max_segments = 1024;
    /// Commands of each LUN that are recorded, at most flight::most_length; 0: none.
    unsigned trace_length = flight::usual_length;
    /// What the command line does not have: the allow-list, the domains' files.
    config::Settings settings;
    /// Read again by SIGHUP.
    std::string settings_file;
    /// Holds what a successor needs to go on with the connections; best on a tmpfs. Empty:
    /// /run/pvscsi, or `pvscsid` in the embedded host's directory.
    std::string state_dir;
    /// Remembers over a boot which units unstable names lead to. Empty: /var/lib/pvscsi, or `units`
    /// in the embedded host's directory.
    std::string record_dir;
    std::string version; ///< for who asks
    /// Gets a newline when the daemon serves; -1: none.
    int ready_fd = -1;
};

class Daemon {
  public:
    /// Throws std::system_error or std::runtime_error when it can't be set up.
    explicit Daemon(const DaemonOptions& options);

    /// Serves until it is stopped; false if it had to stop for lack of a store. SIGTERM, what a
    /// service manager sends: the guests stay connected and wait for the next daemon. SIGINT: the
    /// connections are closed. SIGHUP: reads the allow-list and the domains' files again.
    [[nodiscard]] bool run();

  private:
    void announce_ready(int fd);
    void wait_for_signal();
    void end(bool hand_over);
    /// What is wrong with the settings, which stay as they were then.
    std::vector<std::string> reload();
    void listen(const DaemonOptions& options);
    void watch_domains();
    void domains_changed();

    boost::asio::io_context control_{1};
    bool lost_store_ = false;
    std::unique_ptr<hv::Hypervisor> hypervisor_; ///< first: without one nothing is made
    UniqueFd only_one_;                          ///< locked
    std::unique_ptr<hv::Store> store_;
    std::vector<std::unique_ptr<Worker>> workers_;
    GuestDevices guest_devices_;
    std::shared_ptr<npiv::Vports> vports_;
    Surroundings around_;
    Supervisor supervisor_;
    const std::string host_dir_; ///< of the embedded host; empty: on Xen
    const std::string settings_file_;
    bool settings_were_read_;
    config::Settings settings_;
    std::unique_ptr<Registry> registry_;
    std::shared_ptr<DomainWatch> domains_; ///< dom0's alone, and so are the next two
    std::shared_ptr<HostMode> host_mode_;
    DriverDomains driver_domains_;
    std::unique_ptr<ControlSocket> control_socket_; ///< none if it could not be made
    boost::asio::signal_set signals_;
    boost::asio::steady_timer patience_;
};

} // namespace pvscsi::backend
