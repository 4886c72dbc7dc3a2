// The nexus of a guest that has a unit to itself, as far as it is kept here: unit attentions that
// the device has told this host in the guest's place (Target::tell()). All else is the device's
// own.
//
// Thread: as Target. Errors: none.
#pragma once

#include "backend/decorator.hpp"
#include "backend/nexus/attentions.hpp"

namespace pvscsi::backend {

class LoneNexus final : public Decorator {
  public:
    using Decorator::Decorator;

    void tell(const scsi::Condition& attention) noexcept override { waiting_.add(attention); }
    /// Of the next connection nobody has asked anything yet (SAM-5 5.14.4).
    void nexus_lost() noexcept override;

  private:
    Verdict admit(Request& request) noexcept override;
    bool ended(Request& request) noexcept override;

    Attentions waiting_;
};

} // namespace pvscsi::backend
