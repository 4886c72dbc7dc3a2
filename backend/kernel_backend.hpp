// Linux' own backend, xen-scsiback: two backends for one device would answer each other's requests.
#pragma once

#include "common/base/strong_id.hpp"

#include <string>

namespace pvscsi::backend {

/// Where Linux shows the devices that its drivers are backends of.
inline constexpr const char* xen_backend_devices = "/sys/bus/xen-backend/devices";

/// The driver below `devices` that serves this vhost; empty: none does. Control thread; it looks
/// at a link in sysfs and does not block.
std::string kernel_backend_of(const std::string& devices, DomId guest, DevId device);

} // namespace pvscsi::backend
