// The store's interface on the embedded host's engine itself, in one thread and without sockets.
#pragma once

#include "common/hypervisor/host/store_client.hpp"
#include "common/hypervisor/host/store_tree.hpp"
#include "common/hypervisor/store.hpp"

#include <deque>

namespace pvscsi::test {

class DirectStore final : public hv::Store {
  public:
    DirectStore(hv::host::StoreTree& tree, DomId domain)
        : tree_(tree), client_(tree, domain, [this](std::string_view path, std::string_view token) {
              events_.push_back({std::string(path), std::string(token)});
          }) {}

    Result<std::string> read(const std::string& path, hv::StoreTxn txn) override {
        return client_.read(path, txn);
    }
    Result<void> write(const std::string& path, const std::string& value,
                       hv::StoreTxn txn) override {
        return client_.write(path, value, txn);
    }
    Result<void> mkdir(const std::string& path, hv::StoreTxn txn) override {
        return client_.mkdir(path, txn);
    }
    Result<void> remove(const std::string& path, hv::StoreTxn txn) override {
        return client_.remove(path, txn);
    }
    Result<std::vector<std::string>> list(const std::string& path, hv::StoreTxn txn) override {
        return client_.list(path, txn).map([](const auto& listing) { return listing.names; });
    }
    Result<std::vector<hv::StorePermission>> permissions(const std::string& path,
                                                         hv::StoreTxn txn) override {
        return client_.permissions(path, txn);
    }
    Result<void> set_permissions(const std::string& path,
                                 const std::vector<hv::StorePermission>& permissions,
                                 hv::StoreTxn txn) override {
        return client_.set_permissions(path, permissions, txn);
    }
    Result<hv::StoreTxn> begin() override { return client_.begin(); }
    Result<void> commit(hv::StoreTxn txn) override { return client_.commit(txn); }
    void abort(hv::StoreTxn txn) noexcept override { (void)client_.abort(txn); }
    Result<void> watch(const std::string& path, const std::string& token) override {
        return client_.watch(path, token);
    }
    Result<void> unwatch(const std::string& path, const std::string& token) override {
        return client_.unwatch(path, token);
    }
    /// Never readable: ask next_event().
    [[nodiscard]] int fd() const noexcept override { return -1; }
    std::optional<hv::WatchEvent> next_event() override {
        if (events_.empty())
            return {};
        const auto event = std::move(events_.front());
        events_.pop_front();
        return event;
    }
    bool domain_exists(DomId domain) override { return tree_.is_introduced(domain); }

  private:
    hv::host::StoreTree& tree_;
    std::deque<hv::WatchEvent> events_;
    hv::host::StoreClient client_;
};

} // namespace pvscsi::test
