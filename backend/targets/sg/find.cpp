// Sources: Linux, Documentation/ABI/testing/sysfs-dev (the /sys/dev/{block,char} links); seen on
// 6.1: the `device` link of an sd, st, sr or ch node leads to the SCSI device, whose folder
// scsi_generic/ holds the one sg node.
#include "backend/targets/sg/open.hpp"

#include "common/base/sysfs.hpp"

#include <fmt/format.h>

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace pvscsi::backend {

namespace fs = std::filesystem;

namespace {

constexpr unsigned sg_major = 21; // SCSI_GENERIC_MAJOR of linux/major.h

} // namespace

std::optional<std::string> find_sg_node(const fs::path& path, const fs::path& sysfs_root) {
    struct ::stat status {};
    if (::stat(path.c_str(), &status) != 0)
        return {};
    const bool block = S_ISBLK(status.st_mode);
    if (!block && !S_ISCHR(status.st_mode))
        return {};
    if (!block && major(status.st_rdev) == sg_major) {
        std::error_code error;
        const auto real = fs::canonical(path, error);
        return error ? std::optional<std::string>() : real.string();
    }
    const std::string name =
        sysfs::only_name_in(sysfs_root / "dev" / (block ? "block" : "char") /
                            fmt::format("{}:{}", major(status.st_rdev), minor(status.st_rdev)) /
                            "device" / "scsi_generic");
    return name.empty() ? std::nullopt : std::optional("/dev/" + name);
}

} // namespace pvscsi::backend
