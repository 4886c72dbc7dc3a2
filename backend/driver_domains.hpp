// What dom0 does for vhosts that driver domains serve. They can do neither themselves: nodes of
// another domain are not theirs to write, and nobody tells them which domains there are.
//
//   a guest has ended         what it had below the paths of domains that serve is removed
//   a driver domain has ended, and one of its name is there: what it served is offered anew, with
//                             the units that the guest had then, whatever its file says
//
// A driver in the guest that was connected does not notice; it is served when it connects anew. Xen
// itself does as little for other devices: a backend that was rebooted is attached to by hand.
//
// Thread: control. Errors: logged.
#pragma once

#include "backend/toolstack/vhost_record.hpp"
#include "common/hypervisor/store.hpp"

namespace pvscsi::backend {

class DriverDomains {
  public:
    DriverDomains(hv::Store& store, DomId self) : store_(store), self_(self) {}

    /// Domains may have come or gone.
    void look();

  private:
    void bury_guests();
    void bury_guests_of(DomId backend);
    void offer_anew(const toolstack::VhostRecord& record);

    hv::Store& store_;
    const DomId self_;
};

} // namespace pvscsi::backend
