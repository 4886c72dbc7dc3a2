// From a `vscsi=` entry to a target.
#include "backend/target.hpp"

#include "backend/targets/cd.hpp"
#include "backend/targets/disk.hpp"
#include "backend/targets/iscsi/open.hpp"
#include "backend/targets/medium_block.hpp"
#include "backend/targets/medium_ram.hpp"
#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "common/config/pdev.hpp"

#include <fmt/format.h>
#include <stdexcept>

namespace pvscsi::backend {

namespace {

UnitIdentity identity_of(const LunConfig& config, const char* product) {
    return {product, config.serial, config.name};
}

std::unique_ptr<Target> open_disk(const LunConfig& config, const std::string& path) {
    BlockMedium::Options options;
    options.sharing = sharing_of(config);
    return std::make_unique<Disk>(identity_of(config, "DISK"),
                                  std::make_unique<BlockMedium>(path, options), config.read_only);
}

/// Images are shared and read over and over: through the host's page cache.
std::unique_ptr<Target> open_cd(const LunConfig& config, const std::string& path) {
    BlockMedium::Options options;
    options.sharing = sharing_of(config);
    options.sharing.read_only = true;
    options.block_size = Cd::block_size;
    options.direct = false;
    return std::make_unique<Cd>(identity_of(config, "CD-ROM"),
                                std::make_unique<BlockMedium>(path, options));
}

/// A node of a SCSI device is passed through, any other block device is a disk's backing.
std::unique_ptr<Target> open_device(const LunConfig& config, const std::string& path) {
    if (const auto node = find_sg_node(path))
        return open_sg_target(*node, config);
    if (config.timeout != 0)
        throw std::runtime_error(path + " is no SCSI device, and timeout= bounds the commands of "
                                        "one; expected an entry without it");
    return open_disk(config, path);
}

std::unique_ptr<Target> open_unit(const LunConfig& config, const config::Pdev& pdev) {
    const auto node = resolve_unit(pdev);
    if (!node)
        throw std::runtime_error(fmt::format("{}: {}; expected {}", config.pdev,
                                             node.error().reason, node.error().remedy));
    return open_sg_target(*node, config);
}

} // namespace

std::unique_ptr<Target> make_target(const LunConfig& config, const OpenedFor& whom) {
    const auto pdev = config::parse_pdev(config.pdev);
    if (!pdev)
        throw std::runtime_error(
            fmt::format("\"{}\": {}; {}", config.pdev, pdev.error().reason, pdev.error().remedy));
    switch (pdev->kind) {
    case config::PdevKind::device:
        return open_device(config, pdev->path);
    case config::PdevKind::address:
    case config::PdevKind::wwn:
    case config::PdevKind::fc:
        return open_unit(config, *pdev);
    case config::PdevKind::vport:
        throw std::runtime_error(fmt::format("\"{}\": a port is no unit", config.pdev));
    case config::PdevKind::iscsi:
        return open_iscsi_target(*pdev, config, whom);
    case config::PdevKind::file:
        return open_disk(config, pdev->path);
    case config::PdevKind::iso:
        return open_cd(config, pdev->path);
    case config::PdevKind::ram:
        return std::make_unique<Disk>(identity_of(config, "RAM DISK"),
                                      std::make_unique<RamMedium>(pdev->size), config.read_only);
    case config::PdevKind::null:
        return std::make_unique<Disk>(identity_of(config, "NULL DISK"),
                                      std::make_unique<NullMedium>(pdev->size), config.read_only);
    }
    throw std::logic_error("kind of PDEV");
}

} // namespace pvscsi::backend
