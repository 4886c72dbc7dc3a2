#include "backend/lun_identity.hpp"

#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "common/config/pdev.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sys/stat.h>
#include <sys/sysmacros.h>

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
    std::string name;
    std::getline(std::ifstream(device / "wwid") >> std::ws, name);
    return fmt::format("sg {} {}", device.string(), name);
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
    struct ::stat info {};
    if (::stat(path->c_str(), &info) != 0)
        return {};
    if (S_ISBLK(info.st_mode))
        return fmt::format("block {}:{}", major(info.st_rdev), minor(info.st_rdev));
    return fmt::format("file {}:{} {}", major(info.st_dev), minor(info.st_dev), info.st_ino);
}

bool ends_with_the_daemon(const std::string& text) {
    const auto pdev = config::parse_pdev(text);
    return pdev && pdev->kind == config::PdevKind::ram;
}

} // namespace pvscsi::backend
