#include "backend/toolstack/inventory.hpp"

#include "backend/toolstack/backend_domains.hpp"
#include "backend/toolstack/host_check.hpp"
#include "common/config/wwn.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

namespace pvscsi::toolstack {

namespace {

using xenbus::State;

/// Reads nodes of one directory; a node that is not there is empty, other errors are kept.
class NodeReader {
  public:
    NodeReader(hv::Store& store, hv::StoreTxn txn, std::string directory)
        : store_(store), txn_(txn), directory_(std::move(directory)) {}

    std::optional<std::string> find(const std::string& name) {
        auto value = store_.read(directory_ + "/" + name, txn_);
        if (value)
            return std::move(*value);
        keep(value.error());
        return {};
    }
    std::string text(const std::string& name) { return find(name).value_or(""); }
    State state() { return xenbus::state_from_node(text("state")).value_or(State::unknown); }

    /// Children whose name is `prefix` and a number, by number.
    std::vector<unsigned> numbers(const std::string& name, std::string_view prefix) {
        std::vector<unsigned> found;
        auto children = store_.list(directory_ + name, txn_);
        if (!children) {
            keep(children.error());
            return found;
        }
        for (const std::string_view child : *children) {
            if (!child.starts_with(prefix))
                continue;
            const auto value = xenbus::parse_number(child.substr(prefix.size()),
                                                    std::numeric_limits<unsigned>::max());
            if (value)
                found.push_back(static_cast<unsigned>(*value));
        }
        std::sort(found.begin(), found.end());
        return found;
    }

    [[nodiscard]] const std::error_code& error() const { return error_; }

  private:
    void keep(const std::error_code& error) {
        if (error != std::errc::no_such_file_or_directory && !error_)
            error_ = error;
    }

