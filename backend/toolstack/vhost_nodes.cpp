#include "backend/toolstack/vhost_nodes.hpp"

#include "backend/toolstack/guest_life.hpp"
#include "backend/toolstack/host_check.hpp"
#include "backend/toolstack/node_writer.hpp"
#include "backend/toolstack/vhost_record.hpp"

#include <limits>
#include <vector>

namespace pvscsi::toolstack {

namespace {

using hv::StorePermission;
using xenbus::State;

/// The owner may do everything, the other end reads, everybody else nothing.
std::vector<StorePermission> owned_by(DomId owner, DomId reader) {
    return {{owner, false, false}, {reader, true, false}};
}

std::string number(std::uint64_t value) {
    return std::to_string(value);
}

Result<void> write_back(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost) {
    const auto permissions = owned_by(vhost.backend, vhost.guest);
    // Which life of the domain number it belongs to: nodes outlive domains.
    const auto vm = store.read(xenbus::domain_path(vhost.guest) + "/vm", txn);
    const auto name = store.read(xenbus::domain_path(vhost.guest) + "/name", txn);
    auto nodes = NodeWriter(store, txn, vhost.back(), permissions)
                     .node("vm", vm.value_or(""))
                     .node("domain", lasting_name(name.value_or("")))
                     .node("frontend", vhost.front())
                     .node("frontend-id", number(vhost.guest.value()))
                     .node("online", "1")
                     .node("state", to_node(State::init_wait))
                     .node("feature-host", "0")
                     .node("next-dev", "0")
                     .result();
    if (!nodes)
        return nodes;
    return NodeWriter(store, txn, vhost.back() + "/vscsi-devs", permissions).result();
}

Result<void> write_front(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost) {
    return NodeWriter(store, txn, vhost.front(), owned_by(vhost.guest, vhost.backend))
        .node("backend", vhost.back())
        .node("backend-id", number(vhost.backend.value()))
        .node("state", to_node(State::initialising))
        .result();
}

Result<unsigned> next_number(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost) {
    const auto text = store.read(vhost.back() + "/next-dev", txn);
    if (!text)
        return unexpected(text.error());
    const auto next = xenbus::parse_number(*text, std::numeric_limits<unsigned>::max() - 1);
    if (!next)
        return unexpected_errno(EINVAL);
    if (auto done = store.write(vhost.back() + "/next-dev", number(*next + 1), txn); !done)
        return unexpected(done.error());
    return static_cast<unsigned>(*next);
}

} // namespace

Result<void> write_vhost(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost,
                         std::span<const Lun> luns) {
    if (vhost.served_elsewhere()) {
        if (auto there = store.read(xenbus::domain_path(vhost.backend) + "/name", txn); !there)
            return unexpected(there.error());
        if (auto done = record_vhost(store, txn, vhost, luns.empty() ? "" : luns.front().backend);
            !done)
            return done;
    }
    if (auto done = write_back(store, txn, vhost); !done)
        return done;
    for (const Lun& lun : luns)
        if (auto done = write_lun(store, txn, vhost, lun); !done)
            return unexpected(done.error());
    return write_front(store, txn, vhost);
}

Result<unsigned> write_lun(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, const Lun& lun) {
    const auto index = next_number(store, txn, vhost);
    if (!index)
        return index;
    NodeWriter nodes(store, txn, vhost.back_lun(*index), owned_by(vhost.backend, vhost.guest));
    nodes.node("p-dev", lun.pdev_text)
        .node("p-devname", lun.pdev_text)
        .node("target", vhost.served_elsewhere() ? target_by_name(lun.pdev) : target_of(lun.pdev))
        .node("v-dev", to_string(lun.vdev))
        .node("mode", reads_only(lun) ? "r" : "w");
    if (!lun.name.empty())
        nodes.node("name", lun.name);
    if (lun.queue_depth)
        nodes.node("queue-depth", number(*lun.queue_depth));
    if (lun.timeout)
        nodes.node("timeout", number(*lun.timeout));
    if (lun.exclusive == false)
        nodes.node("exclusive", "no");
    nodes.node("state", to_node(State::initialising));
    if (auto done = nodes.result(); !done)
        return unexpected(done.error());
    if (auto done = remember_lun(store, txn, vhost, *index, lun); !done)
        return unexpected(done.error());
    return index;
}

Result<void> remember_lun(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, unsigned index,
                          const Lun& lun) {
    return vhost.served_elsewhere() ? record_lun(store, txn, vhost, index, lun) : Result<void>{};
}

Result<void> remove_lun(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, unsigned index) {
    if (auto done = remove_if_there(store, txn, vhost.back_lun(index)); !done)
        return done;
    if (vhost.served_elsewhere())
        if (auto done = forget_lun(store, txn, vhost, index); !done)
            return done;
    return remove_if_there(store, txn, vhost.front_lun(index));
}

Result<void> remove_vhost(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost) {
    if (auto done = remove_if_there(store, txn, vhost.front()); !done)
        return done;
    if (vhost.served_elsewhere())
        if (auto done = forget_vhost(store, txn, vhost); !done)
            return done;
    return remove_if_there(store, txn, vhost.back());
}

std::string guest_path(DomId backend, DomId guest) {
    return xenbus::backend_root(backend) + "/" + std::to_string(guest.value());
}

Result<void> remove_guest(hv::Store& store, hv::StoreTxn txn, DomId backend, DomId guest) {
    return remove_if_there(store, txn, guest_path(backend, guest));
}

Result<void> write_state(hv::Store& store, hv::StoreTxn txn, const std::string& parent,
                         State state) {
    return store.write(parent + "/state", to_node(state), txn);
}

} // namespace pvscsi::toolstack
