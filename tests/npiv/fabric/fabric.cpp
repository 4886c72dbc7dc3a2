#include "tests/npiv/fabric/fabric.hpp"

#include "common/base/log.hpp"

#include <algorithm>

namespace pvscsi::fabric {

Fabric::Fabric(const Setup& setup, Wire& wire, TimePoint now)
    : wire_(wire), period_(setup.period), now_(now), next_advertisement_(now) {
    for (const auto& link : setup.links) {
        auto& made = links_.emplace_back();
        made.name = link.name;
        made.target = link.target;
        made.heard = now;
    }
}

// --- The links

void Fabric::start() {
    for (const auto& link : links_)
        wire_.send(index_of(link), fip::clear_link(all_enodes, {}));
}

TimePoint Fabric::next_due() const {
    return faults_.frozen ? *faults_.frozen : next_advertisement_;
}

void Fabric::advance(TimePoint now) {
    now_ = now;
    if (faults_.frozen) {
        if (now < *faults_.frozen)
            return;
        log::info("thawed");
        faults_.frozen.reset();
        // What the ENodes have said meanwhile still waits.
        for (auto& link : links_)
            link.heard = now;
    }
    if (now < next_advertisement_)
        return;
    next_advertisement_ = now + period_;
    for (const auto& link : links_)
        advertise(link);
    expire_links();
}

void Fabric::advertise(const Link& link) {
    if (link.enabled && link.carrier && !link.loses_advertisements)
        wire_.send(index_of(link), fip::advertisement(all_enodes, period_, 0));
}

void Fabric::expire_links() {
    for (const auto& link : links_) {
        const auto index = index_of(link);
        if (ports_.of_link(index).empty() || now_ - link.heard < patience())
            continue;
        log::info("{}: no keep-alive for {} ms", link.name, patience().count());
        clear_all(index);
    }
}

void Fabric::set_carrier(LinkIndex index, bool carrier, TimePoint now) {
    now_ = now;
    auto& link = links_[index];
    if (link.carrier == carrier)
        return;
    link.carrier = carrier;
    log::info("{}: carrier {}", link.name, carrier ? "found" : "lost");
    if (!carrier)
        remove_all(index);
}

void Fabric::enable(LinkIndex index, bool enabled) {
    auto& link = links_[index];
    if (!enabled)
        clear_all(index);
    link.enabled = enabled;
    if (enabled)
        advertise(link);
}

void Fabric::receive(LinkIndex index, Bytes packet, TimePoint now) {
    now_ = now;
    auto& link = links_[index];
    const auto ethernet = ethernet_of(packet);
    if (!link.enabled || !ethernet)
        return;
    if (ethernet->type == EtherType::fcoe)
        return take_fcoe(index, std::move(packet));
    if (const auto read = fip::packet_of(packet))
        take(index, *read);
}

void Fabric::take(LinkIndex index, const fip::Packet& packet) {
    auto& link = links_[index];
    if (packet.keep_alive && link.loses_keep_alives)
        return;
    link.heard = now_;
    if (packet.login)
        return take_login(index, *packet.login);
    if (!packet.solicitation)
        return;
    link.enode = packet.solicitation->enode;
    log::info("{}: looks for a fabric", link.name);
    if (!link.loses_advertisements)
        wire_.send(index,
                   fip::advertisement(*link.enode, period_, packet.solicitation->packet_size));
}

void Fabric::take_login(LinkIndex index, const fip::LoginRequest& request) {
    const auto frame = decode(request.frame);
    if (!frame || frame->header.to != f_port || faults_.dropped(Type::els))
        return;
    links_[index].enode = request.enode;
    const auto answer = log_in(index, *frame);
    if (!answer)
        return;
    const Frame reply{{Routing::els_reply, answer->to, f_port, Type::els, f_ctl_reply,
                       frame->header.ox_id, ++exchange_},
                      answer->payload};
    wire_.send(index, fip::login_reply(request.enode, request.kind, reply, answer->granted));
}

// --- Frames

void Fabric::take_fcoe(LinkIndex index, Bytes packet) {
    const auto fcoe = fcoe_of(packet);
    const auto frame = fcoe ? decode(fcoe->frame) : std::nullopt;
    if (!frame)
        return;
    const auto& header = frame->header;
    auto* const from = ports_.find(header.from);
    if (from == nullptr || from->link != index) {
        log::debug("{}: a frame of {}, which is not logged in", links_[index].name,
                   to_string(header.from));
        return;
    }
    if (faults_.dropped(header.type)) {
        log::info("dropped: a frame of type {:02x} from {} to {}",
                  static_cast<unsigned>(header.type), to_string(header.from), to_string(header.to));
        return;
    }
    if (header.to < first_well_known)
        forward(*from, header, std::move(packet));
    else if (fcoe->intact)
        take_request(*from, *frame);
}

void Fabric::forward(const Port& from, const Header& header, Bytes packet) {
    const auto* const to = ports_.find(header.to);
    if (to == nullptr || !sees(zones_, from, *to)) {
        log::debug("{} may not reach {}", to_string(from.id), to_string(header.to));
        return;
    }
    readdress(packet, to->id);
    if (links_[to->link].enabled)
        wire_.send(to->link, packet);
}

void Fabric::take_request(Port& from, const FrameView& request) {
    const auto& header = request.header;
    if (header.routing == Routing::abts) {
        reply(request, Routing::ba_acc, ba_acc(header.ox_id, header.rx_id));
    } else if (header.type == Type::els && header.routing == Routing::els_request) {
        reply(request, Routing::els_reply, els_answer(from, request));
    } else if (header.type == Type::common_transport &&
               header.routing == Routing::unsolicited_control && header.to == name_server) {
        auto answer = names_.answer(from, request.payload);
        if (!answer)
            return;
        reply(request, Routing::solicited_control, std::move(answer->ct));
        if (answer->registered)
            announce(from);
    }
}

Bytes Fabric::els_answer(Port& from, const FrameView& request) {
    const auto what = els_of(request.payload);
    const auto to = request.header.to;
    if (!what)
        return ls_rjt(protocol_error);
    switch (*what) {
    case Els::plogi:
        if (to != name_server && to != fabric_controller)
            return ls_rjt(not_supported);
        return port_login_accepted(Wwn{switch_name.value() + to.value()});
    case Els::scr:
        if (to != fabric_controller)
            return ls_rjt(not_supported);
        from.wants_rscn = true;
        return ls_acc();
    case Els::logo:
    case Els::rrq:
        return ls_acc();
    default:
        return ls_rjt(not_supported);
    }
}

void Fabric::reply(const FrameView& request, Routing routing, Bytes payload) {
    const auto& header = request.header;
    const bool basic = routing == Routing::ba_acc;
    const Frame frame{{routing, header.from, header.to, basic ? Type::basic_link : header.type,
                       f_ctl_reply, header.ox_id, basic ? header.rx_id : ++exchange_},
                      std::move(payload)};
    wire_.send(ports_.find(header.from)->link, to_fcoe(frame));
}

void Fabric::request(const Port& to, PortId from, Bytes payload) {
    const Frame frame{
        {Routing::els_request, to.id, from, Type::els, f_ctl_request, ++exchange_, no_exchange},
        std::move(payload)};
    wire_.send(to.link, to_fcoe(frame));
}

} // namespace pvscsi::fabric
