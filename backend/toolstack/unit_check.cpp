#include "backend/toolstack/unit_check.hpp"

#include "backend/devices/catalogue.hpp"
#include "backend/devices/unit_look.hpp"
#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

namespace pvscsi::toolstack {

namespace {

constexpr off_t disk_block = 512;

class Check {
  public:
    void look_at(const Lun& lun) {
        if (!lun.vport.empty())
            return; // the guest may have it, by a port that is its own
        const auto path = backend::path_of(lun.pdev);
        if (!path || path->empty() || lun.whole_host)
            return;
        const bool emulated = lun.pdev.kind == config::PdevKind::file;
        if (const auto sg = emulated ? std::nullopt : backend::find_sg_node(*path))
            look_at_unit(lun, *sg);
        else
            look_at_file(lun, *path);
    }

    UnitRemarks remarks;

  private:
    void look_at_unit(const Lun& lun, const std::string& sg) {
        const std::string kind = devices::find_device(sg).kind;
        const bool has_blocks = kind == "disk" || kind == "cd";
        const devices::UnitLook look = devices::look_at_unit(sg, has_blocks);
        if (!look.answers)
            remarks.mistakes.push_back(
                {lun.entry, lun.pdev_text, look.trouble, "a unit that answers"});
        else if (!look.trouble.empty())
            warn(lun, "it is not ready (" + look.trouble + ")",
                 "a unit that is ready, or a drive that gets its medium later");
        if (!look.reservation.empty())
            warn(lun, "it is reserved: " + look.reservation,
                 "no reservation, or a guest that takes part in it; others get RESERVATION "
                 "CONFLICT");
        if (has_blocks && look.answers && look.trouble.empty() && look.reservation.empty() &&
            (look.block_size == 0 || look.blocks == 0))
            warn(lun, "it tells no size", "a disk with blocks");
    }

    void look_at_file(const Lun& lun, const std::string& path) {
        struct stat node {};
        if (lun.pdev.kind == config::PdevKind::iso || ::stat(path.c_str(), &node) != 0 ||
            !S_ISREG(node.st_mode))
            return;
        if (const auto rest = node.st_size % disk_block; rest != 0)
            warn(lun,
                 fmt::format("the file's last {} bytes are no whole block of 512 and no part of "
                             "the disk",
                             rest),
                 "a file whose size is a multiple of 512");
    }

    void warn(const Lun& lun, std::string reason, std::string remedy) {
        remarks.warnings.push_back(
            {lun.entry, lun.pdev_text, std::move(reason), std::move(remedy)});
    }
};

} // namespace

UnitRemarks check_units(const std::vector<Lun>& luns) {
    Check check;
    for (const Lun& lun : luns)
        check.look_at(lun);
    return std::move(check.remarks);
}

} // namespace pvscsi::toolstack
