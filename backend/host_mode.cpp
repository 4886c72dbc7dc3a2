#include "backend/host_mode.hpp"

#include "backend/toolstack/host_units.hpp"
#include "backend/toolstack/remove_node.hpp"
#include "common/base/log.hpp"
#include "common/base/sysfs.hpp"

#include <map>

namespace pvscsi::backend {

using toolstack::LunEntry;
using toolstack::VhostEntry;
using xenbus::State;

namespace {

/// The guest has a connection, and nothing under way there.
bool is_connected(const VhostEntry& vhost) {
    return vhost.back == State::connected && vhost.front == State::connected;
}

/// No guest has seen the LUNs, or none has them any more.
bool is_apart(const VhostEntry& vhost) {
    const bool offered = vhost.back == State::initialising || vhost.back == State::init_wait ||
                         vhost.back == State::closed;
    return offered && (vhost.front == State::unknown || vhost.front == State::initialising ||
                       vhost.front == State::init_wait || vhost.front == State::closed);
}

/// The guest waits for all LUNs that are there: one that has gone must not make it wait. What is
/// new might come too late for this connection.
bool is_connecting(const VhostEntry& vhost) {
    return vhost.back == State::init_wait && vhost.front == State::initialised;
}

bool is_detached(const LunEntry& lun) {
    return lun.state == State::closed && lun.error.empty();
}

} // namespace

HostMode::HostMode(boost::asio::io_context& control, hv::Store& store, DomId self,
                   std::shared_ptr<npiv::Vports> vports, std::filesystem::path sysfs,
                   std::chrono::milliseconds interval)
    : store_(store), self_(self), sysfs_(std::move(sysfs)), interval_(interval), timer_(control),
      ports_(store, std::move(vports)) {}

void HostMode::look() {
    auto now = sysfs::names_in(sysfs_ / "bus" / "scsi" / "devices");
    for (std::string& name : sysfs::names_in(sysfs_ / "class" / "scsi_generic"))
        now.push_back(std::move(name));
    if (ports_.tend() || now != seen_) {
        try {
            seen_.reset(); // unless all of it can be done
            if (follow_all())
                seen_ = std::move(now);
        } catch (const std::exception& error) {
            log::warning("host adapters of guests: {}", error.what());
        }
    }
    timer_.expires_after(interval_);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (self && !error)
            self->look();
    });
}

/// False: not all is as it should be yet.
bool HostMode::follow_all() {
    bool settled = true;
    for (const VhostEntry& vhost : toolstack::read_whole_hosts(store_, self_))
        if (!follow(vhost))
            settled = false;
    return settled;
}

/// What a vhost is to have.
struct HostMode::Wanted {
    std::map<std::string, toolstack::Lun> luns; ///< by VDEV
    /// Of one that is not among them: whether it is to go.
    std::function<bool(const LunEntry&)> goes = [](const LunEntry&) { return true; };

    Wanted(std::vector<toolstack::Lun> list) { // NOLINT: that is what it is
        for (toolstack::Lun& lun : list)
            luns.emplace(to_string(lun.vdev), std::move(lun));
    }
};

/// What one transaction does to a vhost.
struct HostMode::Change {
    hv::Store& store;
    hv::StoreTxn txn;
    const VhostEntry& vhost;
    Wanted wanted;
    bool tell_guest = false;
    bool settled = true;

    Result<void> leave(const LunEntry& lun) {
        if (is_apart(vhost) || is_connecting(vhost) || is_detached(lun))
            return toolstack::remove_lun(store, txn, vhost.vhost, lun.number);
        settled = false; // its nodes are still to go
        tell_guest = true;
        // Else it would look like one that failed when it is at 6 again.
        if (auto done =
                toolstack::remove_if_there(store, txn, vhost.vhost.back_lun(lun.number) + "/error");
            !done)
            return done;
        return toolstack::write_state(store, txn, vhost.vhost.back_lun(lun.number), State::closing);
    }

