// A real SCSI device as a logical unit: all commands go to it through its sg node.
#pragma once

#include "backend/target.hpp"

#include <filesystem>
#include <optional>

namespace pvscsi::backend {

/// The sg node (`/dev/sg3`) of the SCSI device that `path` leads to: an sg, sd, st, nst, sr, ch or
/// bsg node or a link to one. Nothing if it is no SCSI device: a partition, a loop device, a
/// logical volume, a file, nothing at all. `sysfs` is where /sys is.
[[nodiscard]] std::optional<std::string> find_sg_node(const std::filesystem::path& path,
                                                      const std::filesystem::path& sysfs = "/sys");

/// Opens the sg node `node`, for one logical unit alone unless `config` says otherwise. Throws
/// std::system_error or std::runtime_error: no such device, no sg node, in use by another unit, no
/// permission.
[[nodiscard]] std::unique_ptr<Target> open_sg_target(const std::string& node,
                                                     const LunConfig& config);

} // namespace pvscsi::backend
