#include "common/hypervisor/host/store_session.hpp"

#include "common/hypervisor/host/store_path.hpp"
#include "common/hypervisor/host/store_payload.hpp"
#include "common/hypervisor/host/store_tree.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace pvscsi::hv::host {

namespace {

using Op = StoreOperation;

Result<std::string> acknowledge(const Result<void>& done) {
    if (!done)
        return unexpected(done.error());
    return std::string("OK\0", 3);
}

constexpr bool is_privileged(Op operation) {
    switch (operation) {
    case Op::control:
    case Op::introduce:
    case Op::release:
    case Op::is_domain_introduced:
    case Op::resume:
    case Op::set_target:
        return true;
    default:
        return false;
    }
}

constexpr bool ignores_transaction(Op operation) {
    return operation == Op::watch || operation == Op::unwatch;
}

} // namespace

std::string StoreSession::handle(const StoreMessage& request) {
    Reply reply = dispatch(request);
    if (reply && reply->size() > max_store_payload)
        reply = unexpected_errno(E2BIG);
    if (!reply)
        return encode(Op::error, request.request, request.transaction,
                      error_payload(reply.error().value()));
    return encode(request.operation, request.request, request.transaction, *reply);
}

StoreSession::Reply StoreSession::dispatch(const StoreMessage& request) {
    if (is_privileged(request.operation) && client_.domain() != DomId{0})
        return unexpected_errno(EACCES);
    if (!ignores_transaction(request.operation) && request.transaction != no_transaction &&
        !client_.has_transaction(request.transaction))
        return unexpected_errno(ENOENT);
    switch (request.operation) {
    case Op::directory:
    case Op::directory_part:
    case Op::read:
    case Op::write:
    case Op::mkdir:
    case Op::remove:
    case Op::get_permissions:
    case Op::set_permissions:
        return node_operation(request);
    case Op::watch:
    case Op::unwatch:
        return watch(request);
    case Op::reset_watches:
        client_.reset();
        return acknowledge({});
    case Op::transaction_start:
        return begin(request);
    case Op::transaction_end:
        return end(request);
    default:
        return domain_operation(request);
    }
}

StoreSession::Reply StoreSession::node_operation(const StoreMessage& request) {
    switch (request.operation) {
    case Op::write:
        return write(request);
    case Op::directory_part:
        return directory_part(request);
    case Op::set_permissions:
        return set_permissions(request);
    default:
        break;
    }
    const auto path = sole_string(request.payload);
    if (!path)
        return unexpected_errno(EINVAL);
    switch (request.operation) {
    case Op::read:
        return client_.read(*path, request.transaction);
    case Op::mkdir:
        return acknowledge(client_.mkdir(*path, request.transaction));
    case Op::remove:
        return acknowledge(client_.remove(*path, request.transaction));
    case Op::get_permissions:
        return get_permissions(*path, request.transaction);
    default:
        return directory(*path, request.transaction);
    }
}

StoreSession::Reply StoreSession::directory(std::string_view path, StoreTxn txn) {
    const auto listing = client_.list(path, txn);
    if (!listing)
        return unexpected(listing.error());
    return join(listing->names);
}

/// A list too long for one message, in pieces of whole names: the node's generation, then names
/// from a byte offset of the whole list on. An empty name tells that the end is reached.
StoreSession::Reply StoreSession::directory_part(const StoreMessage& request) {
    std::string_view rest = request.payload;
    const auto path = take_string(rest);
    const auto offset_text = sole_string(rest);
    const auto offset = offset_text ? parse_number<std::size_t>(*offset_text) : std::nullopt;
    if (!path || !offset)
        return unexpected_errno(EINVAL);
    const auto listing = client_.list(*path, request.transaction);
    if (!listing)
        return unexpected(listing.error());
    const std::string all = join(listing->names);
    std::string reply = std::to_string(listing->generation);
    reply.push_back('\0');
    std::size_t position = std::min(*offset, all.size());
    while (position < all.size()) {
        const std::size_t end = all.find('\0', position) + 1;
        if (reply.size() + (end - position) >= max_store_payload)
            return reply;
        reply.append(all, position, end - position);
        position = end;
    }
    reply.push_back('\0');
    return reply;
}

