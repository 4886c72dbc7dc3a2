// GrantSharer on the embedded host: pages and entries come from the broker, the entries are then
// ours to write, as on Xen.
// Thread and errors: as GrantSharer.
#pragma once

#include "common/hypervisor/grant.hpp"
#include "common/hypervisor/host/connection.hpp"

#include <memory>

namespace pvscsi::hv::host {

class HostGrantSharer final : public GrantSharer {
  public:
    explicit HostGrantSharer(std::shared_ptr<BrokerConnection> broker)
        : broker_(std::move(broker)) {}

    Expected<std::unique_ptr<SharedPages>, GrantStatus> share(DomId peer, std::size_t pages,
                                                              Access access) override;

  private:
    std::shared_ptr<BrokerConnection> broker_;
};

} // namespace pvscsi::hv::host
