// Units that an entry names by their address, by their own name or by the ports that lead to them,
// found in sysfs; and the name that a unit has of its own.
//
// Thread: control, or a program's; asks sysfs, never the device.
#pragma once

#include "common/config/pdev.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace pvscsi::backend {

/// The sg node of `h:c:t:l`, `naa.<16hex>:<lun>` or `fc.<16hex>:<lun>`. Refused: no such unit, or
/// several paths to one.
[[nodiscard]] Expected<std::string, config::Refusal>
resolve_unit(const config::Pdev& pdev, const std::filesystem::path& sysfs = "/sys");

/// What leads to the backing: the path of a device or file, the node that the unit has now.
/// Empty if it needs none (ram:, null:).
[[nodiscard]] Expected<std::string, config::Refusal>
path_of(const config::Pdev& pdev, const std::filesystem::path& sysfs = "/sys");

/// The designator of the logical unit in VPD page 83h, as the kernel read it when it found the
/// device ("naa.5000c500a1b2c3d4"); empty if the device has none. `node` is an sg node.
[[nodiscard]] std::string unit_name(const std::string& node,
                                    const std::filesystem::path& sysfs = "/sys");

/// That page, as the kernel read it; empty if there is none. Of a unit that has become another one
/// it is the old one's.
[[nodiscard]] std::vector<std::byte> identification_of(const std::string& node,
                                                       const std::filesystem::path& sysfs = "/sys");
/// What an administrator does to have it read again.
[[nodiscard]] std::string have_kernel_look_again(const std::string& node);

/// What all paths to one unit have in common: that name and its LUN, for units of one array may
/// share a name. Empty if it has no name.
[[nodiscard]] std::string unit_key(const std::string& node,
                                   const std::filesystem::path& sysfs = "/sys");

/// The sg nodes of the other paths to the unit of `node`, by name.
[[nodiscard]] std::vector<std::string> other_paths(const std::string& node,
                                                   const std::filesystem::path& sysfs = "/sys");

} // namespace pvscsi::backend