StoreSession::Reply StoreSession::write(const StoreMessage& request) {
    std::string_view value = request.payload;
    const auto path = take_string(value);
    if (!path)
        return unexpected_errno(EINVAL);
    return acknowledge(client_.write(*path, value, request.transaction));
}

StoreSession::Reply StoreSession::get_permissions(std::string_view path, StoreTxn txn) {
    const auto permissions = client_.permissions(path, txn);
    if (!permissions)
        return unexpected(permissions.error());
    std::vector<std::string> texts;
    for (const StorePermission& permission : *permissions)
        texts.push_back(to_text(permission));
    return join(texts);
}

StoreSession::Reply StoreSession::set_permissions(const StoreMessage& request) {
    std::string_view rest = request.payload;
    const auto path = take_string(rest);
    StorePermissions permissions;
    while (const auto text = take_string(rest)) {
        const auto permission = parse_permission(*text);
        if (!permission)
            return unexpected_errno(EINVAL);
        permissions.push_back(*permission);
    }
    if (!path || permissions.empty())
        return unexpected_errno(EINVAL);
    return acknowledge(client_.set_permissions(*path, std::move(permissions), request.transaction));
}

StoreSession::Reply StoreSession::watch(const StoreMessage& request) {
    std::string_view rest = request.payload;
    const auto path = take_string(rest);
    const auto token = sole_string(rest);
    if (!path || !token)
        return unexpected_errno(EINVAL);
    return acknowledge(request.operation == Op::watch ? client_.watch(*path, *token)
                                                      : client_.unwatch(*path, *token));
}

StoreSession::Reply StoreSession::begin(const StoreMessage& request) {
    if (request.transaction != no_transaction)
        return unexpected_errno(EBUSY);
    const auto txn = client_.begin();
    if (!txn)
        return unexpected(txn.error());
    return join({std::to_string(*txn)});
}

StoreSession::Reply StoreSession::end(const StoreMessage& request) {
    const auto how = sole_string(request.payload);
    if (how != "T" && how != "F")
        return unexpected_errno(EINVAL);
    return acknowledge(how == "T" ? client_.commit(request.transaction)
                                  : client_.abort(request.transaction));
}

StoreSession::Reply StoreSession::introduce(const StoreMessage& request) {
    std::string_view rest = request.payload;
    const auto domain = parse_domain(take_string(rest));
    const auto frame = take_string(rest);
    const auto port_text = take_string(rest);
    const auto port = port_text ? parse_number<std::uint32_t>(*port_text) : std::nullopt;
    if (!domain || !frame || !port || *port == 0)
        return unexpected_errno(EINVAL);
    tree_.introduce_domain(*domain);
    return acknowledge({});
}

StoreSession::Reply StoreSession::domain_operation(const StoreMessage& request) {
    if (request.operation == Op::introduce)
        return introduce(request);
    const auto domain = parse_domain(sole_string(request.payload));
    const auto introduced = [&] { return domain && tree_.is_introduced(*domain); };
    switch (request.operation) {
    case Op::get_domain_path:
        return domain ? Reply(join({home_path(*domain)})) : unexpected_errno(EINVAL);
    case Op::is_domain_introduced:
        return domain ? Reply(join({introduced() ? "T" : "F"})) : unexpected_errno(EINVAL);
    case Op::release:
    case Op::resume:
        if (!domain || *domain == DomId{0})
            return unexpected_errno(EINVAL);
        if (!introduced())
            return unexpected_errno(ENOENT);
        if (request.operation == Op::release)
            tree_.release_domain(*domain);
        return acknowledge({});
    default:
        // CONTROL and SET_TARGET are xenstored's own business or for device models; no others
        // are operations at all.
        return unexpected_errno(ENOSYS);
    }
}

} // namespace pvscsi::hv::host
