// What the store says about vhosts and their LUNs, joined from both ends.
//
// Nodes come and go while they are read: what vanishes meanwhile is left out, what is missing is
// empty or State::unknown.
// Thread: the store's. Errors: std::system_error when the store itself fails.
#pragma once

#include "backend/toolstack/vhost_nodes.hpp"
#include "backend/toolstack/vhost_record.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pvscsi::toolstack {

struct LunEntry {
    unsigned number = 0; ///< N of dev-N
    std::string vdev;
    std::string pdev;
    std::string name;
    std::string error;   ///< the daemon's reason, empty if it has none
    std::string target;  ///< what served it when it was configured
    std::string warning; ///< the daemon's, of a unit that works
    bool read_only = false;
    std::string queue_depth; ///< a number, or empty
    std::string timeout;     ///< seconds, or empty
    bool exclusive = true;
    std::string policy; ///< as policy= says it, or empty
    std::string vport;  ///< as vport= says it, or empty
    std::string port;   ///< the WWPN that the daemon says it is reached by, or empty
    xenbus::State state = xenbus::State::unknown;
};

struct VhostEntry {
    Vhost vhost;
    xenbus::State back = xenbus::State::unknown;
    xenbus::State front = xenbus::State::unknown;
    std::string error;
    bool taken_up = false; ///< a daemon has looked at it
    std::vector<LunEntry> luns;
    bool lost = false; ///< the domain that served it has ended, and its nodes with it
    std::string host;  ///< the entry that gives a whole host adapter; empty: entries for each LUN
    std::string host_place; ///< ScsiHost::place of that

    [[nodiscard]] const LunEntry* find(const std::string& vdev) const;
};

/// Of one guest, or of all that `backend` serves; by domain id, vhost and dev-N.
std::vector<VhostEntry> read_vhosts(hv::Store& store, DomId backend, std::optional<DomId> guest);
/// The same of those that give a whole host adapter; of the others one node is looked at.
std::vector<VhostEntry> read_whole_hosts(hv::Store& store, DomId backend);
/// Also those that other domains serve or have served, which only dom0 knows (vhost_record.hpp).
/// What is lost has the reason for an error, of every LUN.
std::vector<VhostEntry> read_all_vhosts(hv::Store& store, DomId self, std::optional<DomId> guest);

/// One vhost, inside a transaction; nothing if it is not there.
Result<std::optional<VhostEntry>> read_vhost(hv::Store& store, hv::StoreTxn txn,
                                             const Vhost& vhost);

/// The same of one that is lost: what its entries say, and why.
VhostEntry lost_vhost(hv::Store& store, const VhostRecord& record);

/// Who serves this vhost of a guest; `self` if it is not there.
Result<Vhost> find_vhost(hv::Store& store, hv::StoreTxn txn, DomId self, DomId guest, DevId device);

/// As the parser would have given it, but for the number of its entry.
[[nodiscard]] std::optional<Lun> lun_of(const LunEntry& entry);

/// What it leads to, by the port that the daemon reaches it by; nothing where that is not known.
[[nodiscard]] std::optional<config::Pdev> pdev_of(const LunEntry& entry);

/// What to tell of a LUN in one word; they are in README.md and list.schema.json.
[[nodiscard]] std::string lun_state(const VhostEntry& vhost, const LunEntry& lun);

} // namespace pvscsi::toolstack
