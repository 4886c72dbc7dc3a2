// Verbs that speak to the running daemon, at the control socket `path`. They need no store, which
// only root may open: the daemon tells the names of the domains that have LUNs. A domain is named
// by its name or its number; Failure(not_found) if the daemon knows none of that name. Thread: any.
// Errors: as daemon_link.hpp.
#pragma once

#include "common/base/strong_id.hpp"

#include <chrono>
#include <map>
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

/// Has it take what a domain's names lead to for right, of one LUN, by its h:c:t:l or its name=, or
/// (empty) of all. The domain need not run, if it is named by its name, and the LUN by its address.
std::string accept(const DaemonPlace& place, const std::string& domain, const std::string& lun);

struct StatsOptions {
    std::string domain; ///< empty: all
    bool json = false;
};
/// What it counts, of each LUN: a table for reading, or JSON after stats.schema.json.
std::string stats(const DaemonPlace& place, const StatsOptions& options);

/// The same of every LUN, for `show`: lines, by domid and VDEV. Empty if no daemon answers.
using LunCounts = std::map<std::pair<unsigned, std::string>, std::vector<std::string>>;
LunCounts lun_counts(const DaemonPlace& place);

/// The number of a domain.
unsigned domid_of(const DaemonPlace& place, const std::string& domain);

/// Faults of a LUN.
struct InjectOptions {
    std::string domain;
    std::string vdev;               ///< h:c:t:l
    bool clear = false;             ///< first
    std::vector<std::string> rules; ///< then, in addition; README.md of ../inject/
    bool json = false;
};
/// Changes them, and tells what there is: a table, or JSON after inject.schema.json.
std::string inject(const DaemonPlace& place, const InjectOptions& options);

/// Fibre Channel ports of guests.
struct VportOptions {
    std::string action;  ///< "list", "show", "create", "delete", "pool"
    std::string name;    ///< a WWPN; of create "WWPN:WWNN[@PORT]"
    std::string release; ///< of pool: a domain's name, or what its names last by; empty: none
    bool json = false;
    bool plain = false; ///< of list
};
/// Tells of them or changes them: a table, lines for scripts, or JSON after vport.schema.json and
/// vport-pool.schema.json.
std::string vport(const DaemonPlace& place, const VportOptions& options);

} // namespace pvscsi::ctl
