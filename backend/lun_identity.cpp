#include "backend/lun_identity.hpp"

#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "common/base/sysfs.hpp"
#include "common/config/pdev.hpp"

#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/stat.h>

namespace pvscsi::backend {

namespace {

namespace fs = std::filesystem;

/// Its place in the tree of devices, which ends with H:C:T:L, and the name that the kernel knows.
std::string identity_of_sg(const std::string& node) {
    std::error_code error;
    const fs::path device = fs::canonical(
        "/sys/class/scsi_generic/" + fs::path(node).filename().string() + "/device", error);
    if (error)
        return {};
    return fmt::format("sg {} {}", device.string(), sysfs::first_line(device / "wwid"));
}

/// Numbers are given anew when a device goes: what sysfs knows of it beside them. A partition's
/// disk is the folder above.
std::string identity_of_block(const struct ::statx& info) {
    std::error_code error;
    const fs::path device = fs::canonical(
        fmt::format("/sys/dev/block/{}:{}", info.stx_rdev_major, info.stx_rdev_minor), error);
    std::string text = fmt::format("block {}:{}", info.stx_rdev_major, info.stx_rdev_minor);
    for (const char* const name :
         {"diskseq", "../diskseq", "dm/uuid", "wwid", "device/wwid", "loop/backing_file", "start"})
        text += " " + sysfs::first_line(device / name);
    return text;
}

/// A file that was removed leaves its number to the next one, but not its time of birth.
std::string identity_of_file(const struct ::statx& info) {
    std::string text =
        fmt::format("file {}:{} {}", info.stx_dev_major, info.stx_dev_minor, info.stx_ino);
    if ((info.stx_mask & STATX_BTIME) != 0)
        text += fmt::format(" {}.{:09}", info.stx_btime.tv_sec, info.stx_btime.tv_nsec);
    return text;
}

} // namespace

std::string identity_of(const std::string& text) {
    const auto pdev = config::parse_pdev(text);
    if (!pdev)
        return {};
    const auto path = path_of(*pdev);
    if (!path)
        return {};
    if (path->empty())
        return text;
    if (pdev->kind != config::PdevKind::file && pdev->kind != config::PdevKind::iso)
        if (const auto node = find_sg_node(*path))
            return identity_of_sg(*node);
    struct ::statx info {};
    if (::statx(AT_FDCWD, path->c_str(), 0, STATX_BASIC_STATS | STATX_BTIME, &info) != 0)
        return {};
    return S_ISBLK(info.stx_mode) ? identity_of_block(info) : identity_of_file(info);
}

bool ends_with_the_daemon(const std::string& text) {
    const auto pdev = config::parse_pdev(text);
    return pdev && pdev->kind == config::PdevKind::ram;
}

} // namespace pvscsi::backend
