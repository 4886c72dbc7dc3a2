// What lasts of a unit beyond a boot, so that it can be told from another one that has got its
// name.
//
// Thread: control; asks sysfs, udev's database and the file system, never the device.
#pragma once

#include "backend/devices/users.hpp"
#include "common/config/pdev.hpp"

#include <string>

namespace pvscsi::backend {

/// Whether the entry names the unit by what the kernel numbers (config::is_unstable), or by a link
/// that somebody made to such a name. udev's own links are made from what the unit says.
[[nodiscard]] bool goes_by_number(const config::Pdev& pdev, const devices::Roots& roots = {});

/// One line of text, without tabs; empty if the device has nothing that lasts, or is not there.
///
///   SCSI device             its designator in VPD page 83h, else vendor, model and serial (80h)
///   logical volume and so   the device mapper's UUID
///   RAID                    its UUID
///   NVMe, virtio            what the controller says: wwid, serial
///   loop device             the path of its file
///   partition               its disk's and its number, else its own UUID in the partition table
[[nodiscard]] std::string lasting_identity(const std::string& path,
                                           const devices::Roots& roots = {});

} // namespace pvscsi::backend
