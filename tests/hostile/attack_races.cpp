// Attacks by a second thread that rewrites shared memory while it is being processed: slots of the
// ring, indices, pages of descriptors, the data. Whatever mixture the daemon reads, it acts on one
// copy of it: pages that no version names stay untouched, and all others get answers.
#include "tests/hostile/attack.hpp"

#include <algorithm>
#include <cstring>

namespace pvscsi::hostile {

using ring::PageLayout;
using ring::WireRequest;
using ring::WireSegment;

namespace {

constexpr std::chrono::milliseconds duration{1500};
/// Pages 48 to 63 of the data are in no request.
constexpr std::size_t canary = 48 * hv::page_size;

/// Scribbles from a thread of its own for as long as it lives.
class Flipper {
  public:
    explicit Flipper(std::function<void(model::Random&)> flip)
        : thread_([this, flip = std::move(flip)] {
              model::Random random(99);
              while (!stop_.load(std::memory_order_relaxed))
                  flip(random);
          }) {}
    ~Flipper() {
        stop_ = true;
        thread_.join();
    }
    Flipper(const Flipper&) = delete;
    Flipper& operator=(const Flipper&) = delete;

  private:
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

/// One store that the compiler neither joins nor leaves out.
template <class Value>
void poke(std::byte* at, Value value) {
    std::atomic_ref<Value>(*reinterpret_cast<Value*>(at)).store(value, std::memory_order_relaxed);
}

void guard_canary(Guest& guest) {
    const auto bytes = guest.memory().subspan(canary);
    std::fill(bytes.begin(), bytes.end(), std::byte{0x5a});
}

void expect_canary(Guest& guest) {
    const auto bytes = guest.memory().subspan(canary);
    expect(std::all_of(bytes.begin(), bytes.end(),
                       [](std::byte byte) { return byte == std::byte{0x5a}; }),
           "memory that no request names is untouched");
}

/// Keeps the ring full of `make()`'s requests while `flip` rewrites memory. Tags may change under
/// way, so answers are only counted.
void race(Attack& attack, const std::function<WireRequest()>& make,
          const std::function<void(model::Random&)>& flip) {
    Guest& guest = attack.guest;
    guard_canary(guest);
    {
        const Flipper flipper(flip);
        const auto end = std::chrono::steady_clock::now() + duration;
        while (std::chrono::steady_clock::now() < end) {
            while (guest.owed() < ring::ring_size)
                guest.put(make());
            guest.publish();
            guest.receive();
            while (guest.take())
                ;
        }
    }
    while (guest.owed() > 0)
        guest.receive();
    expect_canary(guest);
    guest.prove_service();
}

void slots(Attack& attack) {
    Guest& guest = attack.guest;
    std::byte* const slots = guest.ring_bytes().data() + PageLayout::entries;
    const WireRequest other = guest.write(5, 8, 7);
    const auto make = [&] {
        return attack.random.below(2) == 0 ? guest.read(attack.random.below(64), 64, 0)
                                           : guest.write(attack.random.below(64), 64, 8);
    };
    // Lengths, offsets, references, directions, opcodes, lengths of CDBs; never a reference to
    // a page of the canary.
    race(attack, make, [&, ref = guest.ref(20).value()](model::Random& random) {
        std::byte* const slot = slots + random.below(16) * PageLayout::entry_size;
        std::byte* const segment =
            slot + offsetof(WireRequest, seg) + random.below(26) * sizeof(WireSegment);
        switch (random.below(8)) {
        case 0:
            return poke(segment, random.below(2) == 0 ? ref : random() | 0x80000000u);
        case 1:
            return poke(segment + 4, static_cast<std::uint16_t>(random()));
        case 2:
            return poke(segment + 6, static_cast<std::uint16_t>(random() % 5000));
        case 3:
            return poke(slot + offsetof(WireRequest, nr_segments),
                        static_cast<std::uint8_t>(random()));
        case 4:
            return poke(slot + offsetof(WireRequest, sc_data_direction),
                        static_cast<std::uint8_t>(random() % 5));
        case 5:
            return poke(slot + offsetof(WireRequest, cmnd), static_cast<std::uint8_t>(random()));
        case 6:
            return poke(slot + offsetof(WireRequest, cmd_len),
                        static_cast<std::uint8_t>(random() % 20));
        default:
            std::memcpy(slot, &other, sizeof other);
        }
    });
}

void descriptors(Attack& attack) {
    Guest& guest = attack.guest;
    std::byte* const page = guest.memory().data() + 40 * hv::page_size;
    constexpr unsigned count = 64;
    for (unsigned i = 0; i < count; ++i) {
        const WireSegment segment{guest.ref(i % 32).value(), 0, 4096};
        std::memcpy(page + i * 8, &segment, 8);
    }
    const auto make = [&] {
        WireRequest request = guest.read(0, 8);
        request.cmnd[7] = 2; // 512 blocks: 64 pages
        request.cmnd[8] = 0;
        if (attack.random.below(2) == 0) {
            request.cmnd[0] = 0x2a;
            request.sc_data_direction = 1;
        }
        request.nr_segments = ring::indirect_flag | 1;
        request.seg[0] = {guest.ref(40).value(), 0, count * 8};
        return request;
    };
    race(attack, make, [&, ref = guest.ref(33).value()](model::Random& random) {
        std::byte* const segment = page + random.below(count) * 8;
        switch (random.below(4)) {
        case 0:
            return poke(segment, random.below(8) != 0 ? ref : random() | 0x80000000u);
        case 1:
            return poke(segment + 4, static_cast<std::uint16_t>(random.below(8) * 512));
        default:
            return poke(segment + 6, static_cast<std::uint16_t>(random.below(9) * 512));
        }
    });
}

void data(Attack& attack) {
    Guest& guest = attack.guest;
    // MODE SELECT and friends are parsed from data that changes; a WRITE just stores a mixture.
    constexpr std::uint8_t opcodes[] = {0x15, 0x55, 0x2a, 0x41, 0x42, 0x5f, 0x3b, 0x9e, 0x1d};
    const auto make = [&] {
        WireRequest request = guest.write(0, 8, 9);
        request.cmnd[0] = opcodes[attack.random.below(std::size(opcodes))];
        for (unsigned i = 1; i < 10; ++i)
            request.cmnd[i] = static_cast<std::uint8_t>(attack.random.below(3) * 8);
        request.cmd_len = 16;
        return request;
    };
    race(attack, make, [&](model::Random& random) {
        poke(guest.memory().data() + 9 * hv::page_size + random.below(64) * 4,
             random.below(2) == 0 ? random() : 0);
    });
}

void indices(Attack& attack) {
    Guest& guest = attack.guest;
    for ([[maybe_unused]] const unsigned i : attack.few(10)) {
        {
            const Flipper flipper([&](model::Random& random) {
                constexpr std::size_t places[] = {PageLayout::req_prod, PageLayout::req_event,
                                                  PageLayout::rsp_prod, PageLayout::rsp_event};
                guest.store_index(places[random.below(4)], random() % 40);
                if (random.below(16) == 0)
                    guest.kick();
            });
            attack.machine.wait_until("the backend closes", [&] {
                return attack.machine.backend_has_ended(guest.vhost());
            });
        }
        guest.be_thrown_out("indices that never rest");
        guest.connect();
    }
    guest.prove_service();
}

constexpr NamedAttack attacks[] = {
    {"races: slots rewritten", slots},
    {"races: descriptors rewritten", descriptors},
    {"races: parameter data rewritten", data},
    {"races: indices rewritten", indices},
};

} // namespace

std::span<const NamedAttack> race_attacks() {
    return attacks;
}

} // namespace pvscsi::hostile
