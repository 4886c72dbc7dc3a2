// The rules G1 to G9 and G16 to G18 of common/hypervisor/contract.md: granting, mapping, and who
// lets go of it.
#include "tests/contract/grant_ends.hpp"
#include "tests/support/child.hpp"

#include <catch2/catch.hpp>
#include <csetjmp>
#include <csignal>
#include <set>
#include <thread>

using namespace pvscsi;
using namespace pvscsi::contract;
using test::Child;
using test::Talk;

namespace {

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
