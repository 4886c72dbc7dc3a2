// Attacks by store nodes: garbage where numbers are expected, states out of order at every stage,
// nodes that vanish. The backend closes with a reason or ignores it, and a sound frontend can
// connect afterwards.
#include "tests/hostile/attack.hpp"

namespace pvscsi::hostile {

using xenbus::State;

namespace {

const std::string garbage[] = {"",
                               "-1",
                               "abc",
                               "1e5",
                               "0x8",
                               " 8",
                               "8 ",
                               "8\n",
                               "4294967296",
                               "99999999999999999999999999",
                               "4294967295",
                               "+8",
                               "8.0",
                               "%s%n",
                               std::string("8\0", 2),
                               std::string("\xff\xfe\x00\x80", 4),
                               std::string(1900, '9'),
                               std::string(1900, 'x')};

void garbage_in(Attack& attack, const std::string& node) {
    Guest& guest = attack.guest;
    guest.disconnect();
    for (const unsigned i : attack.few(std::size(garbage))) {
        guest.make_ring();
        guest.set("ring-ref", std::to_string(guest.ring_ref().value()));
        guest.set("event-channel", std::to_string(guest.channel().port().value()));
        guest.set(node, garbage[i]);
        guest.set_state(State::initialised);
        guest.be_thrown_out(node + " that is no number");
    }
    guest.connect();
    guest.prove_service();
}

void garbage_ring_ref(Attack& attack) {
    garbage_in(attack, "ring-ref");
}
void garbage_event_channel(Attack& attack) {
    garbage_in(attack, "event-channel");
}

void garbage_state(Attack& attack) {
    Guest& guest = attack.guest;
    for (const std::string& text : garbage) {
        guest.set("state", text);
        guest.set("state", "1");
        guest.set("protocol", text);
        guest.set("vscsi-devs/dev-0/state", text);
    }
    guest.recover();
    guest.prove_service();
}

/// Every pair of states that a frontend can jump through, from a sound connection.
void state_jumps(Attack& attack) {
    Guest& guest = attack.guest;
    constexpr unsigned states = 9;
    for (const unsigned pair : attack.some(states * states)) {
        guest.set_state(static_cast<State>(pair / states));
        guest.set_state(static_cast<State>(pair % states));
        if (pair % states % 2 == 0)
            guest.kick();
        guest.recover();
    }
    guest.prove_service();
}

/// States that call for a connection there is nothing to make from.
void states_without_a_ring(Attack& attack) {
    Guest& guest = attack.guest;
    for (const State state : {State::initialised, State::connected, State::reconfiguring,
                              State::reconfigured, State::closing}) {
        guest.recover();
        guest.disconnect();
        guest.set("ring-ref", "");
        guest.set("event-channel", "");
        guest.set_state(state);
        attack.machine.wait_until("the backend closes",
                                  [&] { return attack.machine.backend_has_ended(guest.vhost()); });
    }
    guest.recover();
    guest.prove_service();
}

/// A port that is nobody's, another domain's, or bound already.
void bad_ports(Attack& attack) {
    Guest& guest = attack.guest;
    guest.disconnect();
    auto theirs = guest.hypervisor().alloc_unbound(attack.bystander);
    expect(theirs.has_value(), "a guest can allocate a port for anybody");
    for (const std::uint32_t port : {0u, 0xfffu, 0x7fffffffu, (*theirs)->port().value()}) {
        guest.make_ring();
        guest.set("ring-ref", std::to_string(guest.ring_ref().value()));
        guest.set("event-channel", std::to_string(port));
        guest.set_state(State::initialised);
        guest.be_thrown_out("an event channel that is not for the backend");
    }
    guest.connect();
    guest.prove_service();
}

/// ring-ref and event-channel rewritten under a live connection mean nothing to it.
void nodes_rewritten(Attack& attack) {
    Guest& guest = attack.guest;
    for (const std::string& text : garbage) {
        guest.set("ring-ref", text);
        guest.set("event-channel", text);
        expect(good(guest.ask(guest.read(0, 8))), "a live connection goes on");
    }
    guest.prove_service();
}

void many_nodes(Attack& attack) {
    Guest& guest = attack.guest;
    // Up to the store's quota for a guest.
    for (const unsigned i : attack.some(1200))
        guest.set("vscsi-devs/dev-" + std::to_string(i) + "/state", std::string(100, '4'));
    guest.prove_service();
}

constexpr NamedAttack attacks[] = {
    {"store: garbage in ring-ref", garbage_ring_ref},
    {"store: garbage in event-channel", garbage_event_channel},
    {"store: garbage in state", garbage_state},
    {"store: every two jumps of state", state_jumps},
    {"store: states without a ring", states_without_a_ring},
    {"store: ports of others", bad_ports},
    {"store: nodes rewritten under a connection", nodes_rewritten},
    {"store: as many nodes as the quota allows", many_nodes},
};

} // namespace

std::span<const NamedAttack> store_attacks() {
    return attacks;
}

} // namespace pvscsi::hostile
