// A queue and its units: addresses, removal, ends of rings and of queues.
#include "tests/support/queue_requests.hpp"

#include "common/base/bytes.hpp"

using namespace pvscsi;
using namespace pvscsi::ring;
using namespace pvscsi::test;

TEST_CASE("an address without a unit gets NO_CONNECT") {
    QueueBed bed;
    bed.add_lun({0, 1, 3});
    auto other_target = QueueBed::request(1, tur);
    other_target.id = 2;
    auto other_lun = QueueBed::request(2, tur);
    other_lun.id = 1;
    other_lun.lun = 65535;
    auto other_channel = QueueBed::request(3, tur);
    other_channel.channel = 1;
    other_channel.id = 1;
    other_channel.lun = 3;
    bed.send({other_target, other_lun, other_channel});
    for (std::uint16_t tag = 1; tag <= 3; ++tag) {
        const auto response = bed.response();
        REQUIRE(response);
        CHECK(response->rqid == tag);
        CHECK(response->rslt == no_connect);
    }
}

TEST_CASE("a tape's or changer's command of unknown fate ends as one that no guest repeats") {
    using scsi::HostCode;
    const auto [type, code, kept] = GENERATE(table<std::uint8_t, HostCode, bool>(
        {{std::uint8_t{1}, HostCode::transport_disrupted, false},
         {std::uint8_t{1}, HostCode::time_out, false},
         {std::uint8_t{8}, HostCode::transport_disrupted, false},
         {std::uint8_t{1}, HostCode::reset, true},
         {std::uint8_t{0}, HostCode::transport_disrupted, true},
         {std::uint8_t{0}, HostCode::time_out, true}}));
    QueueBed bed;
    const auto target = bed.add_lun();
    target->type = type;
    bed.send({QueueBed::request(1, tur)});
    wait_held(bed, *target, 1);
    end(bed, target->held.front(), code);
    const auto response = bed.response().value();
    if (kept) {
        CHECK(response.rslt == host(static_cast<unsigned>(code)));
    } else {
        CHECK(response.rslt == 0x02);
        CHECK((response.sense_buffer[2] & 0x0f) == 0x04);
        CHECK(response.sense_buffer[12] == 0x44);
    }
}

TEST_CASE("an index where it can't be ends the ring, once") {
    QueueBed bed;
    bed.add_lun();
    auto& page = bed.memory.page(QueueBed::ring_ref);
    const std::uint32_t too_many = GENERATE(17u, 0x80000000u, 0xffffffffu);
    bed.run([&] { std::memcpy(page.data(), &too_many, sizeof too_many); });
    bed.kick();
    std::string fault;
    while (fault.empty())
        bed.run([&] { fault = bed.fault; });
    bed.kick();
    bed.run([&] { (void)bed.queue->poll(); });
    bed.run([] {});
    bed.run([&] { CHECK(bed.faults == 1); });
}

TEST_CASE("stopping lets the guest's pages go at once and waits for the devices") {
    QueueBed bed;
    auto target = bed.add_lun();
    bed.send({QueueBed::request(1, tur)});
    wait_held(bed, *target, 1);
    bool drained = false;
    bed.run([&] { bed.queue->stop([&] { drained = true; }); });
    bed.stopped = true;
    CHECK_FALSE(drained);
    CHECK(target->aborted.size() == 1);
    bed.memory.pages.clear();
    end(bed, target->held[0], scsi::HostCode::abort);
    bed.run([] {});
    CHECK(drained);
}

