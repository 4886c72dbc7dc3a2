// The xenstore as the drivers need it. Calls block on the store's daemon: control threads only.
//
// Errors are the store's errno: ENOENT, EACCES, EINVAL, EEXIST, EAGAIN (transaction conflict),
// ENOSPC and E2BIG (quota), EIO. Values are bytes; ours are text without a final NUL.
// Thread: an object belongs to one thread.
#pragma once

#include "common/base/expected.hpp"
#include "common/hypervisor/types.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pvscsi::hv {

/// A transaction in progress; `no_transaction` for a single operation.
using StoreTxn = std::uint32_t;
inline constexpr StoreTxn no_transaction = 0;

/// One entry of a node's permissions. The first names the owner and what all others may do.
struct StorePermission {
    DomId domain;
    bool read = false;
    bool write = false;
    friend bool operator==(const StorePermission&, const StorePermission&) = default;
};

struct WatchEvent {
    std::string path;
    std::string token;
};

class Store {
  public:
    Store() = default;
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    virtual ~Store() = default;

    virtual Result<std::string> read(const std::string& path, StoreTxn txn = no_transaction) = 0;
    virtual Result<void> write(const std::string& path, const std::string& value,
                               StoreTxn txn = no_transaction) = 0;
    virtual Result<void> mkdir(const std::string& path, StoreTxn txn = no_transaction) = 0;
    /// Removes a node with all below it. A node that is not there is removed already; ENOENT if
    /// its parent is missing too.
    virtual Result<void> remove(const std::string& path, StoreTxn txn = no_transaction) = 0;
    /// The names of a node's children.
    virtual Result<std::vector<std::string>> list(const std::string& path,
                                                  StoreTxn txn = no_transaction) = 0;
    virtual Result<std::vector<StorePermission>> permissions(const std::string& path,
                                                             StoreTxn txn = no_transaction) = 0;
    virtual Result<void> set_permissions(const std::string& path,
                                         const std::vector<StorePermission>& permissions,
                                         StoreTxn txn = no_transaction) = 0;

    virtual Result<StoreTxn> begin() = 0;
    /// EAGAIN when somebody else changed what the transaction read or wrote: begin anew.
    virtual Result<void> commit(StoreTxn txn) = 0;
    virtual void abort(StoreTxn txn) noexcept = 0;

    /// Fires once at registration, then for every change at or below `path`.
    virtual Result<void> watch(const std::string& path, const std::string& token) = 0;
    virtual Result<void> unwatch(const std::string& path, const std::string& token) = 0;
    /// Readable when next_event() may have one.
    [[nodiscard]] virtual int fd() const noexcept = 0;
    /// Never blocks.
    virtual std::optional<WatchEvent> next_event() = 0;

    /// False when the store has been told that the domain is gone, or never heard of it. Only
    /// dom0 is told: any other domain gets true.
    virtual bool domain_exists(DomId domain) = 0;
};

/// Runs `body(txn)` (returning Result<void>) in a transaction, again on a conflict, at most
/// `attempts` times: a guest can force conflicts, so the number is bounded. Nothing is changed
/// when the body fails or throws.
template <class Body>
Result<void> transact(Store& store, Body&& body, int attempts = 16) {
    for (int i = 0; i < attempts; ++i) {
        const auto txn = store.begin();
        if (!txn)
            return unexpected(txn.error());
        try {
            if (Result<void> done = body(*txn); !done) {
                store.abort(*txn);
                return done;
            }
        } catch (...) {
            store.abort(*txn);
            throw;
        }
        Result<void> done = store.commit(*txn);
        if (done || done.error() != std::errc::resource_unavailable_try_again)
            return done;
    }
    return unexpected_errno(EAGAIN);
}

} // namespace pvscsi::hv
