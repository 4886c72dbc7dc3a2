// The embedded host's directory: one live broker at a time has it. What a dead predecessor left
// there is removed at the start, what is ours at the end.
// Thread: any. Errors: std::system_error, EADDRINUSE while another broker is alive.
#pragma once

#include "common/base/strong_id.hpp"
#include "common/base/unique_fd.hpp"

#include <string>

namespace pvscsi::hv::host {

class HostDirectory {
  public:
    /// Makes the directory if need be and takes it over.
    explicit HostDirectory(std::string path);
    HostDirectory(const HostDirectory&) = delete;
    HostDirectory& operator=(const HostDirectory&) = delete;
    ~HostDirectory();

    [[nodiscard]] const std::string& path() const { return path_; }
    void make_domain(DomId domain) const;
    void remove_domain(DomId domain) const noexcept;

  private:
    void remove_contents() const noexcept;

    std::string path_;
    UniqueFd lock_;
};

} // namespace pvscsi::hv::host
