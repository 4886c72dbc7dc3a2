// Sources: Linux, Documentation/ABI (sysfs-block-dm, sysfs-class-nvme, sysfs-block-loop),
// drivers/scsi/scsi_sysfs.c (wwid, vpd_pg80), drivers/block/virtio_blk.c (serial), drivers/md/md.c
// (uuid); systemd's udev database (/run/udev/data/bMAJOR:MINOR); SPC-5 7.7.19 (Unit Serial Number).
#include "backend/unit_identity.hpp"

#include "backend/targets/sg/open.hpp"
#include "common/base/sysfs.hpp"

#include <fmt/format.h>

#include <fstream>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace pvscsi::backend {

namespace {

namespace fs = std::filesystem;
using sysfs::first_line;

std::string on_one_line(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            c = '?';
    while (!text.empty() && text.back() == ' ')
        text.pop_back();
    return text;
}

/// Page 80h as the kernel has read it: a header of 4 bytes, then the serial number.
std::string serial_of(const fs::path& device) {
    constexpr std::size_t header = 4;
    std::ifstream file(device / "vpd_pg80", std::ios::binary);
    const std::string page((std::istreambuf_iterator<char>(file)), {});
    const auto first = page.find_first_not_of(' ', std::min(header, page.size()));
    return first == std::string::npos ? "" : on_one_line(page.substr(first));
}

std::string identity_of_scsi(const fs::path& device) {
    if (std::string name = on_one_line(first_line(device / "wwid")); !name.empty())
        return name;
    const std::string serial = serial_of(device);
    return serial.empty()
               ? ""
               : on_one_line(fmt::format("serial {} {} {}", first_line(device / "vendor"),
                                         first_line(device / "model"), serial));
}

std::string udev_says(const fs::path& device, std::string_view key, const devices::Roots& roots) {
    std::ifstream entry(roots.run / "udev" / "data" / ("b" + first_line(device / "dev")));
    const std::string begin = fmt::format("E:{}=", key);
    for (std::string line; std::getline(entry, line);)
        if (line.starts_with(begin))
            return line.substr(begin.size());
    return {};
}

std::string identity_of_disk(const fs::path& device, const devices::Roots& roots) {
    struct Attribute {
        const char* file;
        const char* says;
    };
    for (const auto& [file, says] :
         {Attribute{"dm/uuid", "dm "}, Attribute{"md/uuid", "md "}, Attribute{"wwid", ""},
          Attribute{"serial", "serial "}, Attribute{"loop/backing_file", "loop "}})
        if (const std::string text = first_line(device / file); !text.empty())
            return on_one_line(says + text);
    if (const std::string uuid = udev_says(device, "MD_UUID", roots); !uuid.empty())
        return on_one_line("md " + uuid);
    return identity_of_scsi(device / "device");
}

std::string identity_of_block(const fs::path& device, const devices::Roots& roots) {
    const std::string number = first_line(device / "partition");
    if (number.empty())
        return identity_of_disk(device, roots);
    const std::string disk = identity_of_disk(device.parent_path(), roots);
    if (!disk.empty())
        return disk + "-part" + number;
    const std::string uuid = udev_says(device, "ID_PART_ENTRY_UUID", roots);
    return uuid.empty() ? "" : on_one_line("partuuid " + uuid);
}

} // namespace

bool goes_by_number(const config::Pdev& pdev, const devices::Roots& roots) {
    if (is_unstable(pdev))
        return true;
    constexpr unsigned longest_chain = 40; // as the kernel's
    fs::path name = pdev.path;
    std::error_code error;
    for (unsigned i = 0; i < longest_chain && !name.empty(); ++i) {
        const std::string plain = name.lexically_normal();
        if (plain.starts_with(roots.dev.string() + "/"))
            return i > 0 && config::is_unstable_name(
                                "/dev/" + fs::path(plain).lexically_relative(roots.dev).string());
        const fs::path target = fs::read_symlink(name, error);
        if (error)
            return false;
        name = target.is_absolute() ? target : name.parent_path() / target;
    }
    return false;
}

std::string lasting_identity(const std::string& path, const devices::Roots& roots) {
    if (const auto sg = find_sg_node(path, roots.sys))
        return identity_of_scsi(roots.sys / "class" / "scsi_generic" / fs::path(*sg).filename() /
                                "device");
    struct ::stat info {};
    if (::stat(path.c_str(), &info) != 0 || !S_ISBLK(info.st_mode))
        return {};
    std::error_code error;
    const fs::path device =
        fs::canonical(roots.sys / "dev" / "block" /
                          fmt::format("{}:{}", major(info.st_rdev), minor(info.st_rdev)),
                      error);
    return error ? std::string() : identity_of_block(device, roots);
}

} // namespace pvscsi::backend