    hv::Store& store_;
    hv::StoreTxn txn_;
    std::string directory_;
    std::error_code error_;
};

Result<LunEntry> read_lun(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, unsigned number) {
    NodeReader nodes(store, txn, vhost.back_lun(number));
    LunEntry lun;
    lun.number = number;
    // Before the error, which the daemon writes with it: outside of a transaction a LUN that has
    // failed since would else have neither.
    lun.state = nodes.state();
    lun.vdev = nodes.text("v-dev");
    lun.pdev = nodes.text("p-dev");
    lun.name = nodes.text("name");
    lun.error = nodes.text("error");
    lun.target = nodes.text("target");
    lun.warning = nodes.text("warning");
    lun.read_only = nodes.text("mode") == "r";
    lun.queue_depth = nodes.text("queue-depth");
    lun.timeout = nodes.text("timeout");
    lun.exclusive = nodes.text("exclusive") != "no";
    lun.policy = nodes.text("policy");
    lun.vport = nodes.text("vport");
    lun.port = nodes.text("port");
    if (nodes.error())
        return unexpected(nodes.error());
    return lun;
}

std::vector<unsigned> numbers_below(hv::Store& store, const std::string& path) {
    NodeReader nodes(store, hv::no_transaction, path);
    auto found = nodes.numbers("", "");
    if (nodes.error())
        throw std::system_error(nodes.error(), "cannot list " + path + " in the store");
    return found;
}

} // namespace

const LunEntry* VhostEntry::find(const std::string& vdev) const {
    const auto it = std::find_if(luns.begin(), luns.end(),
                                 [&](const LunEntry& lun) { return lun.vdev == vdev; });
    return it == luns.end() ? nullptr : &*it;
}

Result<std::optional<VhostEntry>> read_vhost(hv::Store& store, hv::StoreTxn txn,
                                             const Vhost& vhost) {
    NodeReader back(store, txn, vhost.back());
    NodeReader front(store, txn, vhost.front());
    const bool exists = back.find("frontend-id").has_value();
    VhostEntry entry{vhost, back.state(), front.state(),     back.text("error"),     false,
                     {},    false,        back.text("host"), back.text("host-place")};
    entry.taken_up = back.find("feature-sg-grant").has_value() || !entry.error.empty();
    for (const unsigned number : back.numbers("/vscsi-devs", "dev-")) {
        auto lun = read_lun(store, txn, vhost, number);
        if (!lun)
            return unexpected(lun.error());
        if (!lun->vdev.empty())
            entry.luns.push_back(std::move(*lun));
    }
    for (const auto& error : {back.error(), front.error()})
        if (error)
            return unexpected(error);
    if (!exists)
        return std::optional<VhostEntry>{};
    return std::optional<VhostEntry>{std::move(entry)};
}

namespace {

std::vector<Vhost> vhosts_of(hv::Store& store, DomId backend, std::optional<DomId> guest) {
    std::vector<Vhost> found;
    const std::string root = xenbus::backend_root(backend);
    std::vector<unsigned> guests;
    if (guest)
        guests.push_back(guest->value());
    else
        guests = numbers_below(store, root);
    for (const unsigned id : guests) {
        if (id > std::numeric_limits<DomId::rep>::max())
            continue;
        for (const unsigned device : numbers_below(store, root + "/" + std::to_string(id)))
            found.push_back({backend, DomId{static_cast<DomId::rep>(id)}, DevId{device}});
    }
    return found;
}

std::vector<VhostEntry> read_each(hv::Store& store, const std::vector<Vhost>& vhosts) {
    std::vector<VhostEntry> found;
    for (const Vhost& vhost : vhosts) {
        auto entry = read_vhost(store, hv::no_transaction, vhost);
        if (!entry)
            throw std::system_error(entry.error(), "cannot read " + vhost.back());
        if (*entry)
            found.push_back(std::move(**entry));
    }
    return found;
}

} // namespace

std::vector<VhostEntry> read_vhosts(hv::Store& store, DomId backend, std::optional<DomId> guest) {
    return read_each(store, vhosts_of(store, backend, guest));
}

std::vector<VhostEntry> read_whole_hosts(hv::Store& store, DomId backend) {
    auto vhosts = vhosts_of(store, backend, {});
    std::erase_if(vhosts, [&](const Vhost& vhost) { return !store.read(vhost.back() + "/host"); });
    return read_each(store, vhosts);
}

std::vector<VhostEntry> read_all_vhosts(hv::Store& store, DomId self, std::optional<DomId> guest) {
    std::vector<VhostEntry> found = read_vhosts(store, self, guest);
    for (const DomId domain : guest ? std::vector{*guest} : domains_there(store))
        for (const VhostRecord& record : read_records(store, domain)) {
            auto entry = read_vhost(store, hv::no_transaction, record.vhost);
            if (!entry)
                throw std::system_error(entry.error(), "cannot read " + record.vhost.back());
            found.push_back(*entry ? std::move(**entry) : lost_vhost(store, record));
        }
    std::stable_sort(found.begin(), found.end(), [](const VhostEntry& a, const VhostEntry& b) {
        return std::pair(a.vhost.guest, a.vhost.device) < std::pair(b.vhost.guest, b.vhost.device);
    });
    return found;
}

VhostEntry lost_vhost(hv::Store& store, const VhostRecord& record) {
    VhostEntry entry;
    entry.vhost = record.vhost;
    entry.lost = true;
    const std::string who = "domain " + std::to_string(record.vhost.backend.value()) +
                            (record.backend.empty() ? "" : " (" + record.backend + ")");
    const std::string why = store.domain_exists(record.vhost.backend)
                                ? who + " is to serve it, and the nodes for that are gone"
                                : who + ", which served it, has ended";
    entry.error = why;
    const auto state = store.read(record.vhost.front() + "/state");
    entry.front = state ? xenbus::state_from_node(*state).value_or(State::unknown) : State::unknown;
    for (const auto& [number, lun] : record.luns) {
        LunEntry row;
        row.number = number;
        row.vdev = to_string(lun.vdev);
        row.pdev = lun.pdev_text;
        row.name = lun.name;
        row.error = why;
        row.target = target_by_name(lun.pdev);
        row.read_only = reads_only(lun);
        row.queue_depth = lun.queue_depth ? std::to_string(*lun.queue_depth) : "";
        row.timeout = lun.timeout ? std::to_string(*lun.timeout) : "";
        row.exclusive = lun.exclusive.value_or(true);
        row.policy = lun.policy;
        row.vport = lun.vport;
        entry.luns.push_back(std::move(row));
    }
    return entry;
}

Result<Vhost> find_vhost(hv::Store& store, hv::StoreTxn txn, DomId self, DomId guest,
                         DevId device) {
    const auto record = read_record(store, txn, guest, device);
    if (!record)
        return unexpected(record.error());
    return *record ? (*record)->vhost : Vhost{self, guest, device};
}

std::optional<Lun> lun_of(const LunEntry& entry) {
    const auto pdev = config::parse_pdev(entry.pdev);
    if (!pdev)
        return {};
    Lun lun;
    lun.pdev = *pdev;
    lun.pdev_text = entry.pdev;
    lun.vdev = xenbus::parse_address(entry.vdev).value_or(xenbus::VirtualAddress{});
    lun.read_only = entry.read_only;
    lun.name = entry.name;
    const auto number = [](const std::string& text) -> std::optional<unsigned> {
        const auto value = xenbus::parse_number(text, std::numeric_limits<unsigned>::max());
        return value ? std::optional(static_cast<unsigned>(*value)) : std::nullopt;
    };
    lun.queue_depth = number(entry.queue_depth);
    lun.timeout = number(entry.timeout);
    if (!entry.exclusive)
        lun.exclusive = false;
    lun.policy = entry.policy;
    lun.vport = entry.vport;
    return lun;
}

std::optional<config::Pdev> pdev_of(const LunEntry& entry) {
    auto pdev = config::parse_pdev(entry.pdev);
    if (!pdev)
        return {};
    if (!entry.vport.empty()) {
        const auto through = config::parse_wwn_name(entry.port);
        if (!through)
            return {};
        pdev->through = *through;
    }
    return std::move(*pdev);
}

std::string lun_state(const VhostEntry& vhost, const LunEntry& lun) {
    if (lun.state == State::closed || !lun.error.empty())
        return "failed";
    switch (vhost.back) {
    case State::unknown:
    case State::closing:
        return std::string(to_string(vhost.back));
    case State::connected:
    case State::reconfiguring:
    case State::reconfigured:
        return std::string(to_string(lun.state));
    case State::init_wait: // never connected, or connects anew
    case State::closed:    // was connected
        if (lun.state == State::initialised || lun.state == State::connected)
            return "waiting";
        return std::string(to_string(lun.state));
    default:
        return std::string(to_string(vhost.back));
    }
}

} // namespace pvscsi::toolstack
