// Everything at random, as a seed has it: bad requests among good ones, events, states, nodes and
// indices. No answer is expected of a connection that was broken; that it recovers, is.
#include "tests/hostile/attack.hpp"

#include <cstring>

namespace pvscsi::hostile {

using ring::WireRequest;
using xenbus::State;

namespace {

class Chaos {
  public:
    explicit Chaos(Attack& attack)
        : attack_(attack), guest_(attack.guest), random_(attack.random) {}

    void step() {
        switch (random_.below(64)) {
        case 0:
            return guest_.set_state(static_cast<State>(random_.below(9)));
        case 1:
            static_cast<void>(guest_.set("ring-ref", std::to_string(random_())));
            return;
        case 2:
            return guest_.store_index(random_.below(4) * 4,
                                      guest_.load(0) + random_.below(40) - 20);
        case 3:
            return guest_.recover();
        case 4:
        case 5:
            return guest_.kick();
        case 6:
            guest_.ring_bytes()[random_.below(4096)] = static_cast<std::byte>(random_());
            return;
        default:
            return request();
        }
    }

  private:
    void request() {
        WireRequest request = sound();
        auto* bytes = reinterpret_cast<std::uint8_t*>(&request);
        if (random_.below(2) == 0)
            for (unsigned n = random_.below(6); n > 0; --n)
                bytes[random_.below(sizeof request)] = static_cast<std::uint8_t>(random_());
        // No reference to the ring: what follows would be the guest's own doing, not the daemon's.
        guest_.put(request);
        if (random_.below(3) == 0)
            guest_.publish();
        // Makes room, as far as the backend is still there to answer.
        if (guest_.load(ring::PageLayout::rsp_prod) != 0 && guest_.owed() > 8)
            collect();
    }

    void collect() {
        guest_.publish();
        for (int spin = 0; spin < 2000 && guest_.owed() > 0; ++spin) {
            try {
                guest_.take();
            } catch (const Broken&) {
                // The indices are of our own making.
                return guest_.recover();
            }
            std::this_thread::yield();
        }
        if (guest_.owed() >= ring::ring_size)
            guest_.recover();
    }

    WireRequest sound() {
        const unsigned pages = 1 + random_.below(26);
        switch (random_.below(6)) {
        case 0:
            return guest_.manage(ring::WireAction::abort, static_cast<std::uint16_t>(random_()));
        case 1:
            return guest_.manage(ring::WireAction::reset);
        case 2:
            return guest_.test_unit_ready();
        case 3:
            return indirect();
        case 4:
            return guest_.write(random_.below(512), pages * 8, random_.below(32));
        default:
            return guest_.read(random_.below(512), pages * 8, random_.below(32));
        }
    }

    WireRequest indirect() {
        WireRequest request = guest_.read(random_.below(512), 8);
        const unsigned count = 1 + random_.below(200);
        for (unsigned i = 0; i < count; ++i) {
            const ring::WireSegment segment{
                guest_.ref(random_.below(60)).value(),
                static_cast<std::uint16_t>(random_.below(20) == 0 ? random_() : 0),
                static_cast<std::uint16_t>(random_.below(20) == 0 ? random_() : 4096)};
            std::memcpy(guest_.memory().data() + 62 * hv::page_size + i * 8, &segment, 8);
        }
        request.cmnd[7] = static_cast<std::uint8_t>(count * 8 >> 8);
        request.cmnd[8] = static_cast<std::uint8_t>(count * 8);
        request.nr_segments = ring::indirect_flag | 1;
        request.seg[0] = {guest_.ref(62).value(), 0, static_cast<std::uint16_t>(count * 8)};
        return request;
    }

    Attack& attack_;
    Guest& guest_;
    model::Random& random_;
};

} // namespace

void random_attack(Attack& attack, std::chrono::milliseconds duration) {
    Chaos chaos(attack);
    const auto end = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < end)
        for (int i = 0; i < 64; ++i)
            chaos.step();
    attack.guest.recover();
    attack.guest.prove_service();
}

} // namespace pvscsi::hostile
