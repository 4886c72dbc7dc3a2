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
/// domain's file, is found while nothing has happened; taken back if the domain can't be changed,
/// made again if only a part of it could. Killed in between, the change is kept and the domain gets
/// it with its next start.
class PersistentChange {
  public:
    using Change = std::function<void(Changes&, const XlFile&)>;
    /// Throws Failure or std::system_error.
    PersistentChange(Context& context, const hv::DomainInfo& domain);
    ~PersistentChange();
    PersistentChange(const PersistentChange&) = delete;
    PersistentChange& operator=(const PersistentChange&) = delete;

    /// In place of what was made before. Throws as the constructor.
    void make(const Change& change);
    /// The domain has it, or may have it yet: it stays. What to say of that.
    [[nodiscard]] std::string keep();

  private:
    Context& context_;
    UniqueFd lock_;
    const XlFile domain_file_;
    const std::string file_;
    Changes before_;
    bool kept_ = false;
};

} // namespace pvscsi::ctl
