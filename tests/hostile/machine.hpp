// The embedded host as dom0's toolstack sees it: makes guests with a vhost, watches what the daemon
// says about them, ends them. Or, on Xen, the vhost of the guest that this runs in, as it sees it
// from there. And the daemon as its operator sees it.
#pragma once

#include "common/hypervisor/domains.hpp"
#include "common/xenbus/nodes.hpp"
#include "common/xenbus/state.hpp"

#include <chrono>
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

/// How long everything that has to happen may take.
inline std::chrono::seconds patience{20};

/// Waits for something in shared memory, which nobody announces. Broken after `patience`.
void spin_until(const std::string& what, const std::function<bool()>& done);

/// A guest with one vhost.
struct Vhost {
    DomId guest;
    DevId device;
    std::string name, backend, frontend;
};

class Machine {
  public:
    /// The embedded host in this directory, as its dom0.
    explicit Machine(const std::string& host_dir);
    /// The domain on Xen that this program runs in: sees its vhosts, makes no guests.
    Machine();
    /// The one that dom0's toolstack has made for this domain. Broken if there is none.
    Vhost own_vhost();

    [[nodiscard]] const std::string& host_dir() const { return host_dir_; }
    /// A new domain, with LUNs 0, 1, ... at channel 0, target 0.
    Vhost add_guest(const std::string& name, const std::vector<std::string>& pdevs);
    /// Ends it, and waits until the daemon has cleared its nodes away.
    void remove_guest(const Vhost& vhost);

    /// Empty if there is no such node.
    std::string read(const std::string& path);
    xenbus::State backend_state(const Vhost& vhost);
    xenbus::State frontend_state(const Vhost& vhost);
    xenbus::State unit_state(const Vhost& vhost); ///< of its first LUN
    /// The backend serves the connection no more. It need not stay at Closing: it waits for
    /// nothing of a frontend whose connection it has ended.
    bool backend_has_ended(const Vhost& vhost);
    std::string error(const Vhost& vhost) { return read(vhost.backend + "/error"); }

    /// Waits for `done`, which is asked again whenever something below the backend's nodes
    /// changes. Broken, naming `what`, after `patience`.
    void wait_until(const std::string& what, const std::function<bool()>& done);
    void wait_for_backend(const Vhost& vhost, xenbus::State wanted);
    hv::Store& store() { return *store_; }

  private:
    void write_nodes(const Vhost& vhost, const std::vector<std::string>& pdevs);

    std::string host_dir_;
    std::unique_ptr<hv::Hypervisor> hypervisor_;
    std::unique_ptr<hv::Store> store_;
    std::unique_ptr<hv::Domains> domains_; ///< none in a guest
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
