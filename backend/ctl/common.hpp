// Steps that several verbs share. Thread and errors: as verbs.hpp.
#pragma once

#include "backend/ctl/store_wait.hpp"
#include "backend/ctl/verbs.hpp"

#include <set>
#include <string>
#include <system_error>
#include <vector>

namespace pvscsi::ctl {

/// The domains that there are; in a driver domain, which is not told, itself and those it serves.
std::vector<hv::DomainInfo> known_domains(Context& context);

/// One of them, by name or number.
std::optional<hv::DomainInfo> domain_if_there(Context& context, const std::string& name);

/// The same, or Failure(not_found) with what there is.
hv::DomainInfo find_domain(Context& context, const std::string& name);

[[nodiscard]] inline Deadline deadline_of(const Context& context) {
    return std::chrono::steady_clock::now() + context.patience;
}

/// "20 s", "1.5 s"
[[nodiscard]] std::string patience_text(const Context& context);

/// Throws std::system_error with `what` was tried.
inline void require(const Result<void>& done, const std::string& what) {
    if (!done)
        throw std::system_error(done.error(), what);
}

/// The vhost as it is now; nothing if it is not there.
std::optional<VhostEntry> vhost_now(Context& context, const Vhost& vhost);

/// Those of one guest, or of all, whoever serves them, their LUNs by address. Without what a guest
/// has let go of and a detach that was killed has left in the list, and what could not be opened
/// for an attach that was killed: that is removed, where it may be.
std::vector<VhostEntry> all_vhosts(Context& context, std::optional<DomId> guest);

/// What entries have wrong by themselves: not served, of a domain that is not there, or naming
/// what this host has not. Notes: what is left to another domain to find out.
struct EntryFindings {
    std::vector<Remark> mistakes;
    std::vector<Remark> notes;
    std::vector<Lun> here; ///< whose devices are this domain's
};
EntryFindings look_at(Context& context, const std::vector<Lun>& luns);

/// Of entries whose backing some LUN in the store has already.
struct Users {
    std::vector<Remark> mistakes;  ///< they may not share it
    std::set<std::size_t> entries; ///< all of them, by number
};
/// `own`: a domain whose use is no mistake, as it is its file that is looked at.
Users find_users(Context& context, const std::vector<Lun>& luns, std::optional<DomId> own = {});

/// The vhost, with who serves it; of one that is not there this domain.
[[nodiscard]] Vhost served_by(Context& context, DomId guest, DevId device);

/// Failure(not_found).
[[noreturn]] void no_such_lun(const std::string& domain, const std::string& lun);

/// Failure(failed) if another LUN of the guest than that at `vdev` is called so.
void require_free_name(Context& context, DomId guest, const std::string& name,
                       const std::string& vdev);

/// Whose pvscsid serves the vhost: "pvscsid", or "pvscsid of domain 4 'storage'".
[[nodiscard]] std::string daemon_of(Context& context, const Vhost& vhost);

/// Waits until a daemon has looked at the vhosts. Warns when there is none, which is the verb's
/// exit status then. Never fails: the LUNs are there for a daemon that starts later.
void wait_for_daemon(Context& context, const std::vector<Vhost>& vhosts);

/// Why a LUN that has failed did.
[[nodiscard]] std::string reason_of(const LunEntry& lun);

/// What of a vhost can't be used, a line each with the reason.
[[nodiscard]] std::vector<std::string> troubles_of(const VhostEntry& vhost);

} // namespace pvscsi::ctl