    Result<void> make() {
        for (const LunEntry& lun : vhost.luns) {
            const bool stays = wanted.luns.contains(lun.vdev) || !wanted.goes(lun);
            if (stays && !is_detached(lun))
                wanted.luns.erase(lun.vdev);
            else if (auto done = leave(lun); !done)
                return done;
        }
        if (is_connecting(vhost)) {
            settled = wanted.luns.empty();
            return {};
        }
        for (const auto& [vdev, lun] : wanted.luns) {
            tell_guest = true;
            if (auto done = toolstack::write_lun(store, txn, vhost.vhost, lun); !done)
                return unexpected(done.error());
        }
        if (!tell_guest || is_apart(vhost))
            return {};
        settled = false; // until the guest has seen it
        return toolstack::write_state(store, txn, vhost.vhost.back(), State::reconfiguring);
    }
};

bool HostMode::follow(const VhostEntry& vhost) {
    const auto list = toolstack::parse_vscsi({vhost.host});
    const auto kind = list.luns.size() == 1 ? list.luns.front().pdev.kind : config::PdevKind::null;
    if (kind == config::PdevKind::address)
        return follow_adapter(vhost, list.luns.front());
    if (kind == config::PdevKind::vport)
        return follow_port(vhost, list.luns.front());
    if (warned_.insert(vhost.vhost.back()).second)
        log::warning("vhost={} its node host is damaged: \"{}\"", vhost.vhost.back(),
                     log::escaped(vhost.host));
    return true;
}

bool HostMode::follow_adapter(const VhostEntry& vhost, const toolstack::Lun& entry) {
    const auto units =
        toolstack::units_of({entry.pdev.address.host, vhost.host_place}, entry, sysfs_);
    warn_of(vhost.vhost, units.beyond);
    return change(vhost, [&](const VhostEntry&) { return Wanted(units.luns); });
}

bool HostMode::follow_port(const VhostEntry& vhost, const toolstack::Lun& entry) {
    const PortSight sight = ports_.look(vhost.vhost, entry);
    tell(vhost.vhost, sight.trouble);
    return change(vhost, [&](const VhostEntry& now) {
        Wanted wanted(luns_seen(sight, entry, now.luns));
        wanted.goes = [&](const LunEntry& lun) { return has_gone(sight, lun); };
        return wanted;
    });
}

/// False: it is to be looked at again soon.
bool HostMode::change(const VhostEntry& vhost, const Choose& choose) {
    bool settled = false;
    const auto done = hv::transact(store_, [&](hv::StoreTxn txn) -> Result<void> {
        settled = true;
        const auto now = toolstack::read_vhost(store_, txn, vhost.vhost);
        if (!now)
            return unexpected(now.error());
        if (!*now || (*now)->host != vhost.host)
            return {}; // gone, or an ordinary one now
        if (!is_connected(**now) && !is_apart(**now) && !is_connecting(**now)) {
            settled = false;
            return {};
        }
        Change change{store_, txn, **now, choose(**now)};
        auto made = change.make();
        settled = change.settled;
        return made;
    });
    if (!done)
        log::warning("vhost={} cannot follow its host adapter error=\"{}\"", vhost.vhost.back(),
                     done.error().message());
    return done && settled;
}

/// In the vhost's own node: there may be no LUN that could bear it.
void HostMode::tell(const toolstack::Vhost& vhost, const std::string& trouble) {
    std::string& told = troubles_[vhost.back()];
    if (told == trouble)
        return;
    told = trouble;
    if (!trouble.empty())
        log::info("vhost={} port: {}", vhost.back(), trouble);
    (void)hv::transact(store_, [&](hv::StoreTxn txn) -> Result<void> {
        const std::string node = vhost.back() + "/error";
        if (const auto there = store_.read(vhost.back() + "/state", txn); !there)
            return unexpected(there.error());
        return trouble.empty() ? toolstack::remove_if_there(store_, txn, node)
                               : store_.write(node, trouble, txn);
    });
}

void HostMode::warn_of(const toolstack::Vhost& vhost, const std::vector<std::string>& beyond) {
    for (const std::string& address : beyond)
        if (warned_.insert(vhost.back() + " " + address).second)
            log::warning("vhost={} unit={} left out: the protocol has no such address",
                         vhost.back(), address);
}

} // namespace pvscsi::backend