TEST_CASE("REPORT LUNS comes from the guest's own table") {
    QueueBed bed;
    bed.add_lun({0, 3, 0});
    bed.add_lun({0, 3, 254});
    bed.add_lun({0, 3, 300});
    bed.add_lun({0, 4, 7});
    auto& page = bed.memory.page(1);
    const auto report = [&](std::uint16_t target, std::uint8_t select, std::uint8_t allocation) {
        auto wire = QueueBed::request(1, {0xa0, 0, select, 0, 0, 0, 0, 0, 0, allocation, 0, 0},
                                      WireDirection::from_device, {{1, 0, 255}});
        wire.id = target;
        bed.send({wire});
        return *bed.response();
    };
    auto response = report(3, 0, 255);
    CHECK(response.rslt == 0);
    CHECK(response.residual_len == 255 - 32);
    const auto bytes = as_u8(page);
    CHECK(load_be32(bytes, 0) == 24);
    CHECK(load_be16(bytes, 8) == 0);
    CHECK(load_be16(bytes, 16) == 254);
    CHECK(load_be16(bytes, 24) == (0x4000 | 300));
    CHECK(report(4, 2, 255).rslt == 0); // LUN 0 is not there, and answers all the same
    CHECK(load_be32(bytes, 0) == 8);
    CHECK(load_be16(bytes, 8) == 7);
    CHECK(report(3, 1, 255).residual_len == 255 - 8);
    CHECK(report(3, 0, 15).rslt == 2);
    CHECK(report(3, 9, 255).rslt == 2);
    CHECK(report(5, 0, 255).rslt == no_connect);
}

TEST_CASE("LUN 0 of a target that has others says that it is not there") {
    QueueBed bed;
    bed.add_lun({0, 0, 5});
    auto& page = bed.memory.page(1);
    bed.send(
        {QueueBed::request(1, {0x12, 0, 0, 0, 96, 0}, WireDirection::from_device, {{1, 0, 96}})});
    CHECK(bed.response()->rslt == 0);
    CHECK(page[0] == std::byte{0x7f});
    bed.send({QueueBed::request(2, tur)});
    const auto response = bed.response();
    REQUIRE(response);
    CHECK(response->rslt == 2);
    CHECK(response->sense_buffer[2] == 5);
    CHECK(response->sense_buffer[12] == 0x25);
}

TEST_CASE("a removed unit is out of reach and goes when its commands have ended") {
    QueueBed bed;
    auto target = bed.add_lun();
    bed.send({QueueBed::request(1, tur)});
    wait_held(bed, *target, 1);
    std::shared_ptr<backend::Lun> removed;
    bool idle = false;
    bed.run([&] {
        removed = bed.luns.remove({});
        removed->when_idle = [&] { idle = true; };
    });
    bed.send({QueueBed::request(2, tur)});
    CHECK(bed.response()->rslt == no_connect);
    CHECK_FALSE(idle);
    end(bed, target->held[0], scsi::HostCode::ok);
    CHECK(bed.response()->rqid == 1);
    bed.run([] {});
    CHECK(idle);
}

TEST_CASE("a removed unit is not let go before its data are copied") {
    QueueBed bed;
    auto target = bed.add_lun();
    auto& page = bed.memory.page(1);
    bed.send(
        {QueueBed::request(1, {0x12, 0, 0, 0, 4, 0}, WireDirection::from_device, {{1, 0, 4}})});
    wait_held(bed, *target, 1);
    std::vector<std::byte> data(4, std::byte{0x5a}); // in the unit's own memory
    std::shared_ptr<backend::Lun> removed;
    bool let_go = false;
    bool let_go_too_soon = true;
    bed.run([&] {
        removed = bed.luns.remove({});
        removed->when_idle = [&] { let_go = true; };
        target->held[0]->outcome.data_in = data;
        target->held[0]->finish();
        let_go_too_soon = let_go;
    });
    CHECK(bed.response()->rslt == 0);
    bed.run([] {});
    CHECK(page[3] == std::byte{0x5a});
    CHECK_FALSE(let_go_too_soon);
    CHECK(let_go);
}

TEST_CASE("every way of waiting serves") {
    const auto wait = GENERATE(backend::Wait::event, backend::Wait::adaptive, backend::Wait::poll);
    QueueBed bed({64, true}, {}, wait);
    bed.add_lun<EchoTarget>();
    bed.memory.page(1);
    for (std::uint16_t round = 0; round < 2000; ++round) {
        bed.send({QueueBed::request(round, read_one, WireDirection::from_device, {{1, 0, 512}})});
        const auto response = bed.response();
        REQUIRE(response);
        REQUIRE(response->rqid == round);
    }
}
