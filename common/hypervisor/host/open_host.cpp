#include "common/hypervisor/host/open_host.hpp"

#include "common/hypervisor/host/client_channel.hpp"
#include "common/hypervisor/host/client_domains.hpp"
#include "common/hypervisor/host/client_mapper.hpp"
#include "common/hypervisor/host/client_sharer.hpp"
#include "common/hypervisor/host/connection.hpp"
#include "common/hypervisor/host/paths.hpp"
#include "common/hypervisor/xs_store.hpp"

namespace pvscsi::hv {

namespace {

using namespace host;

class HostHypervisor final : public Hypervisor {
  public:
    HostHypervisor(const std::string& dir, DomId domain)
        : store_socket_(store_socket(dir, domain)),
          broker_(std::make_shared<BrokerConnection>(broker_socket(dir, domain))) {}

    [[nodiscard]] DomId self() const override { return broker_->self(); }
    std::unique_ptr<Store> open_store() override {
        return std::make_unique<XsStore>(store_socket_);
    }
    std::unique_ptr<GrantMapper> open_grant_mapper(DomId peer) override {
        return std::make_unique<HostGrantMapper>(broker_, peer);
    }
    std::unique_ptr<GrantSharer> open_grant_sharer() override {
        return std::make_unique<HostGrantSharer>(broker_);
    }
    Result<std::unique_ptr<EventChannel>> alloc_unbound(DomId peer) override {
        return HostEventChannel::open(broker_, {.op = Op::alloc_unbound, .domain = peer.value()});
    }
    Result<std::unique_ptr<EventChannel>> bind_interdomain(DomId peer, EvtchnPort remote) override {
        return HostEventChannel::open(
            broker_,
            {.op = Op::bind_interdomain, .domain = peer.value(), .number = remote.value()});
    }

  private:
    std::string store_socket_;
    std::shared_ptr<BrokerConnection> broker_;
};

} // namespace

std::unique_ptr<Hypervisor> open_host(const std::string& host_dir, DomId domain) {
    return std::make_unique<HostHypervisor>(host_dir, domain);
}

std::unique_ptr<Domains> open_host_domains(const std::string& host_dir) {
    return std::make_unique<HostDomains>(broker_socket(host_dir, DomId{0}));
}

} // namespace pvscsi::hv
