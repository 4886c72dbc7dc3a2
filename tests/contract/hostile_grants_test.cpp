// Guests of the embedded host that put anything into their grant table: G19 of
// common/hypervisor/contract.md.
#include "tests/contract/hostile_guest.hpp"
#include "tests/support/child.hpp"

#include <chrono>
#include <random>
#include <vector>

using namespace pvscsi;
using namespace pvscsi::hv;
using namespace pvscsi::hv::host;
using test::Child;
using test::filled;
using test::Hostile;
using test::Talk;

namespace {

std::uint64_t granted(std::uint32_t frame, std::uint16_t flags = gtf::permit_access) {
    return pack({flags, 0, frame});
}

} // namespace

TEST_CASE("G19 a mapping stays what it was granted as") {
    Hostile h;
    const std::uint32_t first = h.alloc(2);
    h.fill(first, 0x11);
    h.fill(first + 1, 0x22);
    h.entry(first) = granted(first);
    const GrantRef refs[]{GrantRef{first}};
    auto mapped = h.mapper->map(refs, Access::read_write);
    REQUIRE(mapped);
    CHECK((unpack(h.entry(first)).flags & gtf::in_use) == gtf::in_use);

    // Now the entry says another page; those who have mapped it keep the first.
    h.entry(first) = granted(first + 1);
    CHECK(filled((*mapped)->bytes(), 0x11));
    auto again = h.mapper->map(refs, Access::read_only);
    REQUIRE(again);
    CHECK(filled((*again)->bytes(), 0x11));
    // Or says nothing at all.
    h.entry(first) = 0;
    CHECK(h.map_status(first) == GrantStatus::bad_ref);
    CHECK(filled((*mapped)->bytes(), 0x11));
    h.entry(first) = pack({gtf::permit_access, h.guest_id.value(), first});
    CHECK(h.map_status(first) == GrantStatus::bad_domain);
    mapped->reset();
    again->reset();
    h.entry(first) = granted(first + 1);
    mapped = h.mapper->map(refs, Access::read_write);
    REQUIRE(mapped);
    CHECK(filled((*mapped)->bytes(), 0x22));
    CHECK(h.broker_is_well());
}

TEST_CASE("a page that a foreign entry has mapped is not handed out again") {
    Hostile h;
    const std::uint32_t first = h.alloc(2);
    // Entry `first` grants page `first + 1`, which is then given back.
    const std::uint32_t second = h.alloc(1);
    h.entry(first) = granted(second);
    const GrantRef refs[]{GrantRef{first}};
    const auto mapped = h.mapper->map(refs, Access::read_write);
    REQUIRE(mapped);
    REQUIRE(h.raw.call({.op = Op::free_pages, .number = second}));
    CHECK(h.alloc(1) != second);
}

TEST_CASE("entries that Xen would refuse") {
    Hostile h;
    const std::uint32_t first = h.alloc(1);
    struct Case {
        GrantEntry entry;
        GrantStatus status;
    };
    for (const auto& [entry, status] :
         {Case{{gtf::permit_access, 0, pool_pages}, GrantStatus::bad_ref},
          Case{{gtf::permit_access, 0, 0xffffffff}, GrantStatus::bad_ref},
          Case{{2, 0, first}, GrantStatus::bad_ref}, // accept_transfer
          Case{{3, 0, first}, GrantStatus::bad_ref}, // transitive
          Case{{0xfffc, 0, first}, GrantStatus::bad_ref},
          Case{{gtf::permit_access, 0x7ff0, first}, GrantStatus::bad_domain},
          Case{{gtf::permit_access | gtf::read_only, 0, first}, GrantStatus::read_only}}) {
        h.entry(first) = pack(entry);
        CHECK(h.map_status(first) == status);
        std::byte local{};
        GrantCopy piece{.ref = GrantRef{first},
                        .length = 1,
                        .direction = GrantCopy::Direction::to_peer,
                        .local = &local};
        CHECK(h.mapper->copy({&piece, 1}) == 1);
        CHECK(piece.status == status);
    }
}

TEST_CASE("an entry that changes all the time") {
    Hostile h;
    const std::uint32_t first = h.alloc(4);
    Child flipper([&](Talk& talk) {
        std::minstd_rand random(7);
        talk.say(1);
        for (;;)
            h.entry(first) = pack({static_cast<std::uint16_t>(random() & 0x1f),
                                   static_cast<std::uint16_t>(random() & 1),
                                   first + static_cast<std::uint32_t>(random() & 3)});
    });
    flipper.hear();
    std::vector<std::byte> local(page_size);
    std::size_t mapped = 0, copied = 0;
    // On a busy machine the other process may stand still for long, at a value that grants nothing.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (int i = 0;
         i < 2000 || ((mapped == 0 || copied == 0) && std::chrono::steady_clock::now() < deadline);
         ++i) {
        mapped += h.map_status(first) == GrantStatus::ok;
        for (int j = 0; j < 50; ++j) {
            GrantCopy piece{.ref = GrantRef{first}, .length = page_size, .local = local.data()};
            copied += h.mapper->copy({&piece, 1}) == 0;
        }
    }
    flipper.kill();
    CHECK(mapped > 0);
    CHECK(copied > 0);
    // Every map was counted down again, or this page would not be free.
    const auto freed = h.raw.call({.op = Op::free_pages, .number = first});
    REQUIRE(freed);
    CHECK(h.alloc(4) == first);
    CHECK(h.broker_is_well());
}
