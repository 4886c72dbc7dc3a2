// The xenstore over libxenstore: on Xen and on the embedded host alike, which speaks the same
// wire protocol on a socket of its own.
//
// Thread: as Store; libxenstore starts a reader thread of its own with the first watch.
// Errors: opening throws std::system_error; a lost connection is EIO from every later call, and
// fd() does not report it (libxenstore closes it without a word), so somebody has to call.
#pragma once

#include "common/hypervisor/store.hpp"

#include <memory>
#include <set>
#include <utility>

struct xs_handle;

namespace pvscsi::hv {

class XsStore : public Store {
  public:
    /// Connects to the daemon's socket at `path`; Xen's own way if it is empty.
    explicit XsStore(const std::string& path = {});
    ~XsStore() override;

    Result<std::string> read(const std::string& path, StoreTxn txn = no_transaction) override;
    Result<void> write(const std::string& path, const std::string& value,
                       StoreTxn txn = no_transaction) override;
    Result<void> mkdir(const std::string& path, StoreTxn txn = no_transaction) override;
    Result<void> remove(const std::string& path, StoreTxn txn = no_transaction) override;
    Result<std::vector<std::string>> list(const std::string& path,
                                          StoreTxn txn = no_transaction) override;
    Result<std::vector<StorePermission>> permissions(const std::string& path,
                                                     StoreTxn txn = no_transaction) override;
    Result<void> set_permissions(const std::string& path,
                                 const std::vector<StorePermission>& permissions,
                                 StoreTxn txn = no_transaction) override;

    Result<StoreTxn> begin() override;
    Result<void> commit(StoreTxn txn) override;
    void abort(StoreTxn txn) noexcept override;

    Result<void> watch(const std::string& path, const std::string& token) override;
    Result<void> unwatch(const std::string& path, const std::string& token) override;
    [[nodiscard]] int fd() const noexcept override { return fd_; }
    std::optional<WatchEvent> next_event() override;

    bool domain_exists(DomId domain) override;

  private:
    struct Close {
        void operator()(xs_handle* handle) const noexcept;
    };

    [[nodiscard]] std::error_code last_error();
    [[nodiscard]] Result<void> done(bool success);
    [[nodiscard]] bool is_watched(const char* path, const char* token) const;

    std::unique_ptr<xs_handle, Close> handle_;
    int fd_ = -1;
    /// (token, path) of what is watched, to leave out events that were under way at unwatch().
    /// XS_UNWATCH_FILTER does that too, but leaks the events.
    std::set<std::pair<std::string, std::string>> watches_;
};

} // namespace pvscsi::hv
