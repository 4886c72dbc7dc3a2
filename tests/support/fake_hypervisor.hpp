// A hypervisor inside one test: a store with watches, grants that are plain memory, event channels
// that are eventfds. All domains live in one thread; a hook runs where a peer would be woken, so
// that a test needs neither threads nor waiting. Permissions and quotas are not modelled.
#pragma once

#include "common/hypervisor/hypervisor.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace pvscsi::test {

class FakeStore;
class FakeChannel;

/// What all domains share. Outlives every object of a FakeHypervisor.
class FakeHost {
  public:
    struct Grant {
        DomId owner;
        DomId peer;
        std::byte* page = nullptr;
        hv::Access access = hv::Access::read_write;
        bool granted = true;
        int mapped = 0;
    };

    std::map<std::string, std::string> nodes;
    std::map<std::uint32_t, Grant> grants;
    /// Pages whose owner has gone while the peer had them mapped.
    std::vector<std::shared_ptr<std::byte>> lingering;
    std::vector<FakeStore*> stores;
    std::map<std::pair<DomId, std::uint32_t>, FakeChannel*> ports;
    std::uint32_t next_ref = 8;
    std::uint32_t next_port = 1;

    // Failures to come; each is used up by the call that it makes fail.
    int commits_to_conflict = 0;
    int shares_to_fail = 0;
    int channels_to_fail = 0;
    /// Every store call fails with this error as long as it is not 0.
    int store_error = 0;

    [[nodiscard]] std::size_t granted_pages() const;
    void set(const std::string& path, const std::string& value);
    [[nodiscard]] std::string get(const std::string& path) const;
    void remove(const std::string& path);
    void fire(const std::string& path);
};

class FakeHypervisor final : public hv::Hypervisor {
  public:
    FakeHypervisor(FakeHost& host, DomId self) : host_(host), self_(self) {}

    [[nodiscard]] DomId self() const override { return self_; }
    std::unique_ptr<hv::Store> open_store() override;
    std::unique_ptr<hv::GrantMapper> open_grant_mapper(DomId peer) override;
    std::unique_ptr<hv::GrantSharer> open_grant_sharer() override;
    Result<std::unique_ptr<hv::EventChannel>> alloc_unbound(DomId peer) override;
    Result<std::unique_ptr<hv::EventChannel>> bind_interdomain(DomId peer,
                                                               EvtchnPort remote) override;

  private:
    FakeHost& host_;
    DomId self_;
};

class FakeStore final : public hv::Store {
  public:
    explicit FakeStore(FakeHost& host);
    ~FakeStore() override;

    /// If set, called at once for every event, which is then not queued.
    std::function<void(const hv::WatchEvent&)> hook;

    Result<std::string> read(const std::string& path, hv::StoreTxn txn) override;
    Result<void> write(const std::string& path, const std::string& value,
                       hv::StoreTxn txn) override;
    Result<void> mkdir(const std::string& path, hv::StoreTxn txn) override;
    Result<void> remove(const std::string& path, hv::StoreTxn txn) override;
    Result<std::vector<std::string>> list(const std::string& path, hv::StoreTxn txn) override;
    Result<std::vector<hv::StorePermission>> permissions(const std::string& path,
                                                         hv::StoreTxn txn) override;
    Result<void> set_permissions(const std::string& path,
                                 const std::vector<hv::StorePermission>& permissions,
                                 hv::StoreTxn txn) override;
    Result<hv::StoreTxn> begin() override;
    Result<void> commit(hv::StoreTxn txn) override;
    void abort(hv::StoreTxn) noexcept override {}
    Result<void> watch(const std::string& path, const std::string& token) override;
    Result<void> unwatch(const std::string& path, const std::string& token) override;
    [[nodiscard]] int fd() const noexcept override { return fd_; }
    std::optional<hv::WatchEvent> next_event() override;
    bool domain_exists(DomId) override { return true; }

    void fire(const std::string& path);

  private:
    void deliver(const hv::WatchEvent& event);
    FakeHost& host_;
    int fd_;
    std::vector<hv::WatchEvent> watches_;
    std::vector<hv::WatchEvent> events_;
};

class FakeChannel final : public hv::EventChannel {
  public:
    FakeChannel(FakeHost& host, DomId self, DomId peer, std::uint32_t remote);
    ~FakeChannel() override;

    /// If set, called at once for every signal, which is then not pending.
    std::function<void()> hook;
    unsigned signals = 0; ///< that came in

    [[nodiscard]] EvtchnPort port() const noexcept override { return EvtchnPort{port_}; }
    [[nodiscard]] int fd() const noexcept override { return fd_; }
    bool take() noexcept override;
    void unmask() noexcept override;
    void notify() noexcept override;
    void connect(std::uint32_t remote) { remote_ = remote; }

  private:
    void raise();
    FakeHost& host_;
    DomId self_;
    DomId peer_;
    std::uint32_t port_;
    std::uint32_t remote_;
    int fd_;
    bool pending_ = false;
    bool masked_ = false;
};

} // namespace pvscsi::test
