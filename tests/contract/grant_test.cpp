// The rules G1 to G19 of common/hypervisor/contract.md.
#include "tests/contract/bed.hpp"
#include "tests/support/child.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <set>
#include <sys/mman.h>
#include <thread>
#include <vector>

using namespace pvscsi;
using namespace pvscsi::hv;
using contract::Bed;
using test::Child;
using test::Talk;
using Direction = GrantCopy::Direction;

namespace {

/// Both ends in this process, as different domains where the implementation has them.
struct Ends {
    Bed bed;
    std::unique_ptr<Hypervisor> guest = bed.open_guest();
    std::unique_ptr<Hypervisor> backend = bed.open_backend();
    std::unique_ptr<GrantSharer> sharer = guest->open_grant_sharer();
    std::unique_ptr<GrantMapper> mapper = backend->open_grant_mapper(bed.guest_id());

    std::unique_ptr<SharedPages> share(std::size_t pages, Access access = Access::read_write) {
        return share_with(bed.backend_id(), pages, access);
    }
    std::unique_ptr<SharedPages> share_with(DomId peer, std::size_t pages,
                                            Access access = Access::read_write) {
        auto shared = sharer->share(peer, pages, access);
        REQUIRE(shared);
        return std::move(*shared);
    }
    GrantStatus map_status(std::span<const GrantRef> refs, Access access = Access::read_only) {
        const auto mapped = mapper->map(refs, access);
        return mapped ? GrantStatus::ok : mapped.error();
    }
    GrantStatus copy_status(GrantRef ref, Direction direction = Direction::from_peer,
                            std::uint16_t offset = 0, std::uint16_t length = 16) {
        std::vector<std::byte> local(2 * page_size, std::byte{0xee});
        GrantCopy piece{.ref = ref,
                        .offset = offset,
                        .length = length,
                        .direction = direction,
                        .local = local.data()};
        const std::size_t failed = mapper->copy({&piece, 1});
        CHECK(failed == (piece.status == GrantStatus::ok ? 0 : 1));
        const bool untouched =
            std::ranges::count(local, std::byte{0xee}) == static_cast<std::ptrdiff_t>(local.size());
        if (piece.status != GrantStatus::ok)
            CHECK(untouched);
        return piece.status;
    }
};

bool zeroed(std::span<const std::byte> bytes) {
    return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

void fill(std::span<std::byte> bytes, int value) {
    std::memset(bytes.data(), value, bytes.size());
}

bool filled(std::span<const std::byte> bytes, int value) {
    return std::ranges::all_of(bytes, [value](std::byte b) { return b == std::byte(value); });
}

std::jmp_buf after_fault;
void on_fault(int) {
    std::longjmp(after_fault, 1);
}

/// Whether writing to `byte` ends in SIGSEGV.
bool write_faults(std::byte* byte) {
    struct sigaction action {
    }, before{};
    action.sa_handler = on_fault;
    action.sa_flags = SA_NODEFER;
    ::sigaction(SIGSEGV, &action, &before);
    volatile bool faulted = true;
    if (setjmp(after_fault) == 0) {
        *const_cast<volatile std::byte*>(byte) = std::byte{1};
        faulted = false;
    }
    ::sigaction(SIGSEGV, &before, nullptr);
    return faulted;
}

} // namespace

TEST_CASE("G1 shared pages are zeroed and have different references") {
    Ends ends;
    for (int round = 0; round < 3; ++round) {
        const auto shared = ends.share(7);
        REQUIRE(shared->bytes().size() == 7 * page_size);
        REQUIRE(shared->refs().size() == 7);
        const std::set<GrantRef> refs(shared->refs().begin(), shared->refs().end());
        CHECK(refs.size() == 7);
        CHECK(zeroed(shared->bytes()));
        fill(shared->bytes(), 0x5a); // what the next user must not see
    }
}

TEST_CASE("G2 a mapping is the granting end's memory") {
    Ends ends;
    const auto shared = ends.share(3);
    for (int page = 0; page < 3; ++page)
        fill(shared->bytes().subspan(page * page_size, page_size), page + 1);
    const auto refs = shared->refs();
    const std::vector<GrantRef> order{refs[2], refs[0], refs[1], refs[0]};
    const auto mapped = ends.mapper->map(order, Access::read_write);
    REQUIRE(mapped);
    const auto bytes = (*mapped)->bytes();
    REQUIRE(bytes.size() == 4 * page_size);
    CHECK(filled(bytes.subspan(0, page_size), 3));
    CHECK(filled(bytes.subspan(page_size, page_size), 1));
    CHECK(filled(bytes.subspan(2 * page_size, page_size), 2));
    CHECK(filled(bytes.subspan(3 * page_size, page_size), 1));
    bytes[page_size + 5] = std::byte{0x77};
    CHECK(shared->bytes()[5] == std::byte{0x77});
    CHECK(bytes[3 * page_size + 5] == std::byte{0x77});
}

TEST_CASE("G3 a mapping is of all pages or of none") {
    Ends ends;
    const auto shared = ends.share(2);
    const std::vector<GrantRef> refs{shared->refs()[0], GrantRef{0xfffffff0}, shared->refs()[1]};
    CHECK(ends.map_status(refs) == GrantStatus::bad_ref);
    // Were the first one still mapped, this would be busy.
    CHECK(shared->end_access() == GrantStatus::ok);
    CHECK(ends.map_status({}) == GrantStatus::bad_range);
}

TEST_CASE("G4 a page granted for reading cannot be written") {
    Ends ends;
    const auto shared = ends.share(1, Access::read_only);
    CHECK(ends.map_status(shared->refs(), Access::read_write) == GrantStatus::read_only);
    fill(shared->bytes(), 9);
    const auto mapped = ends.mapper->map(shared->refs(), Access::read_only);
    REQUIRE(mapped);
    CHECK(filled((*mapped)->bytes(), 9));
    CHECK(write_faults((*mapped)->bytes().data()));
    CHECK(filled(shared->bytes(), 9));
}

TEST_CASE("G5 a page granted to another domain is out of reach") {
    Ends ends;
    const auto ours = ends.share(1);
    REQUIRE(ends.map_status(ours->refs()) == GrantStatus::ok);
    const auto theirs = ends.share_with(ends.bed.stranger_id(), 1);
    const auto expected = ends.bed.host() ? GrantStatus::bad_domain : GrantStatus::bad_ref;
    CHECK(ends.map_status(theirs->refs()) == expected);
    CHECK(ends.copy_status(theirs->refs()[0]) == expected);
    CHECK(ends.copy_status(theirs->refs()[0], Direction::to_peer) == expected);
    CHECK(zeroed(theirs->bytes()));
}

TEST_CASE("G6 a reference that grants nothing is bad") {
    Ends ends;
    const auto shared = ends.share(1);
    for (const std::uint32_t ref : {0U, 7U, 65535U, 65536U, 0x7fffffffU, 0xffffffffU}) {
        const std::vector<GrantRef> refs{GrantRef{ref}};
        CHECK(ends.map_status(refs) == GrantStatus::bad_ref);
        CHECK(ends.copy_status(refs[0]) == GrantStatus::bad_ref);
        CHECK(ends.copy_status(refs[0], Direction::to_peer) == GrantStatus::bad_ref);
    }
    REQUIRE(shared->end_access() == GrantStatus::ok);
    CHECK(ends.map_status(shared->refs()) == GrantStatus::bad_ref);
}

TEST_CASE("G7 a mapped page is not pulled away") {
    Ends ends;
    const auto shared = ends.share(2);
    auto first = ends.mapper->map(shared->refs().first(1), Access::read_write);
    auto again = ends.mapper->map(shared->refs().first(1), Access::read_only);
    REQUIRE(first);
    REQUIRE(again);
    if (!ends.bed.host()) {
        (void)shared->end_access();
        fill((*first)->bytes(), 4);
        CHECK(filled((*again)->bytes(), 4));
        return;
    }
    CHECK(shared->end_access() == GrantStatus::busy);
    // Nothing has changed for the mapped page; the other one is taken back.
    CHECK(ends.map_status(shared->refs().first(1)) == GrantStatus::ok);
    CHECK(ends.map_status(shared->refs().last(1)) == GrantStatus::bad_ref);
    fill(shared->bytes().first(page_size), 4);
    first->reset();
    CHECK(shared->end_access() == GrantStatus::busy);
    CHECK(filled((*again)->bytes(), 4));
    again->reset();
    CHECK(shared->end_access() == GrantStatus::ok);
    CHECK(ends.map_status(shared->refs()) == GrantStatus::bad_ref);
}

TEST_CASE("G8 a mapped page outlives the object that granted it") {
    Ends ends;
    auto shared = ends.share(2);
    fill(shared->bytes(), 0x21);
    const auto mapped = ends.mapper->map(shared->refs(), Access::read_write);
    REQUIRE(mapped);
    const std::vector<GrantRef> refs(shared->refs().begin(), shared->refs().end());
    shared.reset();
    CHECK(filled((*mapped)->bytes(), 0x21));
    fill((*mapped)->bytes(), 0x22);
    CHECK(filled((*mapped)->bytes(), 0x22));
    if (ends.bed.host()) {
        CHECK(ends.map_status(refs) == GrantStatus::bad_ref);
        CHECK(ends.copy_status(refs[0]) == GrantStatus::bad_ref);
    }
}

TEST_CASE("G8 a mapped page outlives the process that granted it") {
    Bed bed;
    Child guest([&bed](Talk& talk) {
        const auto hypervisor = bed.open_guest();
        const auto sharer = hypervisor->open_grant_sharer();
        const auto shared = sharer->share(bed.backend_id(), 1, Access::read_write);
        fill((*shared)->bytes(), 0x31);
        talk.say((*shared)->refs()[0].value());
        talk.hear();
    });
    const auto backend = bed.open_backend();
    const auto mapper = backend->open_grant_mapper(bed.guest_id());
    const std::vector<GrantRef> refs{GrantRef{static_cast<std::uint32_t>(guest.hear())}};
    auto mapped = mapper->map(refs, Access::read_write);
    REQUIRE(mapped);
    guest.kill();
    CHECK(filled((*mapped)->bytes(), 0x31));
    fill((*mapped)->bytes(), 0x32);
    CHECK(filled((*mapped)->bytes(), 0x32));
}

TEST_CASE("G8 a mapped page outlives its domain") {
    if (!contract::against_host())
        return;
    Ends ends;
    const auto shared = ends.share(1);
    fill(shared->bytes(), 0x41);
    const auto mapped = ends.mapper->map(shared->refs(), Access::read_write);
    REQUIRE(mapped);
    ends.bed.embedded().domains()->destroy(ends.bed.guest_id());
    CHECK(filled((*mapped)->bytes(), 0x41));
    fill((*mapped)->bytes(), 0x42);
    CHECK(filled(shared->bytes(), 0x42));
}

TEST_CASE("G9 a page that is mapped is not handed out again") {
    Ends ends;
    auto shared = ends.share(4);
    auto mapped = ends.mapper->map(shared->refs().subspan(1, 2), Access::read_write);
    REQUIRE(mapped);
    fill((*mapped)->bytes(), 0x61);
    shared.reset();
    std::vector<std::unique_ptr<SharedPages>> others;
    for (int i = 0; i < 100; ++i) {
        others.push_back(ends.share(3));
        CHECK(zeroed(others.back()->bytes()));
        fill(others.back()->bytes(), 0x62);
    }
    CHECK(filled((*mapped)->bytes(), 0x61));
    fill((*mapped)->bytes(), 0x63);
    for (const auto& other : others)
        CHECK(filled(other->bytes(), 0x62));
}

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

TEST_CASE("G16 a process that is killed lets go of what it has mapped") {
    Bed bed;
    Child backend([&bed](Talk& talk) {
        const auto hypervisor = bed.open_backend();
        const auto mapper = hypervisor->open_grant_mapper(bed.guest_id());
        const std::vector<GrantRef> refs{GrantRef{static_cast<std::uint32_t>(*talk.hear())}};
        const auto mapped = mapper->map(refs, Access::read_write);
        talk.say(mapped.has_value());
        talk.hear();
    });
    const auto guest = bed.open_guest();
    const auto shared = *guest->open_grant_sharer()->share(bed.backend_id(), 1, Access::read_write);
    backend.say(shared->refs()[0].value());
    REQUIRE(backend.hear() == 1);
    if (bed.host())
        CHECK(shared->end_access() == GrantStatus::busy);
    backend.kill();
    // The hypervisor hears of the death on its own time.
    GrantStatus status = GrantStatus::busy;
    for (int i = 0; i < 2000 && status == GrantStatus::busy; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        status = shared->end_access();
    }
    CHECK(status == GrantStatus::ok);
}

TEST_CASE("G17 nothing is granted by a domain that is gone") {
    Ends ends;
    const auto nobody = ends.backend->open_grant_mapper(DomId{0x7fe1});
    const std::vector<GrantRef> refs{GrantRef{8}};
    CHECK(nobody->map(refs, Access::read_only).error() == GrantStatus::bad_domain);
    std::byte local{};
    GrantCopy piece{.ref = refs[0], .length = 1, .local = &local};
    CHECK(nobody->copy({&piece, 1}) == 1);
    CHECK(piece.status == GrantStatus::bad_domain);
    if (!ends.bed.host())
        return;
    const auto shared = ends.share(1);
    const auto unused = ends.backend->open_grant_mapper(ends.bed.guest_id());
    REQUIRE(ends.copy_status(shared->refs()[0]) == GrantStatus::ok);
    ends.bed.embedded().domains()->destroy(ends.bed.guest_id());
    // The guest's process lives and its entry says yes, but there is no such domain.
    CHECK(ends.map_status(shared->refs()) == GrantStatus::bad_domain);
    CHECK(ends.copy_status(shared->refs()[0]) == GrantStatus::bad_domain);
    piece.ref = shared->refs()[0];
    CHECK(unused->copy({&piece, 1}) == 1);
    CHECK(piece.status == GrantStatus::bad_domain);
}

TEST_CASE("G18 a pool that is full says so") {
    Ends ends;
    CHECK(ends.sharer->share(ends.bed.backend_id(), 1U << 20, Access::read_write).error() ==
          GrantStatus::no_space);
    CHECK(ends.sharer->share(ends.bed.backend_id(), 0, Access::read_write).error() ==
          GrantStatus::bad_range);
    if (!ends.bed.host())
        return;
    for (int round = 0; round < 3; ++round) {
        std::vector<std::unique_ptr<SharedPages>> all;
        auto shared = ends.sharer->share(ends.bed.backend_id(), 8192, Access::read_write);
        while (shared) {
            all.push_back(std::move(*shared));
            shared = ends.sharer->share(ends.bed.backend_id(), 8192, Access::read_write);
        }
        CHECK(shared.error() == GrantStatus::no_space);
        CHECK(all.size() == 7);
    }
}
