// What of this host uses a file or block device: who must not lose it to a guest.
// Thread: any. Errors: none; what can't be read is taken for unused, for the kernel's own exclusive
// open (O_EXCL) is asked as well where a device is given away.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace pvscsi::devices {

/// Where the kernel and udev tell of devices; tests have their own.
struct Roots {
    std::filesystem::path sys = "/sys";
    std::filesystem::path proc = "/proc";
    std::filesystem::path run = "/run";
    std::filesystem::path dev = "/dev";
};

/// Of the whole device `disk` ("sda", "dm-3") and its partitions, a text each: "mounted at /srv",
/// "swap", "LVM volume vg-root", "sda1: mounted at /boot". Empty: nobody.
[[nodiscard]] std::vector<std::string> users_of_disk(const std::string& disk,
                                                     const Roots& roots = {});

/// The same of a block device's path: /dev/sda1, a link. Of a partition its own users alone.
[[nodiscard]] std::vector<std::string> users_of_block(const std::string& node,
                                                      const Roots& roots = {});

/// Of what a guest is to be given by an sg node, in all ways that there are to tell: its own users,
/// those of the other paths to the same unit, and whether the kernel lets nobody else have its
/// block device (O_EXCL; btrfs, ZFS and journals on other devices show nowhere else). Opens that
/// device, for reading.
[[nodiscard]] std::vector<std::string> users_of_unit(const std::string& sg_node,
                                                     const Roots& roots = {},
                                                     const std::filesystem::path& dev = "/dev");

/// Of a regular file: the loop devices on it, with what uses these ("loop device loop0 (mounted at
/// /mnt)"), and swap. `reads_only`: those that only read it don't count.
[[nodiscard]] std::vector<std::string> users_of_file(const std::string& path, bool reads_only,
                                                     const Roots& roots = {});

/// Of whatever an entry leads to that is opened as a file or a block device, and not by its sg
/// node. Whether the block device itself is claimed the kernel says when it is opened; here the
/// other paths to its unit are asked.
[[nodiscard]] std::vector<std::string> users_of_backing(const std::string& path, bool reads_only,
                                                        const Roots& roots = {});

} // namespace pvscsi::devices
