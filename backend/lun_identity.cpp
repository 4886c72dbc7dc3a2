#include "backend/lun_identity.hpp"

#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "backend/unit_identity.hpp"
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

/// Its place has numbers that change when its port is made anew, and the unit is the same.
std::string identity_of_fc(const config::Pdev& pdev, const std::string& node) {
    return fmt::format("fc {} {}", config::backing_key(pdev), unit_name(node));
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
            return pdev->kind == config::PdevKind::fc ? identity_of_fc(*pdev, *node)
                                                      : identity_of_sg(*node);
    struct ::statx info {};
    if (::statx(AT_FDCWD, path->c_str(), 0, STATX_BASIC_STATS | STATX_BTIME, &info) != 0)
        return {};
    return S_ISBLK(info.stx_mode) ? identity_of_block(info) : identity_of_file(info);
}

/// A file system may have another device number after a boot; a file keeps its own, and its time of
/// birth where there is one.
std::string unit_over_boots(const std::string& text) {
    const auto pdev = config::parse_pdev(text);
    const auto path = pdev ? path_of(*pdev) : unexpected(config::Refusal{});
    if (!path)
        return "nothing";
    if (path->empty()) {
        const std::string key = config::backing_key(*pdev);
        return key.empty() ? text : key;
    }
    struct ::statx info {};
    if (::statx(AT_FDCWD, path->c_str(), 0, STATX_BASIC_STATS | STATX_BTIME, &info) != 0)
        return "nothing";
    if (S_ISREG(info.stx_mode)) {
        std::string file = fmt::format("file {} of {} bytes", info.stx_ino, info.stx_size);
        if ((info.stx_mask & STATX_BTIME) != 0)
            file += fmt::format(" made at {}.{:09}", info.stx_btime.tv_sec, info.stx_btime.tv_nsec);
        return file;
    }
    const std::string name = lasting_identity(*path);
    const std::string unit = name.empty() ? "a unit without a name of its own" : "the unit " + name;
    if (!S_ISBLK(info.stx_mode))
        return unit;
    const std::string sectors = sysfs::first_line(
        fmt::format("/sys/dev/block/{}:{}/size", info.stx_rdev_major, info.stx_rdev_minor));
    return fmt::format("{} of {} sectors", unit, sectors);
}

bool ends_with_the_daemon(const std::string& text) {
    const auto pdev = config::parse_pdev(text);
    return pdev && pdev->kind == config::PdevKind::ram;
}

} // namespace pvscsi::backend
