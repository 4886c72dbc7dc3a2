// Which domain serves an entry's unit: what its third field names, looked up in the store, and
// which domains serve guests at all.
//
// Only dom0 may see what domains there are; for any other one there is itself alone.
// Thread: the store's. Errors: none; what can't be read is not there.
#pragma once

#include "backend/toolstack/vhost.hpp"
#include "backend/toolstack/vscsi_config.hpp"
#include "common/hypervisor/store.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pvscsi::toolstack {

/// What an entry may call the domain that asks: its number and its name.
[[nodiscard]] std::vector<std::string> own_names(hv::Store& store, DomId self);

/// "domain 4 'storage'", or without a name where it has none.
[[nodiscard]] std::string domain_text(hv::Store& store, DomId domain);

/// Entries by where their devices are.
struct SortedLuns {
    std::vector<Lun> here; ///< of the domain that asks
    std::vector<Lun> elsewhere;
    std::vector<Remark> mistakes; ///< a domain that is not there
};

/// As the domains were when it was made, or asked first: for one look at some entries.
class BackendDomains {
  public:
    BackendDomains(hv::Store& store, DomId self) : store_(store), self_(self) {}

    /// Who serves an entry with this third field; empty: who asks. Nothing: no such domain runs.
    [[nodiscard]] std::optional<DomId> find(const std::string& text);
    [[nodiscard]] SortedLuns sort(const std::vector<Lun>& luns);

  private:
    [[nodiscard]] std::optional<DomId> look_up(const std::string& text);
    [[nodiscard]] bool runs(DomId domain);

    hv::Store& store_;
    const DomId self_;
    std::map<std::string, std::optional<DomId>> known_;
};

/// Who asks, and every other domain with vhosts below its path.
[[nodiscard]] std::vector<DomId> domains_that_serve(hv::Store& store, DomId self);

/// The domains that the store has, by number.
[[nodiscard]] std::vector<DomId> domains_there(hv::Store& store);

} // namespace pvscsi::toolstack
