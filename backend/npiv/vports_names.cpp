// Which names a guest's port has, which of the host's ports it is on, and who else has them.
#include "backend/npiv/refuse.hpp"
#include "backend/npiv/vports.hpp"

#include "common/base/log.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pvscsi::backend::npiv {

WwnPair Vports::names_for(const VportWish& wish) {
    if (wish.choice.names)
        return *wish.choice.names;
    const std::pair key{wish.guest, wish.choice.on};
    if (const auto known = drawn_.find(key); known != drawn_.end())
        return known->second;
    const auto in_use = [this, &now = view()](Wwn name) {
        const auto has_it = [&](const auto& port) { return port.names.port == name; };
        return ports_.contains(name) || std::any_of(now.ports.begin(), now.ports.end(), has_it) ||
               std::any_of(now.remote_ports.begin(), now.remote_ports.end(), has_it);
    };
    // The number of a domain is another one's tomorrow.
    const bool lasts = !wish.guest.starts_with("/local/domain/");
    const auto drawn = pool_.draw(settings_.npiv_pool.value_or(""), lasts ? wish.guest : "",
                                  wish.choice.on, wish.domain, in_use);
    return drawn_[key] = drawn.names;
}

Vports::Port& Vports::port_for(const VportWish& wish, const WwnPair& names) {
    if (const auto place = ports_.find(names.port); place != ports_.end()) {
        Port& port = place->second;
        require_right_owner(port, wish, names);
        if (port.record.guest != wish.guest) {
            port.record.guest = wish.guest;
            port.record.vhost = wish.vhost;
            port.record.domain = wish.domain;
            save();
        }
        return port;
    }
    require_unused(wish, names);
    const Wwn on = host_port_for(wish);
    Port& port = ports_[names.port];
    port.record = {names, on, wish.guest, wish.vhost, wish.domain};
    port.idle_since = Clock::now();
    try {
        save(); // first of all: what is made without a record would stay for ever
    } catch (...) {
        ports_.erase(names.port);
        throw;
    }
    look_from_now_on();
    return port;
}

/// One that was made by hand is whoever's names it by. A domain that is made anew has another UUID
/// unless its file says which, and the name that it had.
void Vports::require_right_owner(const Port& port, const VportWish& wish, const WwnPair& names) {
    const VportRecord& record = port.record;
    const bool is_anew =
        port.lease.expired() && !wish.domain.empty() && record.domain == wish.domain;
    if (!record.guest.empty() && record.guest != wish.guest && !is_anew)
        throw std::runtime_error(
            fmt::format("the port {} is that of the domain {}; expected names that nobody else has",
                        to_string(names.port), log::escaped(record.domain)));
    if (record.names != names)
        throw std::runtime_error(fmt::format("the port {} is there with the WWNN {}; expected the "
                                             "same in all entries, WWPN:WWNN",
                                             to_string(names.port), to_string(record.names.node)));
    if (wish.choice.on && record.on != *wish.choice.on)
        throw std::runtime_error(fmt::format(
            "the port {} is on the host's port {}; expected the same in all entries, or a moment "
            "of waiting until it is gone from there",
            to_string(names.port), to_string(record.on)));
}

/// Names of the pool that are kept for another guest, be it there or not. A damaged pool does not
/// tell: then all that begin as it does may be.
void Vports::require_not_given(const VportWish& wish, Wwn name) const {
    const auto refuse_as = [&](const std::string& whose) {
        refuse({to_string(name) + " is one of the pool's names, " + whose,
                "names that nobody else has, as WWPN:WWNN"});
    };
    std::vector<PoolNames> given;
    try {
        given = pool_.list();
    } catch (const std::runtime_error&) {
        if (to_string(name).starts_with(settings_.npiv_pool.value_or("none")))
            refuse_as("and whose is not known");
    }
    for (const PoolNames& item : given)
        if (item.guest != wish.guest && (item.names.port == name || item.second == name))
            refuse_as("kept for the domain " + log::escaped(item.domain));
}

/// Two ports with one name end each other's logins, wherever in the fabric they are.
void Vports::require_unused(const VportWish& wish, const WwnPair& names) {
    require_not_given(wish, names.port);
    const FcView& now = view();
    const std::string wwpn = to_string(names.port);
    const auto refuse_names = [](const std::string& reason) {
        refuse({reason, "names that nobody else has, as WWPN:WWNN"});
    };
    if (now.vport(names.port) != nullptr)
        refuse_names("somebody else has made a virtual port " + wwpn + " on this host");
    for (const FcPort& port : now.ports) {
        if (port.names.port == names.port)
            refuse_names(wwpn + " is the name of a port of this host");
        if (port.names.port == names.node || port.names.node == names.port)
            refuse_names("the names seem to be the wrong way round: " + to_string(names) +
                         " has those of a port of this host");
    }
    for (const FcRemotePort& port : now.remote_ports) {
        // One that has gone is remembered by the kernel.
        if (port.names.port == names.port && port.online())
            refuse_names("the fabric has a port " + wwpn + " already, seen as " + port.name);
        if (port.names.port == names.node && port.online())
            refuse_names("the names seem to be the wrong way round: the fabric has a port " +
                         to_string(names.node));
    }
}

Wwn Vports::host_port_for(const VportWish& wish) {
    std::vector<FcPort> able;
    for (const FcPort& port : view().ports) {
        const bool named = port.names.port == wish.choice.on;
        if (named && !port.max_vports)
            refuse({"the port " + to_string(port.names.port) + " can't have virtual ones",
                    "a port of this host whose driver and adapter have NPIV"});
        if (named)
            return port.names.port;
        if (port.max_vports)
            able.push_back(port);
    }
    if (wish.choice.on)
        refuse({"this host has no port with the name " + to_string(*wish.choice.on),
                "a port_name of /sys/class/fc_host"});
    if (able.empty())
        refuse({"this host has no Fibre Channel port that can have virtual ones",
                "an adapter with NPIV, with its driver loaded"});
    if (able.size() == 1)
        return able.front().names.port;
    std::vector<std::string> names;
    for (const FcPort& port : able)
        names.push_back(to_string(port.names.port));
    refuse({fmt::format("several ports of this host could have it: {}", fmt::join(names, ", ")),
            "vport=...@ and one of these"});
}

} // namespace pvscsi::backend::npiv
