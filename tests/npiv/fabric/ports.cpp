#include "tests/npiv/fabric/ports.hpp"

#include <algorithm>

namespace pvscsi::fabric {

namespace {

constexpr std::uint32_t domain = 1, last_port = 255;

PortId address(LinkIndex link, std::uint32_t port) {
    return PortId{domain << 16 | (static_cast<std::uint32_t>(link) + 1) << 8 | port};
}

} // namespace

std::optional<PortId> Ports::address_for(LinkIndex link, Wwn port) const {
    const auto had = earlier_.find(port);
    const auto in_link = [&](PortId id) {
        return address(link, 0).value() == (id.value() & ~255u);
    };
    if (had != earlier_.end() && in_link(had->second) && !ports_.contains(had->second))
        return had->second;
    const auto somebodys = [&](PortId id) {
        return std::any_of(earlier_.begin(), earlier_.end(),
                           [&](const auto& entry) { return entry.second == id; });
    };
    std::optional<PortId> free;
    for (std::uint32_t i = 1; i <= last_port; ++i)
        if (const auto id = address(link, i); !ports_.contains(id)) {
            if (!somebodys(id))
                return id;
            if (!free)
                free = id;
        }
    return free;
}

Port* Ports::log_in(LinkIndex link, Wwn port, Wwn node, bool physical) {
    const auto id = physical ? address(link, 0) : address_for(link, port);
    if (!id)
        return nullptr;
    if (!physical)
        earlier_[port] = *id;
    auto& made = ports_[*id];
    made = {};
    made.id = *id;
    made.port = port;
    made.node = node;
    made.link = link;
    made.physical = physical;
    return &made;
}

void Ports::remove(PortId id) {
    ports_.erase(id);
}

Port* Ports::find(PortId id) {
    const auto found = ports_.find(id);
    return found == ports_.end() ? nullptr : &found->second;
}

Port* Ports::find(Wwn port) {
    for (auto& [id, candidate] : ports_)
        if (candidate.port == port)
            return &candidate;
    return nullptr;
}

std::vector<PortId> Ports::of_link(LinkIndex link) const {
    std::vector<PortId> found;
    for (const auto& [id, port] : ports_)
        if (port.link == link)
            found.push_back(id);
    return found;
}

} // namespace pvscsi::fabric
