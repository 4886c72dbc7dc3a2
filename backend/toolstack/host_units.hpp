// A whole host adapter (VDEV `host`, option `feature-host`) as the units that it has now: each at
// its own channel, target and LUN in the guest, with the entry's options.
//
// Source: Linux, drivers/scsi/scsi_sysfs.c (/sys/bus/scsi/devices, /sys/class/scsi_host).
// Thread: any; asks sysfs, never a device. Errors: values.
#pragma once

#include "backend/toolstack/vscsi_config.hpp"

#include <filesystem>

namespace pvscsi::toolstack {

/// What the entry's PDEV belongs to. Host numbers are given anew when an adapter goes, so its
/// place in the tree of devices says whether it is the same one.
struct ScsiHost {
    std::uint32_t number = 0;
    std::string place; ///< "/sys/devices/pci0000:00/.../host2"
};

[[nodiscard]] Expected<ScsiHost, config::Refusal>
host_of(const Lun& entry, const std::filesystem::path& sysfs = "/sys");

struct HostUnits {
    std::vector<Lun> luns;           ///< by address
    std::vector<std::string> beyond; ///< addresses that the protocol has no room for
};

/// None if the host is not there, or another one has its number.
[[nodiscard]] HostUnits units_of(const ScsiHost& host, const Lun& entry,
                                 const std::filesystem::path& sysfs = "/sys");

} // namespace pvscsi::toolstack
