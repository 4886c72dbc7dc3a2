// A pvscsi-hostd of its own in a temporary directory, for tests that are its clients.
// Errors: std::runtime_error and std::system_error, which fail the test.
#pragma once

#include "common/hypervisor/domains.hpp"

#include <memory>
#include <string>
#include <sys/types.h>

namespace pvscsi::test {

class EmbeddedHost {
  public:
    /// Starts the daemon and waits until it is ready.
    EmbeddedHost();
    EmbeddedHost(const EmbeddedHost&) = delete;
    EmbeddedHost& operator=(const EmbeddedHost&) = delete;
    ~EmbeddedHost();

    [[nodiscard]] const std::string& dir() const { return dir_; }
    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] hv::HypervisorChoice choice(DomId domain = DomId{0}) const {
        return {dir_, domain};
    }
    [[nodiscard]] std::unique_ptr<hv::Hypervisor> open(DomId domain = DomId{0}) const {
        return hv::open_hypervisor(choice(domain));
    }
    [[nodiscard]] std::unique_ptr<hv::Domains> domains() const {
        return hv::open_domains(choice());
    }

    void start();
    /// Ends the daemon by `signal` and waits for it; its wait status. The directory stays.
    int stop(int signal);

  private:
    std::string dir_;
    pid_t pid_ = -1;
};

} // namespace pvscsi::test
