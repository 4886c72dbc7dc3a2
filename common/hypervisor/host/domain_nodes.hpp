// What a toolstack writes into the store for a new domain, and takes away when it is gone: the
// nodes that libxl makes (tools/libs/light/libxl_create.c, libxl_dom.c), as far as somebody who
// is not a virtual machine monitor looks at them.
// Thread: the store server's. Errors: creating throws std::system_error.
#pragma once

#include "common/hypervisor/host/host_directory.hpp"
#include "common/hypervisor/host/host_state.hpp"
#include "common/hypervisor/host/store_server.hpp"

namespace pvscsi::hv::host {

class DomainNodes final : public DomainObserver {
  public:
    DomainNodes(StoreServer& store, const HostDirectory& directory)
        : store_(store), directory_(directory) {}

    void domain_created(const DomainRecord& domain) override;
    void domain_destroyed(const DomainRecord& domain) noexcept override;

  private:
    void write_nodes(const DomainRecord& domain);

    StoreServer& store_;
    const HostDirectory& directory_;
};

} // namespace pvscsi::hv::host
