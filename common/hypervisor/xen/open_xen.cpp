#include "common/hypervisor/xen/open_xen.hpp"

#include "common/hypervisor/xen/xen_domains.hpp"
#include "common/hypervisor/xen/xen_evtchn.hpp"
#include "common/hypervisor/xen/xen_grant.hpp"
#include "common/hypervisor/xs_store.hpp"

#include <charconv>
#include <chrono>
#include <fmt/format.h>
#include <future>
#include <stdexcept>
#include <thread>

namespace pvscsi::hv {

namespace {

/// Of the store's first answer.
constexpr std::chrono::seconds store_patience{10};

/// A relative path is below the asking domain's own, so this says which one that is.
DomId read_own_domain() {
    XsStore store;
    const auto text = store.read("domid");
    if (!text)
        throw std::system_error(text.error(),
                                "reading this domain's number from the store (node domid; in dom0 "
                                "xen-init-dom0 writes it: is the xencommons service running?)");
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc{} || end != text->data() + text->size())
        throw std::runtime_error("the store's node domid is not a number");
    return DomId{number};
}

/// Where no xenstored runs, the kernel's device takes the question and waits for ever; a thread
/// that has asked is left behind then.
DomId own_domain() {
    std::packaged_task<DomId()> question(read_own_domain);
    auto answer = question.get_future();
    std::thread(std::move(question)).detach();
    if (answer.wait_for(store_patience) != std::future_status::ready)
        throw std::runtime_error(fmt::format(
            "no answer from xenstored within {} s: is it running? (systemctl status xenstored)",
            store_patience.count()));
    return answer.get();
}

class XenHypervisor final : public Hypervisor {
  public:
    XenHypervisor() : self_(own_domain()) {}

    [[nodiscard]] DomId self() const override { return self_; }
    std::unique_ptr<Store> open_store() override { return std::make_unique<XsStore>(); }
    std::unique_ptr<GrantMapper> open_grant_mapper(DomId peer) override {
        return std::make_unique<xen::XenGrantMapper>(peer);
    }
    std::unique_ptr<GrantSharer> open_grant_sharer() override {
        return std::make_unique<xen::XenGrantSharer>();
    }
    Result<std::unique_ptr<EventChannel>> alloc_unbound(DomId peer) override {
        return xen::XenEventChannel::alloc_unbound(peer);
    }
    Result<std::unique_ptr<EventChannel>> bind_interdomain(DomId peer, EvtchnPort remote) override {
        return xen::XenEventChannel::bind_interdomain(peer, remote);
    }

  private:
    DomId self_;
};

} // namespace

std::unique_ptr<Hypervisor> open_xen() {
    return std::make_unique<XenHypervisor>();
}

std::unique_ptr<Domains> open_xen_domains() {
    return std::make_unique<xen::XenDomains>(std::make_unique<XsStore>());
}

} // namespace pvscsi::hv
