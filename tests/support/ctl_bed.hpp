// A store server, domains that are only entries of it, and a scripted other side (daemon and
// guest), for tests of the toolstack.
#pragma once

#include "backend/ctl/verbs.hpp"
#include "common/base/unique_fd.hpp"
#include "tests/support/store_host.hpp"

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
    void destroy(DomId domain) override;

    std::vector<DomId> running;
    std::string last_uuid; ///< that create() was given
    std::uint16_t next = 5;

  private:
    StoreHost& host_;
    std::map<DomId, std::string> domains_;
};

/// The real store, with a chance to interfere: the n-th write fails, or something happens just
/// before a transaction is committed.
class UnreliableStore final : public hv::Store {
  public:
    explicit UnreliableStore(hv::Store& store) : store_(store) {}

    int fail_write = 0; ///< 1: the next one
    std::function<void()> before_commit;

    Result<std::string> read(const std::string& path, hv::StoreTxn txn) override {
        return store_.read(path, txn);
    }
    Result<void> write(const std::string& path, const std::string& value,
                       hv::StoreTxn txn) override {
        if (fail_write > 0 && --fail_write == 0)
            return unexpected_errno(ENOSPC);
        return store_.write(path, value, txn);
    }
    Result<void> mkdir(const std::string& path, hv::StoreTxn txn) override {
        return store_.mkdir(path, txn);
    }
    Result<void> remove(const std::string& path, hv::StoreTxn txn) override {
        return store_.remove(path, txn);
    }
    Result<std::vector<std::string>> list(const std::string& path, hv::StoreTxn txn) override {
        return store_.list(path, txn);
    }
    Result<std::vector<hv::StorePermission>> permissions(const std::string& path,
                                                         hv::StoreTxn txn) override {
        return store_.permissions(path, txn);
    }
    Result<void> set_permissions(const std::string& path,
                                 const std::vector<hv::StorePermission>& permissions,
                                 hv::StoreTxn txn) override {
        return store_.set_permissions(path, permissions, txn);
    }
    Result<hv::StoreTxn> begin() override {
        ++open_transactions;
        return store_.begin();
    }
    Result<void> commit(hv::StoreTxn txn) override {
        --open_transactions;
        if (const auto interfere = std::exchange(before_commit, nullptr))
            interfere();
        return store_.commit(txn);
    }
    void abort(hv::StoreTxn txn) noexcept override {
        --open_transactions;
        store_.abort(txn);
    }
    Result<void> watch(const std::string& path, const std::string& token) override {
        return store_.watch(path, token);
    }
    Result<void> unwatch(const std::string& path, const std::string& token) override {
        return store_.unwatch(path, token);
    }
    [[nodiscard]] int fd() const noexcept override { return store_.fd(); }
    std::optional<hv::WatchEvent> next_event() override { return store_.next_event(); }
    bool domain_exists(DomId domain) override { return store_.domain_exists(domain); }

    int open_transactions = 0;

  private:
    hv::Store& store_;
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
