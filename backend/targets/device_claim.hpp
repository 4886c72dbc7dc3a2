// The kernel's exclusive opening of a block device (O_EXCL), held once for all units of this
// process that share the device and write to it: it keeps out what this host would mount or build
// on it, and units that share with nobody.
//
// Thread: any; opening and closing wait for each other, so that a device which is just let go of is
// not taken for one in use. Errors: std::system_error, EBUSY if somebody has it.
#pragma once

#include <string>
#include <sys/types.h>

namespace pvscsi::backend {

class DeviceClaim {
  public:
    DeviceClaim(const std::string& path, dev_t device);
    ~DeviceClaim();
    DeviceClaim(const DeviceClaim&) = delete;
    DeviceClaim& operator=(const DeviceClaim&) = delete;

    /// A unit of this process has claimed it.
    [[nodiscard]] static bool held(dev_t device);

  private:
    const dev_t device_;
};

} // namespace pvscsi::backend
