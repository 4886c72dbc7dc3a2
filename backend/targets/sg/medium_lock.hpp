// PREVENT ALLOW MEDIUM REMOVAL of a passed-through unit. To the device all guests, and this host,
// are one nexus: it can't tell when one of them has gone, and would keep a cartridge for ever. So
// what each guest asked for is remembered here: the prevention ends with the guest's connection,
// or with the LUN, unless another guest that shares the unit has asked for it, too; and a guest's
// ALLOW does not let go of what another one has locked.
//
// A guest that a dead daemon served may have locked it; what can have a medium is let go of then
// as well.
//
// Source: SPC-4 6.18 (prevention of a nexus, its end by I_T nexus loss and reset), MMC-6 6.13.
// Thread: as Target. Errors: a device that can't be told keeps its medium, which is logged.
#pragma once

#include "backend/decorator.hpp"
#include "backend/targets/sg/device.hpp"

#include <atomic>

namespace pvscsi::backend {

/// How many units of this process have prevented the removal.
using MediumHolders = std::atomic<unsigned>;
/// What all units of this process on the sg node `node` share.
[[nodiscard]] std::shared_ptr<MediumHolders> medium_holders_at(const std::string& node);

class MediumLock final : public Decorator {
  public:
    MediumLock(std::unique_ptr<Target> inner, std::shared_ptr<SgDevice> device,
               std::shared_ptr<MediumHolders> holders);
    ~MediumLock() override;

    void remember_in(const std::string& path, bool inherited) override;
    void reset(std::function<void(bool success)> done) noexcept override;
    void nexus_lost() noexcept override;
    void keep_house() noexcept override;

  private:
    Verdict admit(Request& request) noexcept override;
    bool ended(Request& request) noexcept override;
    [[nodiscard]] bool is_prevention(const Request& request) const noexcept;
    void hold(bool held) noexcept;

    std::shared_ptr<SgDevice> device_;
    const std::shared_ptr<MediumHolders> holders_;
    bool held_ = false;
    bool known_ = false;                ///< false: only that it may be
    bool reported_ = false;             ///< to the administrator
    std::shared_ptr<MediumLock*> self_; ///< what a reset's end holds, by a weak pointer
};

} // namespace pvscsi::backend
