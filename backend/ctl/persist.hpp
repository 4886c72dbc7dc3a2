// --persist: a change of a running domain that its next start begins with.
// Thread and errors: as verbs.hpp.
#pragma once

#include "backend/ctl/domain_lock.hpp"
#include "backend/ctl/verbs.hpp"
#include "backend/toolstack/changes.hpp"
#include "backend/toolstack/pending.hpp"

namespace pvscsi::ctl {

using Waiting = std::function<void(std::optional<std::chrono::seconds>)>;

/// Waits until nobody else changes what is kept of this domain, and tells so. Failure(timed_out)
/// when that takes longer than `patience`.
void take_lock(DomainLock& lock, const std::string& domain, std::chrono::milliseconds patience,
               const Waiting& waiting);

/// Written, but not to count yet (pending.hpp), before the domain is changed, so that a full disk,
/// or an entry that does not fit the domain's file, is found while nothing has happened. Counts
/// when the domain has it; dropped if the domain can't be changed, made again if only a part of it
/// could. Of who is killed in between the next one finishes it.
class PersistentChange {
  public:
    /// Throws Failure or std::system_error.
    PersistentChange(Context& context, const hv::DomainInfo& domain);
    ~PersistentChange();
    PersistentChange(const PersistentChange&) = delete;
    PersistentChange& operator=(const PersistentChange&) = delete;

    /// In place of what was made before: the domain gets these entries, and loses these VDEVs.
    /// Throws as the constructor.
    void make(const std::vector<std::string>& attached, const std::vector<std::string>& detached);
    /// The domain has it, or may have it yet: it stays. What to say of that.
    [[nodiscard]] std::string keep();

  private:
    Context& context_;
    const hv::DomainInfo domain_;
    DomainLock lock_;
    const XlFile domain_file_;
    Changes before_;
    bool made_ = false;
    bool kept_ = false;
};

/// Ends or drops what somebody was killed at with this domain, whose lock the caller has. False: it
/// is left, as guest and daemon may do it yet.
[[nodiscard]] bool finish_interrupted(Context& context, const std::string& domain);

/// Ends or drops what others were killed at, and says so: changes that are to be kept, and LUNs
/// that a guest has let go of and that are still listed. Nothing where that is not allowed.
void finish_interrupted(Context& context);

} // namespace pvscsi::ctl
