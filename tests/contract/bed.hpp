// The two ends of a contract test, on the implementation that the program was started for:
// PVSCSI_CONTRACT=host (a pvscsi-hostd of its own) or xen (this domain with itself).
#pragma once

#include "common/hypervisor/domains.hpp"
#include "tests/support/embedded_host.hpp"

#include <memory>
#include <optional>
#include <string>

namespace pvscsi::contract {

class Bed {
  public:
    Bed();

    /// True: the embedded host, where guest and backend are different domains.
    [[nodiscard]] bool host() const { return host_.has_value(); }
    [[nodiscard]] test::EmbeddedHost& embedded() { return *host_; }

    [[nodiscard]] DomId guest_id() const { return guest_; }
    [[nodiscard]] DomId backend_id() const { return backend_; }
    /// A domain that takes no part.
    [[nodiscard]] DomId stranger_id() const { return stranger_; }

    [[nodiscard]] std::unique_ptr<hv::Hypervisor> open_guest() const { return open(guest_); }
    [[nodiscard]] std::unique_ptr<hv::Hypervisor> open_backend() const {
        return open(backend_id());
    }
    [[nodiscard]] std::unique_ptr<hv::Hypervisor> open(DomId domain) const;

  private:
    std::optional<test::EmbeddedHost> host_;
    DomId guest_{0};
    DomId backend_{0};
    DomId stranger_{0};
};

/// Whether this run is against the embedded host.
[[nodiscard]] bool against_host();

} // namespace pvscsi::contract
