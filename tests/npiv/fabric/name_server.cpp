#include "tests/npiv/fabric/name_server.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>

namespace pvscsi::fabric {

namespace {

// The preamble of a CT_IU.
constexpr std::size_t preamble = 16, server_type = 4, command = 8, reason = 13;
constexpr std::uint8_t directory_service = 0xfc;
constexpr std::uint16_t rejected = 0x8001, accepted = 0x8002;
// So that an answer fits into one frame. A fabric of tests has no more targets.
constexpr std::size_t most_entries = 100;
constexpr std::uint8_t last_entry = 0x80;
constexpr std::uint8_t fcp = 8, n_port = 1;

/// What a request's body has at least, behind the preamble; nothing if it isn't known.
std::optional<std::size_t> least_size(NameRequest what) {
    switch (what) {
    case NameRequest::ga_nxt:
    case NameRequest::gpn_id:
    case NameRequest::gnn_id:
    case NameRequest::gft_id:
    case NameRequest::gspn_id:
    case NameRequest::gff_id:
    case NameRequest::gid_ft:
    case NameRequest::gpn_ft:
        return 4;
    case NameRequest::gid_pn:
    case NameRequest::rff_id:
        return 8;
    case NameRequest::rspn_id:
        return 5;
    case NameRequest::rpn_id:
    case NameRequest::rnn_id:
        return 12;
    case NameRequest::rft_id:
        return 36;
    case NameRequest::rsnn_nn:
        return 9;
    }
    return {};
}

/// FC-4 types as a bit map: words of 32, the lowest type as the lowest bit of its word.
Bytes type_map(const Port& port) {
    Bytes map(32);
    for (std::size_t type = 0; type < port.types.size(); ++type)
        if (port.types[type])
            map[type / 32 * 4 + 3 - type % 32 / 8] |= static_cast<std::uint8_t>(1 << type % 8);
    return map;
}

void take_types(Port& port, View map) {
    for (std::size_t type = 0; type < port.types.size(); ++type)
        port.types[type] = (map[type / 32 * 4 + 3 - type % 32 / 8] >> type % 8 & 1) != 0;
}

/// FC-4 features: 4 bits for each type.
Bytes features(const Port& port) {
    constexpr std::uint8_t target = 1, initiator = 2;
    Bytes map(128);
    map[fcp / 8 * 4 + 3] = port.target ? target : initiator;
    return map;
}

/// A length and the name, in a field of 256 bytes or of just its size.
void append_name(Bytes& bytes, const std::string& name, std::size_t field) {
    bytes.push_back(static_cast<std::uint8_t>(name.size()));
    bytes.insert(bytes.end(), name.begin(), name.end());
    bytes.resize(bytes.size() + field - std::min(field, name.size()));
}

void append64(Bytes& bytes, std::uint64_t value) {
    bytes.resize(bytes.size() + 8);
    store_be64(bytes, bytes.size() - 8, value);
}

void append_id(Bytes& bytes, std::uint8_t before, PortId id) {
    bytes.resize(bytes.size() + 4);
    store_be32(bytes, bytes.size() - 4, id.value());
    bytes[bytes.size() - 4] = before;
}

/// Registers; false unless it is the last thing that a port says about itself.
bool take(Port& from, NameRequest what, View body) {
    switch (what) {
    case NameRequest::rft_id:
        take_types(from, body.subspan(4, 32));
        return false;
    case NameRequest::rspn_id: {
        const auto name = body.subspan(5, std::min<std::size_t>(body[4], body.size() - 5));
        from.symbolic_name.assign(name.begin(), name.end());
        return false;
    }
    case NameRequest::rff_id:
        from.fcp_features = body[6];
        return body[7] == fcp;
    default: // names that the login has said already
        return false;
    }
}

bool is_registration(NameRequest what) {
    return (static_cast<std::uint16_t>(what) & 0xff00) == 0x0200;
}

} // namespace

NameServer::Body NameServer::about(NameRequest what, const Port& port) const {
    Bytes body;
    switch (what) {
    case NameRequest::gpn_id:
        append64(body, port.port.value());
        return body;
    case NameRequest::gnn_id:
        append64(body, port.node.value());
        return body;
    case NameRequest::gft_id:
        return type_map(port);
    case NameRequest::gspn_id:
        append_name(body, port.symbolic_name, 0);
        return body;
    case NameRequest::gff_id:
        return features(port);
    case NameRequest::gid_pn:
        append_id(body, 0, port.id);
        return body;
    default:
        return unexpected(Rejection::unknown_request);
    }
}

/// The next visible port behind an address; after the last one the first.
NameServer::Body NameServer::next(const Port& from, PortId id) const {
    const Port *first = nullptr, *found = nullptr;
    for (const auto& [candidate, port] : ports_.all()) {
        if (!sees(zones_, from, port) && port.id != from.id)
            continue;
        if (first == nullptr)
            first = &port;
        if (found == nullptr && candidate > id)
            found = &port;
    }
    if (found == nullptr)
        found = first;
    constexpr std::size_t name_field = 255;
    Bytes body;
    append_id(body, n_port, found->id);
    append64(body, found->port.value());
    append_name(body, found->symbolic_name, name_field);
    append64(body, found->node.value());
    append_name(body, "", name_field);
    body.resize(body.size() + 8 + 16);     // process associator, IP address of the node
    body.insert(body.end(), {0, 0, 0, 8}); // class of service 3
    const auto types = type_map(*found);
    body.insert(body.end(), types.begin(), types.end());
    body.resize(body.size() + 16); // IP address of the port
    append64(body, switch_name.value() + found->link);
    body.resize(body.size() + 4); // reserved, hard address
    return body;
}

NameServer::Body NameServer::of_type(NameRequest what, const Port& from, std::uint8_t type) const {
    Bytes body;
    std::optional<std::size_t> last;
    std::size_t entries = 0;
    for (const auto& [id, port] : ports_.all()) {
        // Targets are told of nobody: they would log in to initiators.
        if (from.target || !port.types[type] || !sees(zones_, from, port) ||
            entries == most_entries)
            continue;
        ++entries;
        last = body.size();
        append_id(body, 0, id);
        if (what == NameRequest::gpn_ft) {
            body.resize(body.size() + 4);
            append64(body, port.port.value());
        }
    }
    if (!last)
        return unexpected(Rejection::no_types);
    body[*last] = last_entry;
    return body;
}

NameServer::Body NameServer::query(NameRequest what, const Port& from, View body) const {
    if (what == NameRequest::gid_ft || what == NameRequest::gpn_ft)
        return of_type(what, from, body[3]);
    if (what == NameRequest::gid_pn) {
        const auto* const port = ports_.find(Wwn{load_be64(body, 0)});
        return port != nullptr && sees(zones_, from, *port)
                   ? about(what, *port)
                   : Body(unexpected(Rejection::no_port_name));
    }
    const PortId id{load_be24(body, 1)};
    if (what == NameRequest::ga_nxt)
        return next(from, id);
    const auto* const port = ports_.find(id);
    return port != nullptr && sees(zones_, from, *port) ? about(what, *port)
                                                        : Body(unexpected(Rejection::no_port_id));
}

std::optional<NameServer::Answer> NameServer::answer(Port& from, View ct) const {
    if (ct.size() < preamble)
        return {};
    const auto what = static_cast<NameRequest>(load_be16(ct, command));
    const auto body = ct.subspan(preamble);
    const auto least = ct[server_type] == directory_service ? least_size(what) : std::nullopt;
    bool registered = false;
    Body outcome;
    if (!least)
        outcome = unexpected(Rejection::unknown_request);
    else if (body.size() < *least)
        outcome = unexpected(Rejection::invalid_size);
    else if (!is_registration(what))
        outcome = query(what, from, body);
    else if (what != NameRequest::rsnn_nn && PortId{load_be24(body, 1)} != from.id)
        outcome = unexpected(Rejection::no_port_id);
    else
        registered = take(from, what, body);

    Bytes reply(ct.begin(), ct.begin() + preamble);
    std::fill(reply.begin() + command, reply.end(), std::uint8_t{0});
    store_be16(reply, command, outcome ? accepted : rejected);
    if (outcome)
        reply.insert(reply.end(), outcome->begin(), outcome->end());
    else
        store_be16(reply, reason, static_cast<std::uint16_t>(outcome.error()));
    return Answer{std::move(reply), registered};
}

} // namespace pvscsi::fabric
