#include "common/hypervisor/xs_store.hpp"

#include <cerrno>
#include <cstdlib>
#include <mutex>

extern "C" {
#include <xenstore.h>
}

namespace pvscsi::hv {

namespace {

struct Free {
    void operator()(void* memory) const noexcept { std::free(memory); }
};
template <class T>
using Malloced = std::unique_ptr<T, Free>;

/// XENSTORED_PATH for as long as it lives. libxenstore takes the socket from nowhere else; it is
/// read inside xs_open only, so the environment is as before when that returns.
class ScopedSocketPath {
  public:
    explicit ScopedSocketPath(const std::string& path) {
        if (const char* before = std::getenv(variable))
            before_ = before;
        ::setenv(variable, path.c_str(), 1);
    }
    ScopedSocketPath(const ScopedSocketPath&) = delete;
    ScopedSocketPath& operator=(const ScopedSocketPath&) = delete;
    ~ScopedSocketPath() {
        if (before_)
            ::setenv(variable, before_->c_str(), 1);
        else
            ::unsetenv(variable);
    }

  private:
    static constexpr const char* variable = "XENSTORED_PATH";
    std::optional<std::string> before_;
};

xs_handle* open_handle(const std::string& path) {
    static std::mutex environment;
    const std::scoped_lock lock(environment);
    if (path.empty())
        return xs_open(0);
    const ScopedSocketPath scope(path);
    return xs_open(0);
}

constexpr bool is_lost_connection(int error) {
    return error == EBADF || error == EPIPE || error == ECONNRESET || error == ENOTCONN;
}

/// A value that C would cut at a NUL is a different path: the store refuses it, so do we.
bool has_nul(const std::string& text) {
    return text.find('\0') != std::string::npos;
}

} // namespace

void XsStore::Close::operator()(xs_handle* handle) const noexcept {
    xs_close(handle);
}

XsStore::XsStore(const std::string& path) : handle_(open_handle(path)) {
    if (!handle_)
        throw std::system_error(errno, std::generic_category(),
                                "cannot connect to the xenstore" +
                                    (path.empty() ? std::string() : " at " + path));
    fd_ = xs_fileno(handle_.get());
    if (fd_ < 0)
        throw std::system_error(errno, std::generic_category(), "xs_fileno");
}

XsStore::~XsStore() = default;

std::error_code XsStore::last_error() {
    const int error = errno;
    // EINVAL is also what the call gets during which the connection breaks; the next one tells.
    if (error == EINVAL && !Malloced<char>(xs_get_domain_path(handle_.get(), 0)))
        return {EIO, std::generic_category()};
    return {is_lost_connection(error) ? EIO : error, std::generic_category()};
}

Result<void> XsStore::done(bool success) {
    if (success)
        return {};
    return unexpected(last_error());
}

Result<std::string> XsStore::read(const std::string& path, StoreTxn txn) {
    if (has_nul(path))
        return unexpected_errno(EINVAL);
    unsigned length = 0;
    const Malloced<char> value(
        static_cast<char*>(xs_read(handle_.get(), txn, path.c_str(), &length)));
    if (!value)
        return unexpected(last_error());
    return std::string(value.get(), length);
}

Result<void> XsStore::write(const std::string& path, const std::string& value, StoreTxn txn) {
    if (has_nul(path))
        return unexpected_errno(EINVAL);
    return done(xs_write(handle_.get(), txn, path.c_str(), value.data(),
                         static_cast<unsigned>(value.size())));
}

Result<void> XsStore::mkdir(const std::string& path, StoreTxn txn) {
    if (has_nul(path))
        return unexpected_errno(EINVAL);
    return done(xs_mkdir(handle_.get(), txn, path.c_str()));
}

Result<void> XsStore::remove(const std::string& path, StoreTxn txn) {
    if (has_nul(path))
        return unexpected_errno(EINVAL);
    return done(xs_rm(handle_.get(), txn, path.c_str()));
}

Result<std::vector<std::string>> XsStore::list(const std::string& path, StoreTxn txn) {
    if (has_nul(path))
        return unexpected_errno(EINVAL);
    unsigned count = 0;
    const Malloced<char*> names(xs_directory(handle_.get(), txn, path.c_str(), &count));
    if (!names)
        return unexpected(last_error());
    return std::vector<std::string>(names.get(), names.get() + count);
}

Result<std::vector<StorePermission>> XsStore::permissions(const std::string& path, StoreTxn txn) {
    if (has_nul(path))
        return unexpected_errno(EINVAL);
    unsigned count = 0;
    const Malloced<xs_permissions> entries(
        xs_get_permissions(handle_.get(), txn, path.c_str(), &count));
    if (!entries)
        return unexpected(last_error());
    std::vector<StorePermission> result;
    result.reserve(count);
    for (unsigned i = 0; i < count; ++i) {
        const xs_permissions& entry = entries.get()[i];
        result.push_back({DomId(static_cast<DomId::rep>(entry.id)),
                          (entry.perms & XS_PERM_READ) != 0, (entry.perms & XS_PERM_WRITE) != 0});
    }
    return result;
}

Result<void> XsStore::set_permissions(const std::string& path,
                                      const std::vector<StorePermission>& permissions,
                                      StoreTxn txn) {
    if (has_nul(path) || permissions.empty())
        return unexpected_errno(EINVAL);
    std::vector<xs_permissions> entries;
    entries.reserve(permissions.size());
    for (const StorePermission& entry : permissions) {
        const unsigned read = entry.read ? XS_PERM_READ : XS_PERM_NONE;
        const unsigned write = entry.write ? XS_PERM_WRITE : XS_PERM_NONE;
        entries.push_back({entry.domain.value(), read | write});
    }
    return done(xs_set_permissions(handle_.get(), txn, path.c_str(), entries.data(),
                                   static_cast<unsigned>(entries.size())));
}

Result<StoreTxn> XsStore::begin() {
    const StoreTxn txn = xs_transaction_start(handle_.get());
    if (txn == no_transaction)
        return unexpected(last_error());
    return txn;
}

Result<void> XsStore::commit(StoreTxn txn) {
    return done(xs_transaction_end(handle_.get(), txn, false));
}

void XsStore::abort(StoreTxn txn) noexcept {
    xs_transaction_end(handle_.get(), txn, true);
}

Result<void> XsStore::watch(const std::string& path, const std::string& token) {
    if (has_nul(path) || has_nul(token))
        return unexpected_errno(EINVAL);
    const Result<void> added = done(xs_watch(handle_.get(), path.c_str(), token.c_str()));
    if (added)
        watches_.emplace(token, path);
    return added;
}

Result<void> XsStore::unwatch(const std::string& path, const std::string& token) {
    if (has_nul(path) || has_nul(token))
        return unexpected_errno(EINVAL);
    watches_.erase({token, path});
    return done(xs_unwatch(handle_.get(), path.c_str(), token.c_str()));
}

std::optional<WatchEvent> XsStore::next_event() {
    while (const Malloced<char*> event{xs_check_watch(handle_.get())}) {
        const char* path = event.get()[XS_WATCH_PATH];
        const char* token = event.get()[XS_WATCH_TOKEN];
        if (is_watched(path, token))
            return WatchEvent{path, token};
    }
    return {};
}

bool XsStore::is_watched(const char* path, const char* token) const {
    for (auto it = watches_.lower_bound({token, {}}); it != watches_.end() && it->first == token;
         ++it)
        if (it->second == "/" || xs_path_is_subpath(it->second.c_str(), path))
            return true;
    return false;
}

bool XsStore::domain_exists(DomId domain) {
    errno = 0;
    // Only dom0 may ask; for another one no news is no death.
    return xs_is_domain_introduced(handle_.get(), domain.value()) || errno == EACCES;
}

} // namespace pvscsi::hv
