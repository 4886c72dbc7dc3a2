// Sources: Linux, drivers/scsi/scsi_sysfs.c: the folders of /sys/bus/scsi/devices are named h:c:t:l
// and have the attribute `wwid` (scsi_vpd_lun_id() of scsi_lib.c: VPD page 83h, association with
// the logical unit, the best designator there is).
#include "backend/targets/sg/resolve.hpp"

#include "backend/npiv/fc_unit.hpp"
#include "common/base/sysfs.hpp"

#include <fstream>
#include <iterator>
#include <span>
#include <vector>

namespace pvscsi::backend {

namespace fs = std::filesystem;
using config::Pdev;
using config::PdevKind;
using config::Refusal;

namespace {

/// Empty if the unit has none: the sg driver is not there.
std::string sg_node_of(const fs::path& device) {
    const std::string name = sysfs::only_name_in(device / "scsi_generic");
    return name.empty() ? name : "/dev/" + name;
}

/// The SCSI device of an sg node.
fs::path folder_of(const std::string& node, const fs::path& sysfs_root) {
    return sysfs_root / "class" / "scsi_generic" / fs::path(node).filename() / "device";
}

Refusal no_sg_node() {
    return {"the unit has no sg node", "the sg driver: modprobe sg"};
}

Expected<std::string, Refusal> at_address(const Pdev& pdev, const fs::path& devices) {
    const fs::path device = devices / to_string(pdev.address);
    std::error_code error;
    if (!fs::exists(device, error))
        return unexpected(
            Refusal{"there is no SCSI device at this address", "an address that lsscsi shows"});
    auto node = sg_node_of(device);
    if (node.empty())
        return unexpected(no_sg_node());
    return node;
}

Expected<std::string, Refusal> by_name(const Pdev& pdev, const fs::path& devices) {
    std::vector<std::string> nodes;
    std::error_code error;
    for (fs::directory_iterator at(devices, error), end; !error && at != end; at.increment(error)) {
        const std::string address = at->path().filename().string();
        if (address.ends_with(":" + std::to_string(pdev.address.lun)) &&
            sysfs::first_line(at->path() / "wwid") == pdev.name)
            nodes.push_back(sg_node_of(at->path()));
    }
    std::sort(nodes.begin(), nodes.end());
    if (nodes.empty())
        return unexpected(Refusal{
            "no SCSI device here has this name and LUN",
            "a name that /sys/bus/scsi/devices/*/wwid has; what SUSE's xl meant by it, a LUN of "
            "LIO's target xen-pvscsi, is named by its backing: /dev/NODE or file:PATH"});
    if (nodes.size() > 1) {
        std::string list;
        for (const std::string& node : nodes)
            list += (list.empty() ? "" : ", ") + node;
        return unexpected(Refusal{"several paths lead to this unit: " + list,
                                  "one of them, as /dev/disk/by-path/..."});
    }
    if (nodes.front().empty())
        return unexpected(no_sg_node());
    return nodes.front();
}

} // namespace

Expected<std::string, Refusal> resolve_unit(const Pdev& pdev, const fs::path& sysfs) {
    if (pdev.kind == PdevKind::fc)
        return npiv::find_fc_unit(npiv::FcTree(sysfs), npiv::fc_unit_name(pdev))
            .map([](const npiv::FcUnit& unit) { return unit.node; });
    const fs::path devices = sysfs / "bus" / "scsi" / "devices";
    return pdev.kind == PdevKind::address ? at_address(pdev, devices) : by_name(pdev, devices);
}

Expected<std::string, Refusal> path_of(const Pdev& pdev, const fs::path& sysfs) {
    if (pdev.kind == PdevKind::address || pdev.kind == PdevKind::wwn || pdev.kind == PdevKind::fc)
        return resolve_unit(pdev, sysfs);
    return pdev.path;
}

std::string unit_name(const std::string& node, const fs::path& sysfs_root) {
    return sysfs::first_line(folder_of(node, sysfs_root) / "wwid");
}

std::vector<std::byte> identification_of(const std::string& node, const fs::path& sysfs_root) {
    std::ifstream file(folder_of(node, sysfs_root) / "vpd_pg83", std::ios::binary);
    const std::vector<char> page(std::istreambuf_iterator<char>(file), {});
    const auto bytes = std::as_bytes(std::span(page));
    return {bytes.begin(), bytes.end()};
}

std::string have_kernel_look_again(const std::string& node) {
    return "have the kernel look again (echo 1 > /sys/class/scsi_generic/" +
           fs::path(node).filename().string() + "/device/rescan)";
}

std::string unit_key(const std::string& node, const fs::path& sysfs_root) {
    const std::string name = unit_name(node, sysfs_root);
    std::error_code error;
    const std::string address = fs::canonical(folder_of(node, sysfs_root), error).filename();
    return name.empty() ? name : name + " " + address.substr(address.rfind(':') + 1);
}

std::vector<std::string> other_paths(const std::string& node, const fs::path& sysfs_root) {
    std::vector<std::string> paths;
    const std::string own = fs::path(node).filename();
    const std::string key = unit_key(node, sysfs_root);
    if (!key.empty())
        for (const std::string& name : sysfs::names_in(sysfs_root / "class" / "scsi_generic"))
            if (name != own && unit_key(name, sysfs_root) == key)
                paths.push_back("/dev/" + name);
    return paths;
}

} // namespace pvscsi::backend
