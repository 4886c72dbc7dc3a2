// What the entries name, looked up on this host: is it there, is it of the right kind, can it be
// used as asked, is it used twice under two names. Only looks; opens and changes nothing.
// Thread: any (it asks the file system). Errors: as remarks.
#pragma once

#include "backend/devices/layers.hpp"
#include "backend/toolstack/vscsi_config.hpp"

#include <string>
#include <vector>

namespace pvscsi::toolstack {

[[nodiscard]] std::vector<Remark> check_backings(const std::vector<Lun>& luns,
                                                 const devices::Roots& roots = {});

/// Which units of whole host adapters their guest does not get, and why. Only of entries without a
/// mistake.
[[nodiscard]] std::vector<Remark> left_out_of_hosts(const std::vector<Lun>& luns,
                                                    const devices::Roots& roots = {});

/// What an entry leads to here, by all that two names of one backing may have in common.
struct Backing {
    std::string key;        ///< the path, or what else the entry says; empty: it has no backing
    devices::Layers layers; ///< nothing if it is not there
};
[[nodiscard]] Backing backing_of(const Lun& lun, const devices::Roots& roots = {});
/// Also if one is a part of the other: a partition and its disk, a loop device and its image.
[[nodiscard]] bool same_backing(const Backing& a, const Backing& b);

/// The same by what is written alone: of the devices of another domain, which can't be looked at.
[[nodiscard]] std::string target_by_name(const config::Pdev& pdev);

/// What serves a PDEV: "sg", "block", "iso", "ram", "null", "iscsi"; "unknown" for a device node
/// that is not there (any more) or that nothing here can serve.
[[nodiscard]] std::string target_of(const config::Pdev& pdev);

} // namespace pvscsi::toolstack
