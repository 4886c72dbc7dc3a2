// --persist: a change of a running domain that its next start begins with.
// Thread and errors: as verbs.hpp.
#pragma once

#include "backend/ctl/verbs.hpp"
#include "backend/toolstack/changes.hpp"
#include "common/base/unique_fd.hpp"

namespace pvscsi::ctl {

/// Written before the domain is changed, so that a full disk is found while nothing has happened;
/// taken back if that fails. Killed in between, the change is kept and the domain gets it with its
/// next start. Others that want to keep something wait meanwhile.
class PersistentChange {
  public:
    /// Throws Failure or std::system_error.
    PersistentChange(const Context& context, const std::string& domain,
                     const std::function<void(Changes&)>& change);
    ~PersistentChange();
    PersistentChange(const PersistentChange&) = delete;
    PersistentChange& operator=(const PersistentChange&) = delete;

    /// The domain has it: it stays.
    void done() noexcept { done_ = true; }
    /// "; its next start begins with that (FILE)"
    [[nodiscard]] std::string text() const;

  private:
    const Context& context_;
    UniqueFd lock_;
    const std::string file_;
    Changes before_;
    bool done_ = false;
};

} // namespace pvscsi::ctl
