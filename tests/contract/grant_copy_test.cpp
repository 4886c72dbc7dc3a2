// The rules G10 to G15 of common/hypervisor/contract.md: copying.
#include "tests/contract/grant_ends.hpp"
#include "tests/support/child.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <sys/mman.h>
#include <thread>

using namespace pvscsi;
using namespace pvscsi::contract;
using test::Child;
using test::Talk;

TEST_CASE("G10 a copy moves the bytes asked for") {
    Ends ends;
    const auto shared = ends.share(2);
    for (std::size_t i = 0; i < shared->bytes().size(); ++i)
        shared->bytes()[i] = static_cast<std::byte>(i * 7);
    struct Case {
        std::uint16_t offset, length;
    };
    for (const auto [offset, length] :
         {Case{0, 4096}, Case{0, 1}, Case{4095, 1}, Case{1, 4095}, Case{512, 3584}, Case{17, 0},
          Case{4096, 0}, Case{100, 63}}) {
        std::vector<std::byte> local(page_size + 2, std::byte{0xaa});
        GrantCopy piece{.ref = shared->refs()[1],
                        .offset = offset,
                        .length = length,
                        .direction = Direction::from_peer,
                        .local = local.data() + 1};
        REQUIRE(ends.mapper->copy({&piece, 1}) == 0);
        CHECK(std::memcmp(local.data() + 1, shared->bytes().data() + page_size + offset, length) ==
              0);
        CHECK(local[0] == std::byte{0xaa});
        CHECK(filled(std::span(local).subspan(1U + length), 0xaa));

        std::vector<std::byte> before(shared->bytes().begin(), shared->bytes().end());
        std::ranges::fill(local, std::byte{0xbb});
        piece.direction = Direction::to_peer;
        REQUIRE(ends.mapper->copy({&piece, 1}) == 0);
        std::memset(before.data() + page_size + offset, 0xbb, length);
        CHECK(std::ranges::equal(before, shared->bytes()));
    }
}

TEST_CASE("G11 a copy stays within its page") {
    Ends ends;
    const auto shared = ends.share(2);
    fill(shared->bytes(), 1);
    struct Case {
        std::uint16_t offset, length;
    };
    for (const auto [offset, length] : {Case{1, 4096}, Case{4095, 2}, Case{4096, 1}, Case{0, 4097},
                                        Case{65535, 1}, Case{2048, 6000}}) {
        CHECK(ends.copy_status(shared->refs()[0], Direction::from_peer, offset, length) ==
              GrantStatus::bad_range);
        CHECK(ends.copy_status(shared->refs()[0], Direction::to_peer, offset, length) ==
              GrantStatus::bad_range);
    }
    CHECK(filled(shared->bytes(), 1));
}

TEST_CASE("G12 a copy does not write what is granted for reading") {
    Ends ends;
    const auto shared = ends.share(1, Access::read_only);
    const auto writable = ends.share(1);
    CHECK(ends.copy_status(shared->refs()[0], Direction::to_peer) == GrantStatus::read_only);
    CHECK(ends.copy_status(shared->refs()[0]) == GrantStatus::ok);
    // Also once the pool can be written, as another page of it may be.
    CHECK(ends.copy_status(writable->refs()[0], Direction::to_peer) == GrantStatus::ok);
    CHECK(ends.copy_status(shared->refs()[0], Direction::to_peer) == GrantStatus::read_only);
    CHECK(zeroed(shared->bytes()));
}

TEST_CASE("G13 a copy needs a grant that has not ended") {
    Ends ends;
    auto shared = ends.share(2);
    CHECK(ends.copy_status(shared->refs()[0]) == GrantStatus::ok);
    REQUIRE(shared->end_access() == GrantStatus::ok);
    CHECK(ends.copy_status(shared->refs()[0]) == GrantStatus::bad_ref);
    CHECK(ends.copy_status(shared->refs()[0], Direction::to_peer) == GrantStatus::bad_ref);
    const GrantRef ref = shared->refs()[1];
    shared.reset();
    CHECK(ends.copy_status(ref) == GrantStatus::bad_ref);
}

