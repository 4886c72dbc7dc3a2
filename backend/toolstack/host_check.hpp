// What the entries name, looked up on this host: is it there, is it of the right kind, can it be
// used as asked, is it used twice under two names. Only looks; opens and changes nothing.
// Thread: any (it asks the file system). Errors: as remarks.
#pragma once

#include "backend/toolstack/vscsi_config.hpp"

#include <string>
#include <vector>

namespace pvscsi::toolstack {

[[nodiscard]] std::vector<Remark> check_backings(const std::vector<Lun>& luns);

/// Whether both name one file or device, by one path or two.
[[nodiscard]] bool same_backing(const Lun& a, const Lun& b);

/// The same by what is written alone: of the devices of another domain, which can't be looked at.
[[nodiscard]] std::string target_by_name(const config::Pdev& pdev);

/// What serves a PDEV: "sg", "block", "iso", "ram", "null"; "unknown" for a device node that is
/// not there (any more) or that nothing here can serve.
[[nodiscard]] std::string target_of(const config::Pdev& pdev);

} // namespace pvscsi::toolstack
