// Attacks by the indices of the ring: what cannot be ends the connection with a reason; what is
// the backend's own, or a hint only, changes nothing.
#include "tests/hostile/attack.hpp"

#include <cstring>

namespace pvscsi::hostile {

using ring::PageLayout;
using ring::WireRequest;

namespace {

void impossible(Attack& attack, std::uint32_t producer, const std::string& what) {
    attack.guest.store_index(PageLayout::req_prod, producer);
    attack.guest.kick();
    attack.guest.be_thrown_out(what);
    attack.guest.connect();
    attack.guest.prove_service();
}

void overflow(Attack& attack) {
    for (const std::uint32_t excess : {17u, 18u, 1000u, 0x7fffffffu})
        impossible(attack, attack.guest.load(PageLayout::req_prod) + excess,
                   "more requests than the ring holds");
}

void backwards(Attack& attack) {
    for (const std::uint32_t step : {1u, 2u, 16u, 17u, 0x80000000u})
        impossible(attack, attack.guest.load(PageLayout::req_prod) - step,
                   "an index that went back");
}

void overflow_with_requests_in_flight(Attack& attack) {
    Guest& guest = attack.guest;
    for ([[maybe_unused]] const unsigned i : attack.some(20)) {
        for (unsigned n = 0; n < ring::ring_size; ++n)
            guest.put(guest.read(n * 200, 200));
        guest.publish();
        // Room for 16 more would be there only if all of them had been answered.
        impossible(attack, guest.load(PageLayout::req_prod) + 17, "an overrun under load");
    }
}

/// Requests that overwrite slots in use, responses never taken: the guest only harms itself.
void slots_in_use(Attack& attack) {
    Guest& guest = attack.guest;
    const std::uint32_t start = guest.load(PageLayout::req_prod);
    for (std::uint32_t i = 1; i <= 400; ++i) {
        const WireRequest request = guest.read(i % 64, 8, i % 32);
        std::memcpy(guest.ring_bytes().data() + PageLayout::entries +
                        (start + i) % ring::ring_size * PageLayout::entry_size,
                    &request, sizeof request);
        // Only as far as the backend has answered, but without ever reading an answer.
        spin_until("the backend answers",
                   [&] { return guest.load(PageLayout::rsp_prod) - start + ring::ring_size >= i; });
        guest.store_index(PageLayout::req_prod, start + i);
        guest.kick();
    }
    guest.disconnect();
    guest.connect();
    guest.prove_service();
}

void indices_of_the_backend(Attack& attack) {
    Guest& guest = attack.guest;
    for (const unsigned i : attack.some(300)) {
        const WireRequest request = guest.read(i % 64, 8);
        guest.put(request);
        const std::uint32_t answered = guest.load(PageLayout::rsp_prod);
        guest.store_index(PageLayout::req_event, attack.random());
        guest.store_index(PageLayout::rsp_event, attack.random());
        guest.store_index(PageLayout::rsp_prod, attack.random());
        // It publishes its own count over whatever stands there.
        guest.publish();
        spin_until("the backend publishes its answer",
                   [&] { return guest.load(PageLayout::rsp_prod) == answered + 1; });
        expect_sane(guest.receive(), request);
    }
    guest.prove_service();
}

void garbage_page(Attack& attack) {
    Guest& guest = attack.guest;
    for ([[maybe_unused]] const unsigned i : attack.some(20)) {
        for (std::byte& byte : guest.ring_bytes())
            byte = static_cast<std::byte>(attack.random());
        guest.store_index(PageLayout::req_prod, 0x40000000);
        guest.kick();
        guest.be_thrown_out("a ring page of garbage");
        guest.connect();
    }
    guest.prove_service();
}

void garbage_before_connecting(Attack& attack) {
    Guest& guest = attack.guest;
    guest.disconnect();
    guest.make_ring();
    for (std::byte& byte : guest.ring_bytes())
        byte = std::byte{0xff};
    guest.announce();
    guest.be_thrown_out("a ring page of ones");
    guest.connect();
    guest.prove_service();
}

constexpr NamedAttack attacks[] = {
    {"indices: overflow", overflow},
    {"indices: backwards", backwards},
    {"indices: overflow with requests in flight", overflow_with_requests_in_flight},
    {"indices: slots in use overwritten", slots_in_use},
    {"indices: those of the backend", indices_of_the_backend},
    {"indices: a page of garbage", garbage_page},
    {"indices: garbage before connecting", garbage_before_connecting},
};

} // namespace

std::span<const NamedAttack> index_attacks() {
    return attacks;
}

} // namespace pvscsi::hostile
