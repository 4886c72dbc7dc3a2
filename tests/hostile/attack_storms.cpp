// Attacks by sheer number: events, state changes, connections, a guest that ends in mid-request.
// The innocent guest must get on while they last.
#include "tests/hostile/attack.hpp"

namespace pvscsi::hostile {

using xenbus::State;

namespace {

void events(Attack& attack) {
    for ([[maybe_unused]] const unsigned i : attack.some(200'000)) {
        attack.guest.kick();
        attack.guest.channel().unmask();
        attack.guest.channel().take();
    }
    attack.guest.prove_service();
}

/// Asks to be notified of every single response, and never listens.
void unanswered_notifications(Attack& attack) {
    Guest& guest = attack.guest;
    for ([[maybe_unused]] const unsigned i : attack.some(3000)) {
        guest.store_index(ring::PageLayout::rsp_event, guest.load(ring::PageLayout::rsp_prod) + 1);
        guest.send(guest.test_unit_ready());
        spin_until("a response is there", [&] { return guest.take().has_value(); });
    }
    guest.prove_service();
}

void state_flapping(Attack& attack) {
    Guest& guest = attack.guest;
    for ([[maybe_unused]] const unsigned i : attack.some(4000))
        guest.set_state(static_cast<State>(attack.random.below(9)));
    guest.recover();
    guest.prove_service();
}

void node_writes(Attack& attack) {
    for (const unsigned i : attack.some(5000))
        attack.guest.set(i % 2 == 0 ? "ring-ref" : "noise", std::to_string(i));
    attack.guest.prove_service();
}

void connecting_without_end(Attack& attack) {
    Guest& guest = attack.guest;
    for (const unsigned i : attack.some(60)) {
        if (i % 3 == 0)
            for (unsigned n = 0; n < ring::ring_size; ++n)
                guest.put(guest.read(n, 200));
        guest.publish();
        guest.disconnect();
        guest.connect();
    }
    guest.prove_service();
}

/// Memory and ring are gone at once, with all slots in use.
void gone_in_flight(Attack& attack) {
    for (int i = 0; i < 6; ++i) {
        const Vhost vhost =
            attack.machine.add_guest("gone-" + std::to_string(i), {"ram:2M", "ram:2M"});
        {
            Guest other(attack.machine, vhost);
            other.connect();
            for (unsigned n = 0; n < ring::ring_size; ++n)
                other.put(n % 2 == 0 ? other.read(n, 200) : other.write(n, 200));
            other.publish();
            if (i % 2 == 0)
                other.set_state(static_cast<State>(i % 9));
        }
        attack.machine.remove_guest(vhost);
    }
    attack.guest.prove_service();
}

/// The ring is kept full and no response is ever taken.
void never_listening(Attack& attack) {
    Guest& guest = attack.guest;
    for ([[maybe_unused]] const unsigned i : attack.some(30)) {
        for (unsigned n = 0; n < ring::ring_size; ++n)
            guest.put(guest.read(0, 208));
        guest.publish();
        for (unsigned n = 0; n < ring::ring_size; ++n)
            guest.receive();
    }
    for (unsigned n = 0; n < ring::ring_size; ++n)
        guest.put(guest.read(0, 208));
    guest.publish();
    guest.disconnect();
    guest.connect();
    guest.prove_service();
}

constexpr NamedAttack attacks[] = {
    {"storms: events", events},
    {"storms: notifications nobody hears", unanswered_notifications},
    {"storms: states", state_flapping},
    {"storms: writes to nodes", node_writes},
    {"storms: connections", connecting_without_end},
    {"storms: guests that end in flight", gone_in_flight, true},
    {"storms: a guest that never listens", never_listening},
};

} // namespace

std::span<const NamedAttack> storm_attacks() {
    return attacks;
}

} // namespace pvscsi::hostile
