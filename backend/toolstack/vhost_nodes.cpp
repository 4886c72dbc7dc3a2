#include "backend/toolstack/vhost_nodes.hpp"

#include "backend/toolstack/guest_life.hpp"
#include "backend/toolstack/host_check.hpp"
#include "backend/toolstack/host_units.hpp"
#include "backend/toolstack/node_writer.hpp"
#include "backend/toolstack/vhost_record.hpp"

#include <algorithm>
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

/// A port of the guest's own that it is to have all units of: the daemon makes it, and gives them.
Result<void> write_port(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, Lun entry) {
    entry.vdev_is_host = false;
    return NodeWriter(store, txn, vhost.back(), owned_by(vhost.backend, vhost.guest))
        .node("feature-host", "1")
        .node("host", to_entry(entry))
        .result();
}

/// The adapter that it is to have all units of, and those that there are.
Result<void> write_host(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, const Lun& entry) {
    if (entry.pdev.kind == config::PdevKind::vport)
        return write_port(store, txn, vhost, entry);
    const auto host = host_of(entry);
    if (!host)
        return unexpected_errno(ENODEV);
    Lun placed = entry; // whichever unit was named may go, and the adapter stay
    placed.vdev_is_host = false;
    placed.pdev_text = number(host->number) + ":0:0:0";
    auto done = NodeWriter(store, txn, vhost.back(), owned_by(vhost.backend, vhost.guest))
                    .node("feature-host", "1")
                    .node("host", to_entry(placed))
                    .node("host-place", host->place)
                    .result();
    if (!done)
        return done;
    for (const Lun& lun : units_of(*host, entry).luns)
        if (auto written = write_lun(store, txn, vhost, lun); !written)
            return unexpected(written.error());
    return {};
}

Result<void> write_front(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost) {
    return NodeWriter(store, txn, vhost.front(), owned_by(vhost.guest, vhost.backend))
        .node("backend", vhost.back())
        .node("backend-id", number(vhost.backend.value()))
        .node("state", to_node(State::initialising))
        .result();
}

constexpr auto most_number = std::numeric_limits<unsigned>::max() - 1;

/// The number after those of the LUNs that are there.
Result<std::uint64_t> number_by_luns(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost) {
    constexpr std::string_view prefix = "dev-";
    const auto names = store.list(vhost.back() + "/vscsi-devs", txn);
    if (!names)
        return unexpected(names.error());
    std::uint64_t next = 0;
    for (const std::string_view name : *names)
        if (name.starts_with(prefix))
            if (const auto there =
                    xenbus::parse_number(name.substr(prefix.size()), most_number - 1))
                next = std::max(next, *there + 1);
    return next;
}

/// Should the counter be damaged, no LUN that is there is written over for it.
Result<unsigned> next_number(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost) {
    const auto text = store.read(vhost.back() + "/next-dev", txn);
    if (!text)
        return unexpected(text.error());
    auto next = xenbus::parse_number(*text, most_number);
    if (!next || store.read(vhost.back_lun(static_cast<unsigned>(*next)) + "/v-dev", txn)) {
        const auto by_luns = number_by_luns(store, txn, vhost);
        if (!by_luns)
            return unexpected(by_luns.error());
        next = *by_luns;
    }
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
    if (gives_whole_host(luns)) {
        if (auto done = write_host(store, txn, vhost, luns.front()); !done)
            return done;
        return write_front(store, txn, vhost);
    }
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
    if (!lun.policy.empty())
        nodes.node("policy", lun.policy);
    if (!lun.vport.empty())
        nodes.node("vport", lun.vport);
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
