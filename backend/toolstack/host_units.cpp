#include "backend/toolstack/host_units.hpp"

#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "common/base/sysfs.hpp"

#include <limits>
#include <map>
#include <tuple>

namespace pvscsi::toolstack {

namespace fs = std::filesystem;
using config::PdevKind;
using config::Refusal;

namespace {

constexpr std::uint64_t largest = std::numeric_limits<std::uint16_t>::max();

/// Empty if there is no such host.
std::string place_of(std::uint32_t host, const fs::path& sysfs) {
    std::error_code error;
    const fs::path folder = sysfs / "class" / "scsi_host" / ("host" + std::to_string(host));
    const fs::path device = fs::canonical(folder / "device", error);
    return error ? std::string() : device.string();
}

Expected<std::uint32_t, Refusal> number_of(const config::Pdev& pdev, const fs::path& sysfs) {
    if (pdev.kind == PdevKind::address)
        return pdev.address.host;
    const auto path = backend::path_of(pdev, sysfs);
    if (!path)
        return unexpected(path.error());
    const auto node = backend::find_sg_node(*path, sysfs);
    std::error_code error;
    const fs::path unit =
        node ? fs::canonical(
                   sysfs / "class" / "scsi_generic" / fs::path(*node).filename() / "device", error)
             : fs::path();
    const auto address = config::parse_pdev(unit.filename().string());
    if (!node || error || !address || address->kind != PdevKind::address)
        return unexpected(Refusal{"there is no SCSI device by this name, and so no host adapter",
                                  "h:c:t:l, or the node of a unit of the adapter"});
    return address->address.host;
}

} // namespace

Expected<ScsiHost, Refusal> host_of(const Lun& entry, const fs::path& sysfs) {
    const auto number = number_of(entry.pdev, sysfs);
    if (!number)
        return unexpected(number.error());
    ScsiHost host{*number, place_of(*number, sysfs)};
    if (host.place.empty())
        return unexpected(Refusal{"there is no host adapter " + std::to_string(*number),
                                  "one of /sys/class/scsi_host"});
    return host;
}

HostUnits units_of(const ScsiHost& host, const Lun& entry, const fs::path& sysfs) {
    HostUnits units;
    if (host.place.empty() || place_of(host.number, sysfs) != host.place)
        return units;
    const fs::path devices = sysfs / "bus" / "scsi" / "devices";
    std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint64_t>, Lun> by_address;
    for (const std::string& name : sysfs::names_in(devices)) {
        // Beside the units there are hosts and targets: "host2", "target2:0:0".
        auto pdev = config::parse_pdev(name);
        if (!pdev || pdev->kind != PdevKind::address || pdev->address.host != host.number ||
            sysfs::only_name_in(devices / name / "scsi_generic").empty())
            continue;
        const auto [number, channel, target, lun] = pdev->address;
        if (channel > largest || target > largest || lun > largest) {
            units.beyond.push_back(name);
            continue;
        }
        Lun unit = entry;
        unit.pdev = std::move(*pdev);
        unit.pdev_text = name;
        unit.vdev = {entry.vdev.host, static_cast<std::uint16_t>(channel),
                     static_cast<std::uint16_t>(target), static_cast<std::uint16_t>(lun)};
        unit.whole_host = unit.vdev_is_host = false;
        by_address.emplace(std::tuple{channel, target, lun}, std::move(unit));
    }
    for (auto& [address, unit] : by_address)
        units.luns.push_back(std::move(unit));
    return units;
}

} // namespace pvscsi::toolstack
