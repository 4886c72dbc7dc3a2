#include "common/hypervisor/host/store_client.hpp"

#include "common/hypervisor/host/store_path.hpp"
#include "common/hypervisor/host/store_tree.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace pvscsi::hv::host {

StoreClient::StoreClient(StoreTree& tree, DomId domain, EventSink sink)
    : tree_(tree), domain_(domain), sink_(std::move(sink)) {
    tree_.attach(*this);
}

StoreClient::~StoreClient() {
    tree_.detach(*this);
}

/// Runs one operation in the transaction it names, or alone on the live store.
template <class Operation>
auto StoreClient::run(StoreTxn txn, Operation&& operation)
    -> decltype(operation(std::declval<StoreTransaction&>())) {
    if (txn != no_transaction) {
        const auto open = transactions_.find(txn);
        if (open == transactions_.end())
            return unexpected_errno(ENOENT);
        return operation(open->second);
    }
    StoreTransaction single = tree_.begin(domain_, StoreTransaction::Kind::single);
    auto result = operation(single);
    if (result && !single.changes().empty())
        if (Result<void> committed = tree_.commit(single); !committed)
            return unexpected(committed.error());
    return result;
}

Result<std::string> StoreClient::read(std::string_view path, StoreTxn txn) {
    return run(txn, [&](StoreTransaction& t) { return t.read(absolute_path(path, domain_)); });
}

Result<void> StoreClient::write(std::string_view path, std::string_view value, StoreTxn txn) {
    return run(txn,
               [&](StoreTransaction& t) { return t.write(absolute_path(path, domain_), value); });
}

Result<void> StoreClient::mkdir(std::string_view path, StoreTxn txn) {
    return run(txn, [&](StoreTransaction& t) { return t.mkdir(absolute_path(path, domain_)); });
}

Result<void> StoreClient::remove(std::string_view path, StoreTxn txn) {
    return run(txn, [&](StoreTransaction& t) { return t.remove(absolute_path(path, domain_)); });
}

Result<StoreListing> StoreClient::list(std::string_view path, StoreTxn txn) {
    return run(txn, [&](StoreTransaction& t) { return t.list(absolute_path(path, domain_)); });
}

Result<StorePermissions> StoreClient::permissions(std::string_view path, StoreTxn txn) {
    return run(txn,
               [&](StoreTransaction& t) { return t.permissions(absolute_path(path, domain_)); });
}

Result<void> StoreClient::set_permissions(std::string_view path, StorePermissions permissions,
                                          StoreTxn txn) {
    if (is_special_path(path))
        return tree_.set_special_permissions(domain_, path, permissions);
    return run(txn, [&](StoreTransaction& t) {
        return t.set_permissions(absolute_path(path, domain_), std::move(permissions));
    });
}

Result<StoreTxn> StoreClient::begin() {
    if (!tree_.may_begin_more(domain_))
        return unexpected_errno(ENOSPC);
    while (next_transaction_ == no_transaction || transactions_.contains(next_transaction_))
        ++next_transaction_;
    transactions_.emplace(next_transaction_,
                          tree_.begin(domain_, StoreTransaction::Kind::multiple));
    return next_transaction_++;
}

Result<void> StoreClient::commit(StoreTxn txn) {
    const auto ended = transactions_.extract(txn);
    if (ended.empty())
        return unexpected_errno(ENOENT);
    return tree_.commit(ended.mapped());
}

Result<void> StoreClient::abort(StoreTxn txn) {
    return transactions_.erase(txn) > 0 ? Result<void>{} : unexpected_errno(ENOENT);
}

Result<void> StoreClient::watch(std::string_view path, std::string_view token) {
    const std::string full = absolute_path(path, domain_);
    if (is_special_path(full) ? full.size() > max_relative_path : !is_valid_path(full))
        return unexpected_errno(EINVAL);
    if (find_watch(full, token) != watches_.end())
        return unexpected_errno(EEXIST);
    if (!tree_.may_watch_more(domain_))
        return unexpected_errno(E2BIG);
    watches_.push_back({full, std::string(token), full.size() - path.size()});
    sink_(path, token);
    return {};
}

Result<void> StoreClient::unwatch(std::string_view path, std::string_view token) {
    const auto found = find_watch(absolute_path(path, domain_), token);
    if (found == watches_.end())
        return unexpected_errno(ENOENT);
    watches_.erase(found);
    return {};
}

void StoreClient::reset() {
    watches_.clear();
    transactions_.clear();
}

std::vector<StoreClient::Watch>::iterator StoreClient::find_watch(std::string_view path,
                                                                  std::string_view token) {
    return std::find_if(watches_.begin(), watches_.end(), [&](const Watch& watch) {
        return watch.path == path && watch.token == token;
    });
}

bool StoreClient::Watch::matches(std::string_view changed, bool exact) const noexcept {
    return exact ? changed == path : is_at_or_below(changed, path);
}

bool StoreClient::watches(std::string_view path, bool exact) const noexcept {
    return std::any_of(watches_.begin(), watches_.end(),
                       [&](const Watch& watch) { return watch.matches(path, exact); });
}

void StoreClient::notify(std::string_view path, bool exact) const {
    for (const Watch& watch : watches_)
        if (watch.matches(path, exact))
            sink_(path.substr(watch.base), watch.token);
}

void StoreClient::invalidate_transactions() noexcept {
    for (auto& open : transactions_)
        open.second.invalidate();
}

} // namespace pvscsi::hv::host
