// Verbs that speak to the running daemon, at the control socket `path`; they need no store but for
// the names of domains. Thread: any. Errors: as daemon_link.hpp.
#pragma once

#include "common/base/strong_id.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pvscsi::ctl {

struct DaemonPlace {
    std::string path;
    std::chrono::milliseconds patience;
};

/// Has it read its settings and the domains' files again.
std::string reload(const DaemonPlace& place);

/// Tells how much it logs, or changes that until it ends.
std::string log_level(const DaemonPlace& place, const std::string& level);

struct StatsOptions {
    std::map<unsigned, std::string> names; ///< of the domains, by domid
    std::optional<unsigned> domid;         ///< all, if there is none
    bool json = false;
};
/// What it counts, of each LUN: a table for reading, or JSON after stats.schema.json.
std::string stats(const DaemonPlace& place, const StatsOptions& options);

/// The same of every LUN, for `show`: lines, by domid and VDEV. Empty if no daemon answers.
using LunCounts = std::map<std::pair<unsigned, std::string>, std::vector<std::string>>;
LunCounts lun_counts(const DaemonPlace& place);

} // namespace pvscsi::ctl
