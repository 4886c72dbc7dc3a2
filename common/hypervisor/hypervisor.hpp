// The hypervisor as one domain sees it: a factory of the services a PV driver needs.
// Two implementations: `xen/` (the real one) and `host/` (the embedded host, no Xen needed).
#pragma once

#include "common/hypervisor/evtchn.hpp"
#include "common/hypervisor/grant.hpp"
#include "common/hypervisor/store.hpp"

#include <memory>
#include <optional>
#include <string>

namespace pvscsi::hv {

/// Thread: the factory functions may be called from any thread, one at a time each.
/// Errors: std::system_error when our own end cannot be set up.
class Hypervisor {
  public:
    Hypervisor() = default;
    Hypervisor(const Hypervisor&) = delete;
    Hypervisor& operator=(const Hypervisor&) = delete;
    virtual ~Hypervisor() = default;

    /// The domain that this process runs in.
    [[nodiscard]] virtual DomId self() const = 0;
    virtual std::unique_ptr<Store> open_store() = 0;
    virtual std::unique_ptr<GrantMapper> open_grant_mapper(DomId peer) = 0;
    virtual std::unique_ptr<GrantSharer> open_grant_sharer() = 0;
    /// A port that `peer` may bind to.
    virtual Result<std::unique_ptr<EventChannel>> alloc_unbound(DomId peer) = 0;
    /// Binds to a port that `peer` has allocated for us. One event is pending at once.
    virtual Result<std::unique_ptr<EventChannel>> bind_interdomain(DomId peer,
                                                                   EvtchnPort remote) = 0;
};

/// How a program finds its hypervisor: the same for every program of the project.
struct HypervisorChoice {
    /// `--host DIR`, else $PVSCSI_HOST: the embedded host's directory. Empty: Xen.
    std::string host_dir;
    /// As which domain to speak; only the embedded host lets a process choose.
    DomId domain{0};

    /// `--host` as given on the command line (empty if not), with the environment as fall-back.
    static HypervisorChoice from(const std::string& host_option);
};

/// Opens the embedded host in `choice.host_dir`, else Xen where /dev/xen is.
/// Throws std::runtime_error with what to do when there is neither.
std::unique_ptr<Hypervisor> open_hypervisor(const HypervisorChoice& choice);

} // namespace pvscsi::hv
