// LUNs as `list` and its kin show them: what the store says, joined with the devices of this host.
// Thread and errors: as verbs.hpp.
#pragma once

#include "backend/ctl/lun_rows.hpp"
#include "backend/ctl/verbs.hpp"
#include "backend/devices/catalogue.hpp"

#include <map>

namespace pvscsi::ctl {

[[nodiscard]] std::map<DomId, std::string> domain_names(Context& context);

[[nodiscard]] std::vector<LunRow> rows_of(const Context& context,
                                          const std::vector<VhostEntry>& vhosts,
                                          const std::map<DomId, std::string>& names);

/// The device of this host that serves a LUN of the vhost; empty if none does.
[[nodiscard]] devices::Device device_of(const Context& context, const Vhost& vhost,
                                        const LunEntry& lun);

} // namespace pvscsi::ctl
