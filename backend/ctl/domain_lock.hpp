// One pvscsictl at a time changes what a domain's next start begins with. A file of its own for
// each domain, so that a guest that does not answer holds up nobody else; only root may open it, as
// anybody could lock a folder that he may read. It is locked, not merely there: who is killed locks
// nothing.
// Thread: any. Errors: std::system_error.
#pragma once

#include "common/base/unique_fd.hpp"

#include <string>

namespace pvscsi::ctl {

class DomainLock {
  public:
    /// Makes the folder if it is not there.
    DomainLock(const std::string& directory, const std::string& domain);
    ~DomainLock();
    DomainLock(const DomainLock&) = delete;
    DomainLock& operator=(const DomainLock&) = delete;

    /// False: another one has it. Does not wait.
    [[nodiscard]] bool take();

  private:
    const std::string path_;
    UniqueFd fd_; ///< of the file that is locked
};

} // namespace pvscsi::ctl
