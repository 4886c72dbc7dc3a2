// What the kernel may take long for, and what becomes of it.
#include "backend/npiv/vports.hpp"

#include "common/base/log.hpp"
#include "common/base/signals_blocked.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <fmt/format.h>
#include <set>
#include <system_error>

namespace pvscsi::backend::npiv {

namespace {

constexpr std::chrono::seconds retry_pause{1};
constexpr std::chrono::seconds scan_pause{5};
constexpr std::chrono::seconds look_pause{30};

} // namespace

template <class Do, class Then>
void Vports::apart(Port& port, Work work, Do what, Then then) {
    const auto done = [weak = weak_from_this(), name = port.record.names.port,
                       then](const auto& result) {
        const auto self = weak.lock();
        if (!self)
            return;
        Port& own = self->ports_.at(name); // it stays while it has work
        own.apart.join();
        own.work = Work::none;
        then(*self, own, result);
    };
    try {
        const SignalsBlocked blocked; // none ends a write half way
        port.apart = std::thread([what, done, &control = control_] {
            boost::asio::post(control, [done, result = what()] { done(result); });
        });
        port.work = work;
    } catch (const std::system_error& error) {
        tell(port, std::string("not made or deleted now: ") + error.what());
        port.retry_at = Clock::now() + retry_pause;
    }
}

void Vports::make(Port& port) {
    const FcPort* const on = view().port(port.record.on);
    port.retry_at = Clock::now() + retry_pause;
    if (on == nullptr) {
        port.refusal =
            VportRefusal{ENODEV,
                         {"this host has no port with the name " + to_string(port.record.on),
                          "a port_name of /sys/class/fc_host"},
                         true};
        return;
    }
    const VportRecord& record = port.record;
    apart(
        port, Work::making,
        [tree = place_.tree, write = place_.write, on = *on, names = record.names] {
            return create_vport(tree, on, names, write);
        },
        [](Vports& self, Port& own, const auto& refusal) { self.made(own, refusal); });
}

void Vports::made(Port& port, const std::optional<VportRefusal>& refusal) {
    viewed_at_ = {};
    port.refusal = refusal;
    port.named = false;
    port.retry_at = Clock::now() + retry_pause;
    if (refusal)
        tell(port, "not made: " + refusal->why.reason);
    else
        tell(port, "made on " + to_string(port.record.on));
}

/// Only one that has logged in: while libfc does so it looks at the name twice, and a longer one in
/// between is a NULL pointer to it (fc_lport_enter_ns, Linux 6.1), which takes the whole host down.
void Vports::give_name(Port& port, const FcVport& vport) {
    if (port.named || port.work != Work::none || vport.state != VportState::active)
        return;
    port.named = true;
    auto called = symbolic_name(place_.hostname, port.record.domain, port.record.vhost);
    if (vport.symbolic_name == called)
        return;
    apart(
        port, Work::naming,
        [tree = place_.tree, write = place_.write, vport, called = std::move(called)] {
            return name_vport(tree, vport, called, write);
        },
        [](Vports& self, Port&, bool) { self.viewed_at_ = {}; });
}

/// A LUN that came into the target's mask after the port had logged in is not looked for by the
/// kernel: nobody tells it.
void Vports::scan(Port& port, const FcRemotePort& target, std::uint64_t lun) {
    if (Clock::now() < port.scan_at || port.work != Work::none)
        return;
    port.scan_at = Clock::now() + scan_pause;
    constexpr std::uint64_t first_flat = 256;
    constexpr std::uint64_t flat_space = 0x4000;
    const auto number = lun < first_flat ? lun : lun | flat_space;
    scan(port, target.host, fmt::format("{} {} {}", target.channel, *target.target, number));
}

/// For a guest that has all of them.
void Vports::scan_all(Port& port, const FcVport& vport) {
    if (Clock::now() < port.look_at || port.work != Work::none || !vport.host)
        return;
    port.look_at = Clock::now() + look_pause;
    scan(port, *vport.host, "- - -");
}

void Vports::scan(Port& port, unsigned host, std::string what) {
    const auto attribute =
        place_.tree.sysfs() / "class" / "scsi_host" / ("host" + std::to_string(host)) / "scan";
    apart(
        port, Work::scanning,
        [write = place_.write, attribute, text = std::move(what)] {
            return write(attribute, text);
        },
        [](Vports& self, Port&, const Written&) { self.viewed_at_ = {}; });
}

/// A target port that comes back after it was lost is another one to the kernel.
void Vports::hold_commands_of(const FcView& now) {
    std::set<std::string> there;
    for (const FcRemotePort& target : now.remote_ports) {
        const auto is_behind = [&](const FcVport& vport) {
            return vport.host == target.host && ports_.contains(vport.names.port);
        };
        if (!target.is_target() || std::none_of(now.vports.begin(), now.vports.end(), is_behind))
            continue;
        there.insert(target.name);
        if (!settings_.npiv_hold)
            continue;
        const auto [place, fresh] = held_.try_emplace(target.name);
        if (!fresh && place->second == *settings_.npiv_hold)
            continue;
        place->second = *settings_.npiv_hold;
        if (!hold_commands(place_.tree, target, place->second, place_.write))
            log::warning("target-port={} by={} its commands are not held for {} s: its driver does "
                         "not take that",
                         to_string(target.names.port), target.name, place->second);
    }
    std::erase_if(held_, [&](const auto& item) { return !there.contains(item.first); });
}

bool Vports::is_idle(const Port& port) const {
    return !port.record.guest.empty() && port.work == Work::none && port.lease.expired() &&
           Clock::now() >= port.idle_since + linger() && Clock::now() >= port.retry_at;
}

/// What was made by hand stays: it is made anew after a boot, and again and again until it can be.
bool Vports::is_to_be_made(const Port& port) const {
    return damage_.empty() && port.record.guest.empty() && port.work == Work::none &&
           (!port.refusal || port.refusal->passing) && Clock::now() >= port.retry_at;
}

void Vports::remove_idle(Port& port) {
    const FcVport* const vport = view().vport(port.record.names.port);
    if (vport == nullptr || vport->names != port.record.names)
        return forget(port);
    apart(
        port, Work::deleting,
        [tree = place_.tree, write = place_.write, vport = *vport] {
            return delete_vport(tree, vport, write);
        },
        [](Vports& self, Port& own, const auto& refusal) { self.removed(own, refusal); });
}

void Vports::removed(Port& port, const std::optional<VportRefusal>& refusal) {
    viewed_at_ = {};
    if (refusal) {
        tell(port, "not deleted: " + refusal->why.reason);
        port.retry_at = Clock::now() + linger() + retry_pause;
        return;
    }
    if (!port.lease.expired())
        return tell(port, "deleted"); // and wanted again meanwhile
    forget(port);
}

void Vports::forget(const Port& port) {
    const Wwn name = port.record.names.port;
    log::info("vport={} gone", to_string(name));
    ports_.erase(name);
    try {
        save();
    } catch (const std::exception& error) { // it will be looked for once more
        log::warning("vport={} stays in the record: {}", to_string(name), error.what());
    }
}

void Vports::save() const {
    std::vector<VportRecord> all;
    for (const auto& [name, port] : ports_)
        all.push_back(port.record);
    records_.write(all);
}

} // namespace pvscsi::backend::npiv
