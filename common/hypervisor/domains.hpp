// Domains as a toolstack sees them: find, list, create, destroy. On Xen xl does the work; on the
// embedded host a domain is an entry of the broker, whose programs attach to it as they please.
// Thread: any one. Errors: std::system_error and std::runtime_error, with what was tried.
#pragma once

#include "common/hypervisor/hypervisor.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pvscsi::hv {

struct DomainInfo {
    DomId id;
    std::string name;
};

class Domains {
  public:
    Domains() = default;
    Domains(const Domains&) = delete;
    Domains& operator=(const Domains&) = delete;
    virtual ~Domains() = default;

    /// By name, or by number if `name` is all digits.
    virtual std::optional<DomainInfo> find(const std::string& name) = 0;
    virtual std::vector<DomainInfo> list() = 0;
    /// Makes the domain that the xl file `config` describes under `name`, paused: its vscsi
    /// nodes can be written before it runs. `uuid` is what the file says; empty: a random one.
    /// Throws if the name or the UUID is taken.
    virtual DomainInfo create(const std::string& name, const std::string& config,
                              const std::string& uuid) = 0;
    /// Lets a created domain run.
    virtual void unpause(DomId domain) = 0;
    /// Whether a domain has ever run since it was made, also if it is paused now. Throws if there
    /// is no such domain.
    virtual bool has_run(DomId domain) = 0;
    /// Ends a domain at once. Its store nodes below /local/domain go with it.
    virtual void destroy(DomId domain) = 0;
};

std::unique_ptr<Domains> open_domains(const HypervisorChoice& choice);

} // namespace pvscsi::hv
