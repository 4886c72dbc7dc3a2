// The verbs of `xm`, and of the `xl` that SUSE's distributions had: arguments and columns as there.
// Source: xen 4.4, tools/python/xen/xm/main.py (xm_scsi_list, xm_scsi_attach).
#include "backend/ctl/common.hpp"
#include "backend/ctl/list.hpp"
#include "common/base/printable.hpp"

#include <fmt/format.h>

namespace pvscsi::ctl {

namespace {

std::string line(const std::string& index, const std::string& backend, const std::string& state,
                 const std::string& host, const std::string& address, const std::string& node,
                 const std::string& vdev, const std::string& lun_state) {
    return fmt::format("{:<3} {:<3} {:<5} {:<4}  {:<10} {:<5} {:<10} {:<4}\n", index, backend,
                       state, host, address, node, vdev, lun_state);
}

/// The disk's, tape's or drive's node, which people knew it by.
std::string node_of(const devices::Device& device) {
    return device.nodes.empty() ? "-" : device.nodes.back();
}

} // namespace

std::string scsi_list(Context& context, const std::vector<std::string>& domains) {
    std::string text;
    for (const std::string& name : domains)
        for (const VhostEntry& vhost : all_vhosts(context, find_domain(context, name).id))
            for (const LunEntry& lun : vhost.luns) {
                const devices::Device device = device_of(context, vhost.vhost, lun);
                text += line(std::to_string(vhost.vhost.device.value()),
                             std::to_string(vhost.vhost.backend.value()),
                             std::to_string(static_cast<unsigned>(vhost.back)), "0",
                             device.address.empty() ? printable(lun.pdev) : device.address,
                             node_of(device), printable(lun.vdev),
                             std::to_string(static_cast<unsigned>(lun.state)));
            }
    if (text.empty())
        return {};
    return line("Idx", "BE", "state", "host", "phy-hctl", "phy", "vir-hctl", "devstate") + text;
}

std::string legacy_entry(const std::string& pdev, const std::string& vdev,
                         const std::string& backend) {
    const auto comma = std::min(vdev.find(','), vdev.size());
    return pdev + "," + vdev.substr(0, comma) + (backend.empty() ? "" : "," + backend) +
           vdev.substr(comma);
}

} // namespace pvscsi::ctl
