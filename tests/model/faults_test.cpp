// Indices where a peer cannot have put them honestly: every distance around the ring's size, with
// every number of entries in flight, at 0 and over the wrap.
#include "tests/model/ends.hpp"
#include "tests/model/traffic.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::model;
using namespace pvscsi::ring;

namespace {

void poke(Page& page, std::size_t offset, std::uint32_t value) {
    std::memcpy(page.bytes.data() + offset, &value, sizeof value);
}

const std::uint32_t starts[] = {0, 5, 0u - 3, 0u - 16, 0x7ffffff8};

} // namespace

TEST_CASE("a backend accepts a producer index only if that many can be unanswered") {
    for (const std::uint32_t start : starts)
        for (std::uint32_t in_flight = 0; in_flight <= ring_size; ++in_flight)
            for (int distance = -40; distance <= 40; ++distance) {
                Page page;
                BackRing back(SharedPage(page.bytes), {start, start});
                WireRequest request;
                for (std::uint32_t i = 0; i < in_flight; ++i)
                    back.take(request);
                REQUIRE(back.in_flight() == in_flight);
                const std::uint32_t producer =
                    start + in_flight + static_cast<std::uint32_t>(distance);
                poke(page, PageLayout::req_prod, producer);
                const auto available = back.available();
                const bool possible =
                    distance >= 0 && static_cast<unsigned>(distance) + in_flight <= ring_size;
                INFO("start " << start << " in flight " << in_flight << " distance " << distance);
                REQUIRE(available.has_value() == possible);
                if (possible)
                    REQUIRE(*available == static_cast<unsigned>(distance));
                else
                    REQUIRE(available.error() == (distance < 0 ? RingFault::producer_backwards
                                                               : RingFault::producer_overflow));
                // What Xen's own check refuses, ours refuses; ours also sees a step back.
                if (xen_request_overflow(start, producer) != 0)
                    REQUIRE_FALSE(available);
            }
}

TEST_CASE("a frontend accepts a producer index only if that many were asked") {
    for (const std::uint32_t start : starts)
        for (unsigned published = 0; published <= ring_size; ++published)
            for (int distance = -40; distance <= 40; ++distance) {
                Page page;
                FrontRing front(SharedPage(page.bytes), start);
                for (unsigned i = 0; i < published; ++i)
                    front.put(request_of(i));
                static_cast<void>(front.publish());
                if (published < ring_size)
                    front.put(request_of(99)); // written, not published: no answer to it either
                poke(page, PageLayout::rsp_prod, start + static_cast<std::uint32_t>(distance));
                const auto available = front.available();
                INFO("start " << start << " published " << published << " distance " << distance);
                REQUIRE(available.has_value() ==
                        (distance >= 0 && distance <= static_cast<int>(published)));
                if (!available)
                    REQUIRE(available.error() == (distance < 0 ? RingFault::producer_backwards
                                                               : RingFault::producer_overflow));
            }
}

TEST_CASE("extreme indices are faults") {
    Page page;
    BackRing back(SharedPage(page.bytes));
    for (const std::uint32_t producer :
         {17u, 0x7fffffffu, 0x80000000u, 0x80000001u, 0xffffffffu, 0xfffffff0u}) {
        poke(page, PageLayout::req_prod, producer);
        CHECK_FALSE(back.available());
    }
}

TEST_CASE("the other shared indices cannot harm the backend") {
    // rsp_prod and req_event are ours, rsp_event is only a hint: whatever is in them, the
    // requests come through and the responses go out.
    Random random(4);
    Page page;
    XenFront front(page, 0);
    OurBack back(page, 0);
    for (std::uint32_t number = 0; number < 1000; ++number) {
        front.put(request_of(number));
        front.publish();
        poke(page, PageLayout::rsp_prod, random());
        poke(page, PageLayout::req_event, random());
        poke(page, PageLayout::rsp_event, random());
        WireRequest request;
        REQUIRE(back.take(request));
        back.put(response_of(number));
        back.publish();
        WireResponse response;
        REQUIRE(front.take(response));
        REQUIRE(response.rqid == (number & 0xffff));
        REQUIRE_FALSE(front.take(response));
    }
}

TEST_CASE("a published response shows its fields and nothing else of the backend's memory") {
    Page page;
    page.bytes.fill(std::byte{0xee}); // whatever the frontend has there
    XenFront front(page, 0);
    OurBack back(page, 0);
    front.put(WireRequest{});
    front.publish();
    WireRequest request;
    REQUIRE(back.take(request));
    constexpr std::uint8_t secret = 0x5e;
    WireResponse answer;
    std::memset(&answer, secret, sizeof answer);
    answer.rqid = 1;
    answer.act = 0;
    answer.sense_len = static_cast<std::uint8_t>(GENERATE(0, 18));
    answer.rslt = 2;
    answer.residual_len = 3;
    back.put(answer);
    back.publish();
    WireResponse seen;
    REQUIRE(front.take(seen));
    CHECK(same(answer, seen));
    const auto is_secret = [](std::uint8_t byte) { return byte == secret; };
    CHECK(std::none_of(seen.sense_buffer.begin() + answer.sense_len, seen.sense_buffer.end(),
                       is_secret));
    const auto rest = std::as_bytes(std::span(seen.reserved));
    CHECK(std::none_of(rest.begin(), rest.end(),
                       [](std::byte byte) { return byte == std::byte{secret}; }));
}
