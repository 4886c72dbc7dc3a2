// Whether the commands of a daemon that has died are at a device still: sysfs tells how many
// commands it has, but not whose. So it is asked until it has none, or was reset because of them,
// before any unit of this process sends it one; what was found then holds for all units on the
// device, and for good: dead daemons send nothing any more.
//
// Thread: any. Errors: none.
#pragma once

#include "backend/target.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace pvscsi::backend {

class SgDevice;

class SgLeftovers : public std::enable_shared_from_this<SgLeftovers> {
  public:
    [[nodiscard]] Leftovers look(SgDevice& device) noexcept;
    /// The device is reset for as long as somebody holds what is returned.
    [[nodiscard]] std::shared_ptr<void> being_reset();

  private:
    std::atomic<Leftovers> found_{Leftovers::some};
};

/// What all units of this process on the sg node `node` share.
[[nodiscard]] std::shared_ptr<SgLeftovers> leftovers_at(const std::string& node);

} // namespace pvscsi::backend
