// The devices of this host that a `vscsi=` entry could name.
// Thread: any. Errors: none; a device that can't be read has empty fields.
#pragma once

#include "backend/devices/users.hpp"

#include <cstdint>

namespace pvscsi::devices {

struct Device {
    std::string node;    ///< what an entry names it by: its sg node, or its block device's
    std::string link;    ///< a name of it that stays: /dev/disk/by-id/..., empty if it has none
    std::string kind;    ///< "disk", "tape", "changer", "cd", "enclosure", ..., "volume"
    std::string address; ///< h:c:t:l; empty if it is no SCSI device
    std::string vendor;
    std::string model;
    std::string name;               ///< its own: "naa.5000c500a1b2c3d4"; empty if it has none
    std::uint64_t size = 0;         ///< bytes; 0: it has none, or nobody knows
    std::vector<std::string> nodes; ///< all of the kernel's: "sg3", "sdb", "st0"
    std::string content;            ///< what udev has found on it: "ext4", "LVM2_member"
    bool read_only = false;
    std::vector<std::string> users; ///< on this host
    std::vector<std::string> paths; ///< nodes of others with the same name: one unit, several ways
};

/// SCSI devices by address, then other block devices by name. `links`: where udev's links to
/// disks and tapes are.
[[nodiscard]] std::vector<Device> list_devices(const Roots& roots = {},
                                               const std::filesystem::path& dev = "/dev");

/// The one that an sg node or a block device's path leads to, as list_devices() has it but for
/// `link` and `paths`; its node alone of what is no device of this host.
[[nodiscard]] Device find_device(const std::string& path, const Roots& roots = {});

/// The name that stays of a node, also of a partition's, as a Device's `link`.
[[nodiscard]] std::string link_of(const std::string& node,
                                  const std::filesystem::path& dev = "/dev");

/// What a peripheral device type (SPC-5 table 141) is called here.
[[nodiscard]] std::string kind_name(unsigned type);

} // namespace pvscsi::devices
