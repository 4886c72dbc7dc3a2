// A store server, domains that are only entries of it, and a scripted other side (daemon and
// guest), for tests of the toolstack.
#pragma once

#include "backend/ctl/verbs.hpp"
#include "common/base/unique_fd.hpp"
#include "tests/support/store_host.hpp"
#include "tests/support/unreliable_store.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <sys/eventfd.h>
#include <thread>

namespace pvscsi::test {

class FakeDomains final : public hv::Domains {
  public:
    explicit FakeDomains(StoreHost& host) : host_(host) {}

    std::optional<hv::DomainInfo> find(const std::string& name) override;
    std::vector<hv::DomainInfo> list() override;
    hv::DomainInfo create(const std::string& name, const std::string& config,
                          const std::string& uuid) override;
    void unpause(DomId domain) override { running.push_back(domain); }
    bool has_run(DomId domain) override {
        return std::find(running.begin(), running.end(), domain) != running.end();
    }
    void destroy(DomId domain) override;

    std::vector<DomId> running;
    std::string last_uuid; ///< that create() was given
    std::uint16_t next = 5;

  private:
    StoreHost& host_;
    std::map<DomId, std::string> domains_;
};

/// Runs `react` on a thread of its own whenever something in the store changes.
class OtherSide {
  public:
    OtherSide(StoreHost& host, std::function<void(hv::Store&)> react);
    OtherSide(const OtherSide&) = delete;
    OtherSide& operator=(const OtherSide&) = delete;
    ~OtherSide();

  private:
    void run();

    hv::XsStore store_;
    std::function<void(hv::Store&)> react_;
    UniqueFd stop_{adopt_fd, ::eventfd(0, EFD_CLOEXEC)};
    std::thread thread_;
};

} // namespace pvscsi::test