TEST_CASE("G14 a failed piece does not stop the others") {
    Ends ends;
    const auto shared = ends.share(3);
    const auto read_only = ends.share(1, Access::read_only);
    for (int page = 0; page < 3; ++page)
        fill(shared->bytes().subspan(page * page_size, page_size), page + 1);
    std::vector<std::byte> local(4 * 64, std::byte{0});
    const auto piece = [&](std::size_t at, GrantRef ref, std::uint16_t offset,
                           Direction direction = Direction::from_peer) {
        return GrantCopy{.ref = ref,
                         .offset = offset,
                         .length = 64,
                         .direction = direction,
                         .local = local.data() + 64 * at};
    };
    std::vector<GrantCopy> pieces{piece(3, GrantRef{0xffff0000}, 0),
                                  piece(0, shared->refs()[0], 0),
                                  piece(3, shared->refs()[0], 4090),
                                  piece(1, shared->refs()[1], 0),
                                  piece(0, read_only->refs()[0], 0, Direction::to_peer),
                                  piece(2, shared->refs()[2], 4032)};
    CHECK(ends.mapper->copy(pieces) == 3);
    CHECK(pieces[0].status == GrantStatus::bad_ref);
    CHECK(pieces[1].status == GrantStatus::ok);
    CHECK(pieces[2].status == GrantStatus::bad_range);
    CHECK(pieces[3].status == GrantStatus::ok);
    CHECK(pieces[4].status == GrantStatus::read_only);
    CHECK(pieces[5].status == GrantStatus::ok);
    for (int page = 0; page < 3; ++page)
        CHECK(filled(std::span(local).subspan(64U * page, 64), page + 1));
    CHECK(zeroed(std::span(local).last(64)));
    CHECK(ends.mapper->copy({}) == 0);
}

TEST_CASE("G15 no copy goes on after the end of access") {
    if (!contract::against_host())
        return;
    Bed bed;
    constexpr std::size_t pages = 8;
    // Where the pages are now, for the copier to follow.
    auto* first = static_cast<std::atomic<std::uint32_t>*>(
        ::mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    REQUIRE(first != MAP_FAILED);
    Child copier([&](Talk& talk) {
        const auto backend = bed.open_backend();
        const auto mapper = backend->open_grant_mapper(bed.guest_id());
        std::vector<std::byte> local(page_size);
        std::vector<GrantCopy> pieces(pages);
        for (unsigned round = 0;; ++round) {
            fill(local, static_cast<int>(0x80 | (round & 0x7f)));
            for (std::uint32_t i = 0; i < pages; ++i)
                pieces[i] = {.ref = GrantRef{*first + i},
                             .length = page_size,
                             .direction = Direction::to_peer,
                             .local = local.data()};
            if (mapper->copy(pieces) == 0)
                first[1].fetch_add(1);
            if (round == 0)
                talk.say(1);
        }
    });
    const auto guest = bed.open_guest();
    const auto sharer = guest->open_grant_sharer();
    int reached = 0;
    // As many more as a busy machine needs before the two have really met.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (int round = 0;
         round < 500 || (reached <= 10 && std::chrono::steady_clock::now() < deadline); ++round) {
        const auto shared = *sharer->share(bed.backend_id(), pages, Access::read_write);
        const std::uint32_t copied = first[1];
        *first = shared->refs()[0].value();
        if (round == 0)
            copier.hear();
        // Some rounds end while the copier is at it, some before it has seen the pages.
        for (int i = 0; i < round % 50; ++i)
            std::this_thread::yield();
        const GrantStatus status = shared->end_access();
        if (status == GrantStatus::busy)
            continue;
        reached += first[1] != copied;
        fill(shared->bytes(), 1);
        for (int look = 0; look < 20; ++look)
            REQUIRE(filled(shared->bytes(), 1));
    }
    CHECK(reached > 10);
    copier.kill();
    ::munmap(first, page_size);
}
