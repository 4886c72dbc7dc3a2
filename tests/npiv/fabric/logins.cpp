// The fabric's part that is about who is logged in, and who hears of it.
#include "common/base/bytes.hpp"
#include "common/base/log.hpp"
#include "tests/npiv/fabric/fabric.hpp"

namespace pvscsi::fabric {

std::optional<Fabric::LoginAnswer> Fabric::log_in(LinkIndex index, const FrameView& request) {
    const auto from = request.header.from;
    const auto what = els_of(request.payload);
    if (what == Els::logo)
        return leave(request);
    if (what != Els::flogi && what != Els::fdisc)
        return LoginAnswer{from, ls_rjt(not_supported), {}};
    const auto login = login_of(request.payload);
    if (!login)
        return LoginAnswer{from, ls_rjt(invalid_length), {}};
    if (login->what == Els::flogi) {
        remove_all(index);
        return grant(index, *login, from);
    }
    if (const auto fault = faults_.login(login->port, now_)) {
        log::info("{}: FDISC of {} {}", links_[index].name, to_string(login->port),
                  fault->refusal ? "refused" : "ignored");
        if (!fault->refusal)
            return {};
        return LoginAnswer{from, ls_rjt(*fault->refusal), {}};
    }
    return grant(index, *login, from);
}

Fabric::LoginAnswer Fabric::grant(LinkIndex index, const Login& login, PortId from) {
    const auto& link = links_[index];
    if (const auto* const other = ports_.find(login.port)) {
        if (other->link != index || other->physical) {
            log::info("{}: {} is logged in elsewhere", link.name, to_string(login.port));
            return {from, ls_rjt(invalid_port_name), {}};
        }
        remove(other->id);
    }
    const bool physical = login.what == Els::flogi;
    auto* const port = ports_.log_in(index, login.port, login.node, physical);
    if (port == nullptr)
        return {from, ls_rjt(no_resources), {}};
    port->target = link.target && physical;
    log::info("{}: {} is {}", link.name, to_string(port->port), to_string(port->id));
    return {port->id, fabric_login_accepted(Wwn{switch_name.value() + index}, faults_.npiv),
            provided_mac(port->id)};
}

Fabric::LoginAnswer Fabric::leave(const FrameView& request) {
    const auto from = request.header.from;
    const auto* const port = ports_.find(from);
    if (port != nullptr && port->physical)
        remove_all(port->link);
    else if (port != nullptr)
        remove(from);
    return {from, ls_acc(), provided_mac(from)};
}

void Fabric::remove(PortId id) {
    auto* const port = ports_.find(id);
    if (port == nullptr)
        return;
    log::info("{}: {} has left", to_string(id), to_string(port->port));
    port->types.reset();
    announce(*port);
    ports_.remove(id);
}

void Fabric::remove_all(LinkIndex index) {
    for (const auto id : ports_.of_link(index))
        remove(id);
}

void Fabric::clear(PortId id) {
    const auto* const port = ports_.find(id);
    if (port == nullptr)
        return;
    if (port->physical)
        return clear_all(port->link);
    const auto index = port->link;
    const auto packet =
        fip::clear_link(links_[index].enode.value_or(all_enodes), {{id, port->port}});
    remove(id);
    wire_.send(index, packet);
}

void Fabric::clear_all(LinkIndex index) {
    remove_all(index);
    wire_.send(index, fip::clear_link(links_[index].enode.value_or(all_enodes), {}));
}

void Fabric::log_out(PortId from, PortId to) {
    const auto* const sender = ports_.find(from);
    const auto* const receiver = ports_.find(to);
    if (sender != nullptr && receiver != nullptr)
        request(*receiver, from, logo(from, sender->port));
}

void Fabric::tell(const Port& to, RscnFormat format, PortId about) {
    log::info("RSCN to {} about {}", to_string(to.id),
              format == RscnFormat::fabric ? "the fabric" : to_string(about));
    request(to, fabric_controller, rscn(format, about));
}

void Fabric::announce(const Port& port) {
    if (!port.target)
        return;
    for (const auto& [id, other] : ports_.all())
        if (other.wants_rscn && sees(zones_, other, port))
            tell(other, RscnFormat::port, port.id);
}

void Fabric::announce_fabric() {
    for (const auto& [id, port] : ports_.all())
        if (port.wants_rscn && !port.target)
            tell(port, RscnFormat::fabric, PortId{0});
}

Fabric::Views Fabric::views() const {
    Views found;
    for (const auto& [id, initiator] : ports_.all())
        for (const auto& [other, target] : ports_.all())
            if (!initiator.target && sees(zones_, initiator, target))
                found.insert({id, other});
    return found;
}

void Fabric::announce_changes(const Views& before) {
    const auto after = views();
    for (const auto& [id, port] : ports_.all())
        for (const auto& [other, target] : ports_.all())
            if (port.wants_rscn && before.contains({id, other}) != after.contains({id, other}))
                tell(port, RscnFormat::port, other);
}

} // namespace pvscsi::fabric
