// One client's view of the embedded host's store: every operation as the domain that it is,
// checked against permissions and quotas, with the transactions and watches that it has open.
// It is what a connection is to xenstored, without the wire.
//
// Thread: the tree's. Ownership: must not outlive the tree. Errors: the store's errno
// (hv::Store), which the domain can cause; nothing throws but for lack of memory.
#pragma once

#include "common/base/expected.hpp"
#include "common/base/strong_id.hpp"
#include "common/hypervisor/host/store_transaction.hpp"
#include "common/hypervisor/store.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pvscsi::hv::host {

class StoreTree;

class StoreClient {
  public:
    /// Takes an event for this client. Called from within an operation, its own or another
    /// client's, and must not call back into the tree.
    using EventSink = std::function<void(std::string_view path, std::string_view token)>;

    StoreClient(StoreTree& tree, DomId domain, EventSink sink);
    StoreClient(const StoreClient&) = delete;
    StoreClient& operator=(const StoreClient&) = delete;
    ~StoreClient();

    [[nodiscard]] DomId domain() const noexcept { return domain_; }

    Result<std::string> read(std::string_view path, StoreTxn txn = no_transaction);
    Result<void> write(std::string_view path, std::string_view value,
                       StoreTxn txn = no_transaction);
    Result<void> mkdir(std::string_view path, StoreTxn txn = no_transaction);
    /// Removes a node with all below it. A node that is not there is removed already; ENOENT if
    /// its parent is missing too.
    Result<void> remove(std::string_view path, StoreTxn txn = no_transaction);
    Result<StoreListing> list(std::string_view path, StoreTxn txn = no_transaction);
    Result<StorePermissions> permissions(std::string_view path, StoreTxn txn = no_transaction);
    /// `path` may also be @introduceDomain or @releaseDomain.
    Result<void> set_permissions(std::string_view path, StorePermissions permissions,
                                 StoreTxn txn = no_transaction);

    Result<StoreTxn> begin();
    Result<void> commit(StoreTxn txn);
    Result<void> abort(StoreTxn txn);
    [[nodiscard]] bool has_transaction(StoreTxn txn) const { return transactions_.contains(txn); }

    /// Fires once before it returns, then for every change at or below `path` that the domain may
    /// see. A relative path is below /local/domain/<domain> and gives relative events.
    Result<void> watch(std::string_view path, std::string_view token);
    Result<void> unwatch(std::string_view path, std::string_view token);
    /// Ends all watches and transactions.
    void reset();

  private:
    friend class StoreTree;

    struct Watch {
        std::string path; ///< absolute
        std::string token;
        std::size_t base; ///< length of what is cut off an event's path

        [[nodiscard]] bool matches(std::string_view changed, bool exact) const noexcept;
    };

    template <class Operation>
    auto run(StoreTxn txn, Operation&& operation)
        -> decltype(operation(std::declval<StoreTransaction&>()));
    [[nodiscard]] std::vector<Watch>::iterator find_watch(std::string_view path,
                                                          std::string_view token);

    // What the tree needs of its clients.
    [[nodiscard]] std::size_t watch_count() const noexcept { return watches_.size(); }
    [[nodiscard]] std::size_t transaction_count() const noexcept { return transactions_.size(); }
    [[nodiscard]] bool watches(std::string_view path, bool exact) const noexcept;
    void notify(std::string_view path, bool exact) const;
    void invalidate_transactions() noexcept;

    StoreTree& tree_;
    DomId domain_;
    EventSink sink_;
    std::vector<Watch> watches_;
    std::map<StoreTxn, StoreTransaction> transactions_;
    StoreTxn next_transaction_ = 1;
};

} // namespace pvscsi::hv::host
