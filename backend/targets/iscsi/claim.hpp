// A unit of a target belongs to one writer or any number of readers of this process, or to all that
// say exclusive=no: the table of backing_lock.hpp. What other hosts do is for the SAN to say.
//
// Thread: any. Errors: std::system_error, EBUSY if somebody has it.
#pragma once

#include "backend/backing_lock.hpp"

#include <string>

namespace pvscsi::backend {

class IscsiClaim {
  public:
    /// `unit`: config::backing_key().
    IscsiClaim(const std::string& unit, const Sharing& sharing);
    ~IscsiClaim();
    IscsiClaim(const IscsiClaim&) = delete;
    IscsiClaim& operator=(const IscsiClaim&) = delete;

  private:
    const std::string unit_;
    const Sharing sharing_;
};

} // namespace pvscsi::backend
