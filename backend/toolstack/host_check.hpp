// What the entries name, looked up on this host: is it there, is it of the right kind, can it be
// used as asked, is it used twice under two names. Only looks; opens and changes nothing.
// Thread: any (it asks the file system). Errors: as remarks.
#pragma once

#include "backend/devices/users.hpp"
#include "backend/toolstack/vscsi_config.hpp"

#include <optional>
#include <string>
#include <sys/types.h>
#include <tuple>
#include <vector>

namespace pvscsi::toolstack {

[[nodiscard]] std::vector<Remark> check_backings(const std::vector<Lun>& luns,
                                                 const devices::Roots& roots = {});

/// What an entry leads to here, by all that two names of one backing may have in common.
struct Backing {
    std::string key; ///< the path, or what else the entry says; empty: it has no backing
    /// The device, or the file's place on its one; nothing if it is not there.
    std::optional<std::tuple<bool, dev_t, ino_t>> node;
    std::string sg;   ///< its sg node, whichever of its nodes was named
    std::string unit; ///< the unit's own name, by whichever path it is reached
};
[[nodiscard]] Backing backing_of(const Lun& lun, const devices::Roots& roots = {});
[[nodiscard]] bool same_backing(const Backing& a, const Backing& b);

/// The same by what is written alone: of the devices of another domain, which can't be looked at.
[[nodiscard]] std::string target_by_name(const config::Pdev& pdev);

/// What serves a PDEV: "sg", "block", "iso", "ram", "null"; "unknown" for a device node that is
/// not there (any more) or that nothing here can serve.
[[nodiscard]] std::string target_of(const config::Pdev& pdev);

} // namespace pvscsi::toolstack
