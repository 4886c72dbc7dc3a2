// A store that fails where a test wants it to. Thread: the store's.
#pragma once

#include "common/hypervisor/store.hpp"

#include <cerrno>
#include <functional>
#include <string>
#include <utility>

namespace pvscsi::test {

/// The real store, with a chance to interfere: the n-th write fails, a node cannot be looked at,
/// or something happens just before a transaction is committed.
class UnreliableStore final : public hv::Store {
  public:
    explicit UnreliableStore(hv::Store& store) : store_(store) {}

    int fail_write = 0;     ///< 1: the next one
    std::string unreadable; ///< a path that can be neither read nor listed
    std::function<void()> before_commit;

    Result<std::string> read(const std::string& path, hv::StoreTxn txn) override {
        if (path == unreadable)
            return unexpected_errno(EIO);
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
        if (path == unreadable)
            return unexpected_errno(EIO);
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

} // namespace pvscsi::test
