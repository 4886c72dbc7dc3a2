// What a block device is made of, down to the whole disks and the files: partitions, logical
// volumes, multipath maps and RAIDs lie on disks, loop devices on files. Two names with nothing in
// common may lead to the same bytes; by this it is seen.
//
// Thread: any; asks sysfs and the file system, never a device (but for a loop device, which file it
// has). Errors: none; what can't be read is taken for nothing.
#pragma once

#include "backend/devices/users.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <sys/types.h>

namespace pvscsi::devices {

/// A file that a loop device lies on.
struct LoopFile {
    std::string path; ///< as sysfs has it; may be gone
    dev_t device = 0; ///< st_dev and st_ino, by which two files are the same; of a block device
    ino_t inode = 0;  ///< `device` is its st_rdev, and this is 0
    bool block = false;
    bool whole = false; ///< from the beginning to the end
    bool read_only = false;
};
/// The key of a file in Layers.
[[nodiscard]] std::string key_of_file(dev_t device, ino_t inode);
/// Nothing if `loop` ("loop0") has none, or it can't be told.
[[nodiscard]] std::optional<LoopFile> file_of_loop(const std::string& loop,
                                                   const Roots& roots = {});

struct Layers {
    /// Texts that mean the same bytes, all of them: "file 8:1 77", "node b 8:0", "sg /dev/sg0",
    /// "unit naa.5000c500a1b2c3d4 0". Two with one of them in common are the same.
    std::set<std::string> own;
    /// What it is a part of, or has parts on.
    std::set<std::string> under;
    // The same to open: the units by the path that was named, the files by their keys.
    std::set<std::string> own_sg_nodes;
    std::set<std::string> under_sg_nodes;
    std::map<std::string, std::string> own_files;
    std::map<std::string, std::string> under_files;
};
/// Of a file, a block device or a node of a SCSI device; empty if there is nothing.
[[nodiscard]] Layers layers_of(const std::string& path, const Roots& roots = {});

/// Who writes to one changes the other: they are the same, or one lies on the other. Two partitions
/// of a disk have nothing in common.
[[nodiscard]] bool overlap(const Layers& a, const Layers& b);

} // namespace pvscsi::devices
