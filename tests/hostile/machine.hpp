// The embedded host as dom0's toolstack sees it: makes guests with a vhost, watches what the daemon
// says about them, ends them. And the daemon as its operator sees it.
#pragma once

#include "common/hypervisor/domains.hpp"
#include "common/xenbus/nodes.hpp"
#include "common/xenbus/state.hpp"

#include <functional>
#include <string>

namespace pvscsi::hostile {

/// What the daemon or the machine should have done and did not.
struct Broken : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline void expect(bool holds, const std::string& what) {
    if (!holds)
        throw Broken(what);
}

/// Waits for something in shared memory, which nobody announces. Broken after 20 seconds.
void spin_until(const std::string& what, const std::function<bool()>& done);

/// A guest with one vhost.
struct Vhost {
    DomId guest;
    DevId device;
    std::string name, backend, frontend;
};

class Machine {
  public:
    explicit Machine(const std::string& host_dir);

    [[nodiscard]] const std::string& host_dir() const { return host_dir_; }
    /// A new domain, with LUNs 0, 1, ... at channel 0, target 0.
    Vhost add_guest(const std::string& name, const std::vector<std::string>& pdevs);
    /// Ends it, and waits until the daemon has cleared its nodes away.
    void remove_guest(const Vhost& vhost);

    /// Empty if there is no such node.
    std::string read(const std::string& path);
    xenbus::State backend_state(const Vhost& vhost);
    xenbus::State frontend_state(const Vhost& vhost);
    /// The backend serves the connection no more. It need not stay at Closing: it waits for
    /// nothing of a frontend whose connection it has ended.
    bool backend_has_ended(const Vhost& vhost);
    std::string error(const Vhost& vhost) { return read(vhost.backend + "/error"); }

    /// Waits for `done`, which is asked again whenever something below the backend's nodes
    /// changes. Broken, naming `what`, after 20 seconds.
    void wait_until(const std::string& what, const std::function<bool()>& done);
    void wait_for_backend(const Vhost& vhost, xenbus::State wanted);
    hv::Store& store() { return *store_; }

  private:
    void write_nodes(const Vhost& vhost, const std::vector<std::string>& pdevs);

    std::string host_dir_;
    std::unique_ptr<hv::Hypervisor> dom0_;
    std::unique_ptr<hv::Store> store_;
    std::unique_ptr<hv::Domains> domains_;
};

/// What the operator can see of the daemon.
class DaemonProcess {
  public:
    DaemonProcess(int pid, std::string log) : pid_(pid), log_(std::move(log)) {}
    [[nodiscard]] bool alive() const;
    [[nodiscard]] std::size_t open_files() const;
    [[nodiscard]] std::size_t resident_kib() const;
    [[nodiscard]] std::size_t log_lines() const;

  private:
    int pid_;
    std::string log_;
};

} // namespace pvscsi::hostile
