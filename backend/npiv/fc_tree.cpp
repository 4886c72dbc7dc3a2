#include "backend/npiv/fc_tree.hpp"

#include "common/base/sysfs.hpp"
#include "common/config/text.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace pvscsi::backend::npiv {

namespace fs = std::filesystem;
using sysfs::first_line;
using sysfs::names_in;

namespace {

constexpr std::array<std::string_view, 10> vport_states{"Unknown",
                                                        "Active",
                                                        "Disabled",
                                                        "Linkdown",
                                                        "Initializing",
                                                        "No Fabric Support",
                                                        "No Fabric Resources",
                                                        "Fabric Logout",
                                                        "Fabric Rejected WWN",
                                                        "VPort Failed"};

std::optional<unsigned> number_of(std::string_view text) {
    const auto value = config::parse_decimal(text, std::numeric_limits<unsigned>::max());
    return value ? std::optional(static_cast<unsigned>(*value)) : std::nullopt;
}

/// N of PREFIXN.
std::optional<unsigned> number_after(std::string_view prefix, std::string_view name) {
    return name.starts_with(prefix) ? number_of(name.substr(prefix.size())) : std::nullopt;
}

/// H and C of "rport-H:C-N" and "vport-H:C-N".
struct Place {
    unsigned host = 0;
    unsigned channel = 0;
};
std::optional<Place> place_of(std::string_view prefix, std::string_view name) {
    if (!name.starts_with(prefix))
        return {};
    name.remove_prefix(prefix.size());
    const auto colon = name.find(':');
    const auto hyphen = name.find('-');
    if (colon == std::string_view::npos || hyphen == std::string_view::npos || hyphen < colon)
        return {};
    const auto host = number_of(name.substr(0, colon));
    const auto channel = number_of(name.substr(colon + 1, hyphen - colon - 1));
    return host && channel ? std::optional(Place{*host, *channel}) : std::nullopt;
}

/// Nothing if the port has none, or is gone.
std::optional<WwnPair> names_of(const fs::path& folder) {
    const auto port = config::parse_wwn_name(first_line(folder / "port_name"));
    const auto node = config::parse_wwn_name(first_line(folder / "node_name"));
    return port ? std::optional(WwnPair{*port, node.value_or(Wwn())}) : std::nullopt;
}

template <class Item, class Read>
std::vector<Item> all_in(const fs::path& folder, Read read) {
    std::vector<Item> items;
    for (const std::string& name : names_in(folder))
        if (auto item = read(name))
            items.push_back(std::move(*item));
    return items;
}

template <class Item>
const Item* named(const std::vector<Item>& items, Wwn name) noexcept {
    for (const Item& item : items)
        if (item.names.port == name)
            return &item;
    return nullptr;
}

} // namespace

VportState vport_state_of(std::string_view text) noexcept {
    for (std::size_t i = 0; i < vport_states.size(); ++i)
        if (vport_states[i] == text)
            return static_cast<VportState>(i);
    return VportState::unknown;
}

std::string_view to_string(VportState state) noexcept {
    return vport_states[static_cast<std::size_t>(state)];
}

fs::path FcTree::port_attribute(unsigned host, const char* name) const {
    return sysfs_ / "class" / "fc_host" / ("host" + std::to_string(host)) / name;
}

fs::path FcTree::vport_attribute(const std::string& vport, const char* name) const {
    return sysfs_ / "class" / "fc_vports" / vport / name;
}

fs::path FcTree::remote_port_attribute(const std::string& port, const char* name) const {
    return sysfs_ / "class" / "fc_remote_ports" / port / name;
}

