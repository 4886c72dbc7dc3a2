// What the LUNs of a suspended domain lead to. `xl save`, and a migration, have a guest's memory
// outlive the domain, and with it what the guest has read of its disks and not yet written to them:
// on another unit under the same name that would be a wreck. So who comes back finds the same
// units, or none.
//
// The rule: a domain that is asked to suspend while its guest is connected leaves here what its
// LUNs lead to. A domain with the same UUID is the same one, which xl keeps over save, restore and
// migration, and gives anew with each `xl create`: a LUN of it that leads elsewhere is refused.
// What is here goes when
//
//   the guest has let go of its LUNs after all    it was not suspended, or has come back by itself
//   a domain of that UUID has connected           those that it is connected to: it has them
//   the guest has given it back for a detach, or the administrator has said that it may be what
//   it is (pvscsictl accept)
//   it is one of the oldest of more than `most_domains`
//
// A file for each domain, by its name, as that of UnitRecords; UNIT begins with the domain's UUID.
// Thread: control. Errors: as unit_records.hpp.
#pragma once

#include "backend/unit_records.hpp"

#include <cstddef>
#include <functional>
#include <string>

namespace pvscsi::backend {

class SuspendedUnits {
  public:
    static constexpr std::size_t most_domains = 1000;

    /// `record_dir`: as that of UnitRecords, in whose folder it has one.
    explicit SuspendedUnits(const std::string& record_dir);

    /// `units`: of one vhost, whose LUNs are those that `is_ours` names by their VDEV.
    using Which = std::function<bool(const std::string& vdev)>;
    void remember(const std::string& domain, const std::string& uuid,
                  const UnitRecords::Records& units, const Which& is_ours) const;
    /// Throws if the LUN of that domain was another unit than `unit` when it was suspended.
    void require_same(const std::string& domain, const std::string& uuid, const std::string& vdev,
                      const UnitRecords::Record& now) const;
    /// Those of that life that `which` names; also if nothing is known.
    void forget(const std::string& domain, const std::string& uuid,
                const Which& which) const noexcept;
    /// Of any life: one LUN, or all, also if that is damaged. Errors as the other files'.
    void accept(const std::string& domain, const std::string& vdev) const;
    /// Whether anything is remembered of a domain of that name, damaged or not.
    [[nodiscard]] bool knows(const std::string& domain) const { return records_.knows(domain); }

  private:
    void remove_oldest() const;

    const std::string directory_;
    const UnitRecords records_;
};

} // namespace pvscsi::backend
