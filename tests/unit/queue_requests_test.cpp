// What a guest sends on the ring and what comes back: data, residuals, grants, descriptors.
#include "tests/support/queue_requests.hpp"

using namespace pvscsi;
using namespace pvscsi::ring;
using namespace pvscsi::test;

TEST_CASE("data goes out and comes back, the residual is what was not moved") {
    QueueBed bed;
    bed.add_lun<EchoTarget>();
    auto& out = bed.memory.page(1);
    auto& in = bed.memory.page(2);
    out.fill(std::byte{0x42});
    bed.send({QueueBed::request(7, write_one, WireDirection::to_device, {{1, 512, 512}})});
    auto response = bed.response();
    REQUIRE(response);
    CHECK(response->rslt == 0);
    CHECK(response->residual_len == 0);
    bed.send({QueueBed::request(8, read_one, WireDirection::from_device,
                                {{2, 100, 100}, {2, 300, 412}})});
    response = bed.response();
    REQUIRE(response);
    CHECK(response->residual_len == 0);
    CHECK(std::all_of(in.begin() + 100, in.begin() + 200,
                      [](auto b) { return b == std::byte{0x42}; }));
    CHECK(
        std::all_of(in.begin() + 200, in.begin() + 300, [](auto b) { return b == std::byte{0}; }));
    CHECK(std::all_of(in.begin() + 300, in.begin() + 712,
                      [](auto b) { return b == std::byte{0x42}; }));
    CHECK(std::all_of(in.begin() + 712, in.end(), [](auto b) { return b == std::byte{0}; }));
}

TEST_CASE(
    "the data of a turn is moved in one call, and a turn is the whole ring if calls are dear") {
    const bool dear_calls = GENERATE(false, true);
    QueueBed bed({64, true}, {}, backend::Wait::event, dear_calls);
    bed.add_lun<EchoTarget>();
    bed.memory.page(1);
    std::size_t before = bed.memory.calls;
    bed.run([&] { // the worker can't look before all sixteen are there
        for (std::uint16_t tag = 0; tag < 16; ++tag)
            bed.front.put(
                QueueBed::request(tag, write_one, WireDirection::to_device, {{1, 0, 512}}));
        if (bed.front.publish())
            bed.kick();
    });
    for (int i = 0; i < 16; ++i)
        REQUIRE(bed.response());
    CHECK(bed.memory.calls - before == (dear_calls ? 1 : 2));
}

TEST_CASE("a grant that can't be used is that request's error alone") {
    QueueBed bed;
    auto echo = bed.add_lun<EchoTarget>();
    bed.memory.page(1);
    bed.memory.page(2);
    bed.memory.read_only[2] = true;
    bed.send({QueueBed::request(1, write_one, WireDirection::to_device, {{99, 0, 512}}),
              QueueBed::request(2, read_one, WireDirection::from_device, {{2, 0, 512}}),
              QueueBed::request(3, read_one, WireDirection::from_device, {{1, 0, 512}})});
    std::map<std::uint16_t, WireResponse> responses;
    for (int i = 0; i < 3; ++i) {
        const auto response = bed.response();
        REQUIRE(response);
        responses[response->rqid] = *response;
    }
    CHECK(responses[1].rslt == host_error);
    CHECK(responses[1].residual_len == 512);
    CHECK(responses[2].rslt == host_error);
    CHECK(responses[3].rslt == 0);
}

TEST_CASE("what one request had wrong is not its slot's next one's") {
    QueueBed bed;
    auto target = bed.add_lun<EchoTarget>();
    bed.memory.page(1);
    const auto write = [&](std::uint16_t tag, std::uint32_t ref) {
        bed.send({QueueBed::request(tag, write_one, WireDirection::to_device, {{ref, 0, 512}})});
        return bed.response()->rslt;
    };
    CHECK(write(1, 77) == host_error);
    CHECK(write(2, 1) == 0);
    CHECK(target->dropped == 1); // nor is it left at the unit
}

TEST_CASE("indirect descriptors that can't be fetched are not those of the slot's last request") {
    QueueBed bed;
    const auto target = bed.add_lun<EchoTarget>();
    bed.memory.page(1);
    const WireSegment segment{1, 0, 512};
    std::memcpy(bed.memory.page(5).data(), &segment, sizeof segment);
    const auto read = [&](std::uint32_t descriptors) {
        auto wire = QueueBed::request(1, read_one, WireDirection::from_device,
                                      {{descriptors, 0, sizeof segment}});
        wire.nr_segments |= indirect_flag;
        bed.send({wire});
        return bed.response()->rslt;
    };
    CHECK(read(5) == 0);
    CHECK(read(77) == host_error);
    CHECK(target->started == 1);
}

TEST_CASE("a unit that wants more data than there are does not get it") {
    QueueBed bed;
    auto target = bed.add_lun<EchoTarget>();
    target->greed = 512;
    bed.memory.page(1);
    bed.send({QueueBed::request(1, write_one, WireDirection::to_device, {{1, 0, 512}})});
    CHECK(bed.response()->rslt == host_error);
    CHECK(target->dropped == 1);
}

TEST_CASE("a malformed request is answered with its own tag") {
    QueueBed bed;
    bed.add_lun();
    auto bad = QueueBed::request(0xabcd, tur);
    bad.cmd_len = 3;
    bed.send({bad});
    const auto response = bed.response();
    REQUIRE(response);
    CHECK(response->rqid == 0xabcd);
    CHECK(response->rslt == host_error);
}

TEST_CASE("indirect descriptors are fetched once and judged") {
    QueueBed bed({64, true});
    bed.add_lun<EchoTarget>();
    auto& descriptors = bed.memory.page(5);
    bed.memory.page(1);
    std::array<WireSegment, 8> list;
    for (auto& segment : list)
        segment = {1, 0, 512};
    std::memcpy(descriptors.data() + 8, list.data(), sizeof list);
    auto wire = QueueBed::request(1, read_one, WireDirection::from_device, {{5, 8, sizeof list}});
    wire.nr_segments |= indirect_flag;
    bed.send({wire});
    auto response = bed.response();
    REQUIRE(response);
    CHECK(response->rslt == 0);
    CHECK(response->residual_len == 0);

    list[7].length = 4097;
    std::memcpy(descriptors.data() + 8, list.data(), sizeof list);
    bed.send({wire});
    CHECK(bed.response()->rslt == host_error);

    wire.seg[0].gref = 77;
    bed.send({wire});
    CHECK(bed.response()->rslt == host_error);
}
