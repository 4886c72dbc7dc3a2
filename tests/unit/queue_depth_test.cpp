// A unit with a queue depth: what is too much for it is answered at once, and nobody else's.
#include "tests/support/queue_bed.hpp"

using namespace pvscsi;
using namespace pvscsi::test;

namespace {

constexpr std::int32_t task_set_full = 0x28;
const std::initializer_list<std::uint8_t> tur{0, 0, 0, 0, 0, 0};

ring::WireRequest to_lun(std::uint16_t tag, std::uint16_t lun) {
    auto wire = QueueBed::request(tag, tur);
    wire.lun = lun;
    return wire;
}

} // namespace

TEST_CASE("a command more than the queue depth gets TASK SET FULL, and only from that unit") {
    QueueBed bed;
    const auto shallow = bed.add_lun({0, 0, 0});
    const auto other = bed.add_lun({0, 0, 1});
    bed.run([&] { bed.luns.find({0, 0, 0})->queue_depth = 2; });

    bed.send({to_lun(1, 0), to_lun(2, 0), to_lun(3, 0), to_lun(4, 1), to_lun(5, 1), to_lun(6, 1)});
    auto response = bed.response();
    REQUIRE(response);
    CHECK(response->rqid == 3);
    CHECK(response->rslt == task_set_full);
    bed.run([&] {
        CHECK(shallow->held.size() == 2);
        CHECK(other->held.size() == 3);
    });

    // One ends: there is room for one.
    bed.run([&] {
        shallow->held.front()->finish();
        shallow->held.pop_front();
    });
    response = bed.response();
    REQUIRE(response);
    CHECK(response->rqid == 1);
    CHECK(response->rslt == 0);
    bed.send({to_lun(7, 0), to_lun(8, 0)});
    response = bed.response();
    REQUIRE(response);
    CHECK(response->rqid == 8);
    CHECK(response->rslt == task_set_full);
    bed.run([&] {
        CHECK(shallow->held.size() == 2);
        for (auto* const target : {shallow.get(), other.get()})
            while (!target->held.empty()) {
                target->held.front()->finish();
                target->held.pop_front();
            }
    });
    for (int i = 0; i < 5; ++i)
        REQUIRE(bed.response());
}

TEST_CASE("a unit without a queue depth takes what the ring holds") {
    QueueBed bed;
    const auto target = bed.add_lun();
    for (std::uint16_t tag = 0; tag < ring::ring_size; ++tag)
        bed.send({to_lun(tag, 0)});
    while (true) {
        std::size_t held = 0;
        bed.run([&] { held = target->held.size(); });
        if (held == ring::ring_size)
            break;
    }
    bed.run([&] {
        for (auto* const request : target->held)
            request->finish();
        target->held.clear();
    });
    for (unsigned i = 0; i < ring::ring_size; ++i) {
        const auto response = bed.response();
        REQUIRE(response);
        CHECK(response->rslt == 0);
    }
}
