// Attacks by grants: references to nothing, to another domain's pages, to pages for reading, taken
// back in mid-request, and pages of descriptors that lie.
#include "tests/hostile/attack.hpp"

#include <algorithm>
#include <cstring>

namespace pvscsi::hostile {

using ring::WireRequest;
using ring::WireSegment;
using xenbus::State;

namespace {

void refused(Guest& guest, const WireRequest& request, const std::string& what) {
    const auto response = guest.ask(request);
    expect_sane(response, request);
    expect(host_of(response) == host_error, what + " is a host error");
}

void references_to_nothing(Attack& attack) {
    Guest& guest = attack.guest;
    for (const std::uint32_t ref :
         {0x7fffffffu, 0xffffffffu, 0x00010000u, 0x00fffff0u, 0x80000001u, 60'000u})
        for (const unsigned place : {0u, 13u, 25u}) {
            WireRequest in = guest.read(0, 208), out = guest.write(0, 208);
            in.seg[place].gref = out.seg[place].gref = ref;
            refused(guest, in, "reading into a reference to nothing");
            refused(guest, out, "writing from a reference to nothing");
        }
    guest.prove_service();
}

void pages_of_others(Attack& attack) {
    Guest& guest = attack.guest;
    const auto theirs = guest.share(1, hv::Access::read_write, attack.bystander);
    std::fill(theirs->bytes().begin(), theirs->bytes().end(), std::byte{0x5a});
    WireRequest in = guest.read(0, 8), out = guest.write(0, 8);
    in.seg[0].gref = out.seg[0].gref = theirs->refs()[0].value();
    refused(guest, in, "a page granted to another domain");
    refused(guest, out, "a page granted to another domain");
    expect(std::all_of(theirs->bytes().begin(), theirs->bytes().end(),
                       [](std::byte byte) { return byte == std::byte{0x5a}; }),
           "a page granted to another domain is untouched");
    guest.prove_service();
}

void pages_for_reading(Attack& attack) {
    Guest& guest = attack.guest;
    const auto page = guest.share(1, hv::Access::read_only);
    std::fill(page->bytes().begin(), page->bytes().end(), std::byte{0x5a});
    WireRequest in = guest.read(0, 8), out = guest.write(0, 8);
    in.seg[0].gref = out.seg[0].gref = page->refs()[0].value();
    expect(good(guest.ask(out)), "a page for reading can be written to the disk");
    refused(guest, in, "a page for reading as a target");
    expect(std::all_of(page->bytes().begin(), page->bytes().end(),
                       [](std::byte byte) { return byte == std::byte{0x5a}; }),
           "a page for reading is not written");
    guest.prove_service();
}

void revoked_in_flight(Attack& attack) {
    Guest& guest = attack.guest;
    for ([[maybe_unused]] const unsigned i : attack.some(300)) {
        const auto pages = guest.share(16, hv::Access::read_write);
        WireRequest request = guest.read(0, 128);
        for (std::size_t n = 0; n < 16; ++n)
            request.seg[n].gref = pages->refs()[n].value();
        guest.send(request);
        for (unsigned spin = attack.random.below(2000); spin > 0; --spin)
            asm volatile("");
        if (pages->end_access() == hv::GrantStatus::ok) {
            // From now on the page is the guest's alone.
            const auto bytes = pages->bytes();
            std::fill(bytes.begin(), bytes.end(), std::byte{0x5a});
            expect_sane(guest.receive(), request);
            expect(std::all_of(bytes.begin(), bytes.end(),
                               [](std::byte byte) { return byte == std::byte{0x5a}; }),
                   "a page is not written after its grant was taken back");
        } else {
            expect_sane(guest.receive(), request);
        }
    }
    guest.prove_service();
}

void bad_ring(Attack& attack) {
    Guest& guest = attack.guest;
    guest.disconnect();
    guest.make_ring(hv::Access::read_only);
    guest.announce();
    guest.be_thrown_out("a ring for reading only");
    const auto theirs = guest.share(1, hv::Access::read_write, attack.bystander);
    guest.make_ring();
    guest.set("ring-ref", std::to_string(theirs->refs()[0].value()));
    guest.set("event-channel", std::to_string(guest.channel().port().value()));
    guest.set_state(State::initialised);
    guest.be_thrown_out("a ring granted to another domain");
    guest.connect();
    guest.prove_service();
}

/// On Xen the kernel takes a page back from us at once, and from the other end when that lets go.
void ring_taken_back(Attack& attack) {
    Guest& guest = attack.guest;
    expect(guest.ring_pages().end_access() == hv::GrantStatus::busy,
           "the ring cannot be taken back while it is in use");
    guest.prove_service();
}

/// The data of a READ over the ring itself: the guest's own end of it is all that breaks.
void ring_as_target(Attack& attack) {
    Guest& guest = attack.guest;
    for ([[maybe_unused]] const unsigned i : attack.some(20)) {
        std::fill(guest.memory().begin(), guest.memory().begin() + 4096, std::byte{0x77});
        expect(good(guest.ask(guest.write(0, 8, 0))), "a sound write succeeds");
        WireRequest request = guest.read(0, 8);
        request.seg[0].gref = guest.ring_ref().value();
        guest.send(request);
        spin_until("the ring is overwritten",
                   [&] { return guest.load(ring::PageLayout::req_prod) == 0x77777777; });
        guest.kick();
        guest.be_thrown_out("a ring that was the target of its own request");
        guest.connect();
    }
    guest.prove_service();
}

/// An indirect request whose `count` descriptors lie in data page 40.
WireRequest indirect(Guest& guest, unsigned count) {
    WireRequest request = guest.read(0, 8);
    request.nr_segments = ring::indirect_flag | 1;
    request.seg[0] = {guest.ref(40).value(), 0, static_cast<std::uint16_t>(count * 8)};
    return request;
}

void describe(Guest& guest, unsigned place, const WireSegment& segment) {
    std::memcpy(guest.memory().data() + 40 * hv::page_size + place * 8, &segment, 8);
}

void lying_descriptors(Attack& attack) {
    Guest& guest = attack.guest;
    const WireSegment sound{guest.ref(1).value(), 0, 4096};
    describe(guest, 0, sound);
    expect(good(guest.ask(indirect(guest, 1))), "a sound indirect request succeeds");
    for (const WireSegment& bad : {WireSegment{sound.gref, 4095, 2},
                                   {sound.gref, 0, 0},
                                   {sound.gref, 65535, 65535},
                                   {0xffffffffu, 0, 4096}}) {
        describe(guest, 0, bad);
        refused(guest, indirect(guest, 1), "a bad descriptor");
    }
    describe(guest, 0, sound);
    WireRequest request = indirect(guest, 1);
    request.seg[0].length = 12;
    refused(guest, request, "half a descriptor");
    request = indirect(guest, 1);
    request.seg[0].gref = 0xffffffff;
    refused(guest, request, "a page of descriptors that is not there");
    request = indirect(guest, 512);
    request.nr_segments = ring::indirect_flag | 26;
    for (WireSegment& page : request.seg)
        page = request.seg[0];
    refused(guest, request, "13312 descriptors");
    guest.prove_service();
}

/// Descriptors whose data land on the descriptors.
void descriptors_as_target(Attack& attack) {
    Guest& guest = attack.guest;
    for ([[maybe_unused]] const unsigned i : attack.some(200)) {
        for (unsigned place = 0; place < 8; ++place)
            describe(guest, place, {guest.ref(40).value(), 0, 4096});
        WireRequest request = indirect(guest, 8);
        request.cmnd[8] = 64;
        expect_sane(guest.ask(request), request);
    }
    guest.prove_service();
}

constexpr NamedAttack attacks[] = {
    {"grants: references to nothing", references_to_nothing},
    {"grants: pages of others", pages_of_others},
    {"grants: pages for reading", pages_for_reading},
    {"grants: taken back in flight", revoked_in_flight},
    {"grants: a bad ring", bad_ring},
    {"grants: the ring taken back", ring_taken_back, true},
    {"grants: the ring as a target", ring_as_target},
    {"grants: lying descriptors", lying_descriptors},
    {"grants: descriptors as a target", descriptors_as_target},
};

} // namespace

std::span<const NamedAttack> grant_attacks() {
    return attacks;
}

} // namespace pvscsi::hostile