std::optional<FcPort> FcTree::read_port(const std::string& name) const {
    const fs::path folder = sysfs_ / "class" / "fc_host" / name;
    const auto number = number_after("host", name);
    const auto names = names_of(folder);
    if (!number || !names)
        return {};
    FcPort port;
    port.host = *number;
    port.names = *names;
    port.state = first_line(folder / "port_state");
    std::error_code error;
    for (const fs::path& part : fs::canonical(folder, error))
        port.is_virtual = port.is_virtual || place_of("vport-", part.string());
    // A port that can have none has neither, and a virtual one is such a port.
    if (!port.is_virtual && fs::exists(folder / "vport_create", error))
        port.max_vports = number_of(first_line(folder / "max_npiv_vports")).value_or(0);
    port.vports_in_use = number_of(first_line(folder / "npiv_vports_inuse")).value_or(0);
    return port;
}

std::optional<FcVport> FcTree::read_vport(const std::string& name) const {
    const fs::path folder = sysfs_ / "class" / "fc_vports" / name;
    const auto place = place_of("vport-", name);
    const auto names = names_of(folder);
    if (!place || !names)
        return {};
    FcVport vport;
    vport.name = name;
    vport.names = *names;
    vport.state = vport_state_of(first_line(folder / "vport_state"));
    vport.last_state = vport_state_of(first_line(folder / "vport_last_state"));
    vport.symbolic_name = first_line(folder / "symbolic_name");
    vport.on_host = place->host;
    for (const std::string& below : names_in(folder / "device"))
        if (const auto host = number_after("host", below))
            vport.host = host;
    return vport;
}

std::optional<FcRemotePort> FcTree::read_remote_port(const std::string& name) const {
    const fs::path folder = sysfs_ / "class" / "fc_remote_ports" / name;
    const auto place = place_of("rport-", name);
    const auto names = names_of(folder);
    if (!place || !names)
        return {};
    FcRemotePort port;
    port.name = name;
    port.host = place->host;
    port.channel = place->channel;
    port.names = *names;
    port.state = first_line(folder / "port_state");
    port.roles = first_line(folder / "roles");
    port.target = number_of(first_line(folder / "scsi_target_id")); // "-1": none
    return port;
}

std::vector<FcPort> FcTree::ports() const {
    return all_in<FcPort>(sysfs_ / "class" / "fc_host",
                          [&](const auto& name) { return read_port(name); });
}

std::vector<FcVport> FcTree::vports() const {
    return all_in<FcVport>(sysfs_ / "class" / "fc_vports",
                           [&](const auto& name) { return read_vport(name); });
}

std::vector<FcRemotePort> FcTree::remote_ports() const {
    return all_in<FcRemotePort>(sysfs_ / "class" / "fc_remote_ports",
                                [&](const auto& name) { return read_remote_port(name); });
}

FcView FcTree::view_of(Wwn port) const {
    const fs::path ports = sysfs_ / "class" / "fc_host";
    FcView view;
    for (const std::string& name : names_in(ports))
        if (config::parse_wwn_name(first_line(ports / name / "port_name")) == port)
            if (auto own = read_port(name))
                view.ports.push_back(std::move(*own));
    for (const std::string& name : names_in(sysfs_ / "class" / "fc_remote_ports")) {
        const auto place = place_of("rport-", name);
        const bool is_seen =
            place && std::any_of(view.ports.begin(), view.ports.end(),
                                 [&](const FcPort& own) { return own.host == place->host; });
        if (is_seen)
            if (auto remote = read_remote_port(name))
                view.remote_ports.push_back(std::move(*remote));
    }
    return view;
}

std::optional<FcPort> FcTree::port(Wwn name) const {
    const auto all = ports();
    const FcPort* const found = named(all, name);
    return found == nullptr ? std::nullopt : std::optional(*found);
}

std::optional<FcVport> FcTree::vport(Wwn name) const {
    const auto all = vports();
    const FcVport* const found = named(all, name);
    return found == nullptr ? std::nullopt : std::optional(*found);
}

const FcPort* FcView::port(Wwn name) const noexcept {
    return named(ports, name);
}

const FcVport* FcView::vport(Wwn name) const noexcept {
    return named(vports, name);
}

} // namespace pvscsi::backend::npiv
