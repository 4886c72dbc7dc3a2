#include "backend/guest_devices.hpp"

#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "common/base/log.hpp"
#include "common/base/small_file.hpp"
#include "common/base/sysfs.hpp"
#include "common/config/pdev.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <sstream>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <vector>

namespace pvscsi::backend {

namespace fs = std::filesystem;

namespace {

/// As udev puts an attribute into a path (udev(7), "String substitutions"): what it does not allow
/// becomes an underscore. Nothing for what would be another folder's or is not plain text.
std::optional<std::string> as_file_name(std::string name) {
    if (name.empty() || name.front() == '.')
        return {};
    for (char& c : name) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '/' || c == '\\' || byte < 0x20 || byte > 0x7e)
            return {};
        const bool letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && std::string_view("#+-.:=@_ $%?,").find(c) == std::string_view::npos)
            c = '_';
    }
    return name;
}

/// Of a disk or partition, `device` being its folder in sysfs.
std::string name_of_block(const fs::path& device) {
    for (const char* const file : {"dm/uuid", "wwid", "device/wwid"})
        if (std::string name = sysfs::first_line(device / file); !name.empty())
            return name;
    const std::string number = sysfs::first_line(device / "partition");
    const std::string disk = number.empty() ? "" : name_of_block(device.parent_path());
    return disk.empty() ? "" : disk + "-part" + number;
}

} // namespace

GuestDevices::GuestDevices(fs::path directory, fs::path sysfs)
    : directory_(std::move(directory)), sysfs_(std::move(sysfs)) {
    load();
}

void GuestDevices::load() {
    std::error_code none; // the directory is made with the first file
    for (const auto& entry : fs::directory_iterator(directory_, none)) {
        if (entry.path().extension() == ".new") { // a daemon died at it
            fs::remove(entry.path(), none);
            continue;
        }
        const auto text = read_small_file(entry.path());
        if (!text)
            continue;
        std::istringstream lines(*text);
        for (std::string line; std::getline(lines, line);)
            if (const auto blank = line.find(' '); blank != std::string::npos)
                files_[{line.substr(blank + 1), line.substr(0, blank)}] = entry.path().filename();
    }
}

std::optional<std::string> GuestDevices::file_name(const std::string& text) const {
    const auto pdev = config::parse_pdev(text);
    if (!pdev || pdev->kind == config::PdevKind::file || pdev->kind == config::PdevKind::iso)
        return {};
    const auto path = path_of(*pdev, sysfs_);
    if (!path || path->empty())
        return {};
    if (const auto node = find_sg_node(*path, sysfs_))
        return as_file_name(sysfs::first_line(sysfs_ / "class/scsi_generic" /
                                              fs::path(*node).filename() / "device/wwid"));
    struct ::stat info {};
    if (::stat(path->c_str(), &info) != 0 || !S_ISBLK(info.st_mode))
        return {};
    std::error_code error;
    const fs::path device = fs::canonical(
        sysfs_ / fmt::format("dev/block/{}:{}", major(info.st_rdev), minor(info.st_rdev)), error);
    return error ? std::nullopt : as_file_name(name_of_block(device));
}

std::set<GuestDevices::Lun> GuestDevices::luns_of(const std::string& file) const {
    std::set<Lun> luns;
    for (const auto& [lun, its_file] : files_)
        if (its_file == file)
            luns.insert(lun);
    return luns;
}

/// What counts for udev is that it is there: it never is absent while it changes.
void GuestDevices::write(const std::string& file) const {
    const auto luns = luns_of(file);
    const fs::path path = directory_ / file;
    if (luns.empty()) {
        fs::remove(path);
        return;
    }
    std::string text;
    for (const auto& [domain, vdev] : luns)
        text += vdev + " " + domain + "\n";
    replace_small_file(path, text);
}

void GuestDevices::drop(const Lun& lun) {
    if (const auto old = files_.extract(lun))
        write(old.mapped());
}

void GuestDevices::add(const std::string& domain, const std::string& vdev,
                       const std::string& pdev) noexcept {
    try {
        const Lun lun{domain, vdev};
        const auto file = file_name(pdev);
        if (const auto old = files_.find(lun); old != files_.end() && file == old->second)
            return;
        drop(lun);
        if (!file || domain.empty() || domain.find('\n') != std::string::npos)
            return;
        files_[lun] = *file;
        write(*file);
    } catch (const std::exception& error) {
        log::warning("domain={} v-dev={} udev is not told that it has {}: {}", log::escaped(domain),
                     vdev, pdev, error.what());
    }
}

void GuestDevices::remove(const std::string& domain, const std::string& vdev) noexcept {
    try {
        drop({domain, vdev});
    } catch (const std::exception& error) {
        log::warning("domain={} v-dev={} its device is still kept from udev: {}",
                     log::escaped(domain), vdev, error.what());
    }
}

void GuestDevices::keep_if(const std::function<bool(const std::string& domain)>& known) noexcept {
    std::vector<Lun> gone;
    for (const auto& [lun, file] : files_)
        if (!known(lun.first))
            gone.push_back(lun);
    for (const auto& [domain, vdev] : gone)
        remove(domain, vdev);
}

} // namespace pvscsi::backend
