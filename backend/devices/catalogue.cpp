// Sources: Linux, drivers/scsi/scsi_sysfs.c (type, vendor, model, wwid), block/genhd.c (size, ro),
// systemd's udev database (/run/udev/data/bMAJOR:MINOR).
#include "backend/devices/catalogue.hpp"

#include "backend/devices/openers.hpp"
#include "common/base/sysfs.hpp"

#include <array>
#include <cstdlib>
#include <map>
#include <tuple>

namespace pvscsi::devices {

namespace fs = std::filesystem;
using sysfs::first_line;
using sysfs::names_in;
using sysfs::only_name_in;

namespace {

constexpr std::uint64_t sector = 512;

std::uint64_t number_of(const std::string& text) {
    return std::strtoull(text.c_str(), nullptr, 10);
}

std::string content_of(const std::string& disk, const Roots& roots) {
    const std::string number = first_line(roots.sys / "class" / "block" / disk / "dev");
    std::ifstream entry(roots.run / "udev" / "data" / ("b" + number));
    constexpr std::string_view key = "E:ID_FS_TYPE=";
    for (std::string line; std::getline(entry, line);)
        if (line.starts_with(key))
            return line.substr(key.size());
    return {};
}

/// Size, contents and users, of what has a block device.
void fill_block(Device& device, const std::string& disk, const Roots& roots) {
    const fs::path block = roots.sys / "class" / "block" / disk;
    device.size = number_of(first_line(block / "size")) * sector;
    device.read_only = first_line(block / "ro") == "1";
    device.content = content_of(disk, roots);
    device.users = users_of_disk(disk, roots);
}

Device scsi_device(const std::string& sg, const Roots& roots) {
    const fs::path folder = roots.sys / "class" / "scsi_generic" / sg / "device";
    Device device;
    device.node = "/dev/" + sg;
    std::error_code error;
    device.address = fs::canonical(folder, error).filename().string();
    device.kind = kind_name(static_cast<unsigned>(number_of(first_line(folder / "type"))));
    device.vendor = first_line(folder / "vendor");
    device.model = first_line(folder / "model");
    device.name = first_line(folder / "wwid");
    device.nodes.push_back(sg);
    for (const char* kind : {"block", "scsi_tape", "scsi_changer"})
        if (const std::string node = only_name_in(folder / kind); !node.empty())
            device.nodes.push_back(node);
    if (const std::string disk = only_name_in(folder / "block"); !disk.empty())
        fill_block(device, disk, roots);
    for (std::string& opener : openers_of_unit(device.node, roots))
        device.users.push_back(std::move(opener));
    return device;
}

/// Logical volumes, multipath maps, other disks; not those of SCSI, nor what has no contents.
bool is_other_disk(const std::string& name, const Roots& roots) {
    const fs::path block = roots.sys / "block" / name;
    std::error_code error;
    if (fs::exists(block / "device" / "scsi_generic", error))
        return false;
    for (const char* prefix : {"ram", "zram", "fd"})
        if (name.starts_with(prefix))
            return false;
    return number_of(first_line(block / "size")) > 0;
}

Device other_disk(const std::string& name, const Roots& roots) {
    const fs::path block = roots.sys / "block" / name;
    Device device;
    const std::string volume = first_line(block / "dm" / "name");
    device.node = volume.empty() ? "/dev/" + name : "/dev/mapper/" + volume;
    device.kind = volume.empty() ? "disk" : "volume";
    device.model = first_line(block / "device" / "model");
    device.name = first_line(block / "wwid");
    device.nodes.push_back(name);
    fill_block(device, name, roots);
    return device;
}

/// The kernel's node of each of udev's links that stay, the shortest of them.
std::map<std::string, std::string> stable_links(const fs::path& dev) {
    std::map<std::string, std::string> links;
    std::error_code error;
    for (const char* folder : {"disk/by-id", "tape/by-id"})
        for (const std::string& name : names_in(dev / folder)) {
            const fs::path link = dev / folder / name;
            auto& known = links[fs::canonical(link, error).filename().string()];
            if (known.empty() || link.string().size() < known.size())
                known = link.string();
        }
    return links;
}

/// Numbers, where there are some: 2:0:0:0 comes before 10:0:0:0.
std::array<std::uint64_t, 4> order_of(const std::string& address) {
    std::array<std::uint64_t, 4> order{};
    std::size_t at = 0;
    for (auto& part : order) {
        part = number_of(address.substr(std::min(at, address.size())));
        at = address.find(':', at);
        at = at == std::string::npos ? address.size() : at + 1;
    }
    return order;
}

void find_paths(std::vector<Device>& list) {
    std::map<std::pair<std::string, std::string>, std::vector<std::string>> by_name;
    const auto key = [](const Device& device) {
        return std::pair{device.name, device.address.substr(device.address.rfind(':') + 1)};
    };
    for (const Device& device : list)
        if (!device.name.empty() && !device.address.empty())
            by_name[key(device)].push_back(device.node);
    for (Device& device : list)
        if (const auto same = by_name.find(key(device)); same != by_name.end())
            for (const std::string& node : same->second)
                if (node != device.node)
                    device.paths.push_back(node);
}

} // namespace

std::string kind_name(unsigned type) {
    switch (type) {
    case 0x00:
    case 0x14:
        return "disk";
    case 0x01:
        return "tape";
    case 0x05:
        return "cd";
    case 0x07:
        return "optical";
    case 0x08:
        return "changer";
    case 0x0c:
        return "raid";
    case 0x0d:
        return "enclosure";
    default:
        return "type-" + std::to_string(type);
    }
}

Device find_device(const std::string& path, const Roots& roots) {
    std::error_code error;
    const fs::path real = fs::canonical(path, error);
    const std::string name = real.filename().string();
    const bool is_node = !error && fs::status(real, error).type() != fs::file_type::regular;
    if (is_node && fs::exists(roots.sys / "class" / "scsi_generic" / name, error))
        return scsi_device(name, roots);
    if (is_node && fs::exists(roots.sys / "class" / "block" / name, error))
        return other_disk(name, roots);
    Device device;
    device.node = path;
    return device;
}

std::string link_of(const std::string& node, const fs::path& dev) {
    const auto links = stable_links(dev);
    std::error_code error;
    const auto link = links.find(fs::canonical(node, error).filename().string());
    return link == links.end() ? "" : link->second;
}

std::vector<Device> list_devices(const Roots& roots, const fs::path& dev) {
    std::vector<Device> list;
    for (const std::string& sg : names_in(roots.sys / "class" / "scsi_generic"))
        list.push_back(scsi_device(sg, roots));
    std::sort(list.begin(), list.end(), [](const Device& a, const Device& b) {
        return order_of(a.address) < order_of(b.address);
    });
    for (const std::string& name : names_in(roots.sys / "block"))
        if (is_other_disk(name, roots))
            list.push_back(other_disk(name, roots));
    const auto links = stable_links(dev);
    for (Device& device : list)
        for (const std::string& node : device.nodes)
            if (const auto link = links.find(node); link != links.end() && device.link.empty())
                device.link = link->second;
    find_paths(list);
    return list;
}

} // namespace pvscsi::devices
