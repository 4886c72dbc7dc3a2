// Domains on the embedded host: entries of the broker. Thread and errors: as Domains.
#pragma once

#include "common/hypervisor/domains.hpp"
#include "common/hypervisor/host/connection.hpp"

namespace pvscsi::hv::host {

class HostDomains final : public Domains {
  public:
    explicit HostDomains(const std::string& socket) : broker_(socket) {}

    std::optional<DomainInfo> find(const std::string& name) override;
    std::vector<DomainInfo> list() override;
    /// There is nothing to boot, so `config` has nothing else that counts here.
    DomainInfo create(const std::string& name, const std::string& config,
                      const std::string& uuid) override;
    /// Programs run in a domain as they please; it is never paused.
    void unpause(DomId domain) override;
    /// Whether a program has ever attached to it.
    bool has_run(DomId domain) override;
    void destroy(DomId domain) override;

  private:
    [[nodiscard]] std::optional<DomainInfo> next(std::uint32_t lowest);
    BrokerConnection::Received ask(const Request& request, std::string_view name,
                                   const std::string& what);

    BrokerConnection broker_;
};

} // namespace pvscsi::hv::host
