// --persist: a change of a running domain that its next start begins with.
// Thread and errors: as verbs.hpp.
#pragma once

#include "backend/ctl/verbs.hpp"
#include "backend/toolstack/changes.hpp"
#include "common/base/unique_fd.hpp"

namespace pvscsi::ctl {

/// Waits until nobody else changes what is kept.
[[nodiscard]] UniqueFd lock_definitions(const std::string& directory);

/// Written before the domain is changed, so that a full disk, or an entry that does not fit the
/// domain's file, is found while nothing has happened; taken back if the domain can't be changed.
/// Killed in between, the change is kept and the domain gets it with its next start.
class PersistentChange {
  public:
    using Change = std::function<void(Changes&, const XlFile&)>;
    /// Throws Failure or std::system_error.
    PersistentChange(Context& context, const hv::DomainInfo& domain, const Change& change);
    ~PersistentChange();
    PersistentChange(const PersistentChange&) = delete;
    PersistentChange& operator=(const PersistentChange&) = delete;

    /// The domain has it, or may have it yet: it stays. What to say of that.
    [[nodiscard]] std::string keep();

  private:
    Context& context_;
    UniqueFd lock_;
    const std::string file_;
    Changes before_;
    bool kept_ = false;
};

/// Runs a change of the domain. One that has failed but may happen yet (the guest has begun with
/// it) is kept as well, and said to be.
template <class Work>
void run_kept(std::optional<PersistentChange>& kept, Work& work) {
    try {
        work.run();
    } catch (const Failure& failure) {
        if (!kept || !work.may_come())
            throw;
        throw Failure(failure.code(), failure.what() + kept->keep());
    }
}

} // namespace pvscsi::ctl
