// Domains on Xen: looked up in the store, made and ended by running xl.
//
// Thread: one. Errors: std::system_error, std::runtime_error with xl's own words.
#pragma once

#include "common/hypervisor/domains.hpp"

namespace pvscsi::hv::xen {

class XenDomains final : public Domains {
  public:
    /// `xl` is the program to run, looked up in PATH.
    explicit XenDomains(std::unique_ptr<Store> store, std::string xl = "xl");

    std::optional<DomainInfo> find(const std::string& name) override;
    std::vector<DomainInfo> list() override;
    /// xl reads the UUID from `config` itself.
    DomainInfo create(const std::string& name, const std::string& config,
                      const std::string& uuid) override;
    void unpause(DomId domain) override;
    /// By its state and its time on the processors, as xl tells them: in tenths of a second.
    bool has_run(DomId domain) override;
    void destroy(DomId domain) override;

  private:
    std::unique_ptr<Store> store_;
    std::string xl_;
};

} // namespace pvscsi::hv::xen
