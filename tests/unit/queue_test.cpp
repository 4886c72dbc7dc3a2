// The data plane as a guest sees it: what it sends on the ring, what comes back, in which order.
#include "tests/support/queue_bed.hpp"

#include "common/base/bytes.hpp"

using namespace pvscsi;
using namespace pvscsi::ring;
using test::HeldTarget;
using test::QueueBed;

namespace {

constexpr std::int32_t host(unsigned code) {
    return static_cast<std::int32_t>(code << 16);
}
constexpr std::int32_t no_connect = host(1), host_abort = host(5), host_error = host(7);
constexpr std::initializer_list<std::uint8_t> tur{0, 0, 0, 0, 0, 0};
constexpr std::initializer_list<std::uint8_t> read_one{0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0};
constexpr std::initializer_list<std::uint8_t> write_one{0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0};

WireRequest manage(std::uint16_t tag, WireAction action, std::uint16_t victim = 0) {
    WireRequest wire = QueueBed::request(tag, tur);
    wire.act = static_cast<std::uint8_t>(action);
    wire.ref_rqid = victim;
    return wire;
}

/// Answers at once: reads give `data`, writes take it.
class EchoTarget final : public backend::Target {
  public:
    std::array<std::byte, 4096> data{};
    std::size_t greed = 0; ///< that much more than the guest has
    unsigned started = 0, dropped = 0;
    backend::Step start(backend::Request& request) noexcept override {
        ++started;
        if (request.direction() == Direction::to_device) {
            request.want_data(std::span(data).first(request.length() + greed));
            return backend::Step::need_data;
        }
        request.outcome.data_in = data;
        return backend::Step::done;
    }
    backend::Step resume(backend::Request& request) noexcept override {
        request.outcome.consumed = static_cast<std::uint32_t>(request.data().size());
        return backend::Step::done;
    }
    void drop(backend::Request&) noexcept override { ++dropped; }
    std::uint8_t device_type() const noexcept override { return 0; }
};

/// Ends what `target` holds, on the worker.
void end(QueueBed& bed, backend::Request* request, scsi::HostCode code) {
    bed.run([&] {
        request->outcome.host = code;
        request->finish();
    });
}

void wait_held(QueueBed& bed, HeldTarget& target, std::size_t count) {
    for (std::size_t held = 0; held < count;)
        bed.run([&] { held = target.held.size(); });
}

} // namespace

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

TEST_CASE("a victim is answered before the ABORT that ended it") {
    QueueBed bed;
    auto target = bed.add_lun();
    bed.send({QueueBed::request(4, tur)});
    wait_held(bed, *target, 1);
    bed.send({manage(5, WireAction::abort, 4)});
    for (std::size_t aborted = 0; aborted == 0;)
        bed.run([&] { aborted = target->aborted.size(); });
    CHECK(bed.silent());
    end(bed, target->held[0], scsi::HostCode::abort);
    const auto victim = bed.response(), abort = bed.response();
    REQUIRE(victim);
    REQUIRE(abort);
    CHECK(victim->rqid == 4);
    CHECK(victim->rslt == host_abort);
    CHECK(abort->rqid == 5);
    CHECK(abort->rslt == task_management_success);
}

TEST_CASE("an ABORT of nothing succeeds at once") {
    QueueBed bed;
    bed.add_lun();
    bed.send({manage(9, WireAction::abort, 1234)});
    const auto response = bed.response();
    REQUIRE(response);
    CHECK(response->rslt == task_management_success);
}

TEST_CASE("an ABORT spares equal tags of another unit and takes all of its own") {
    QueueBed bed;
    auto mine = bed.add_lun({0, 0, 0});
    auto other = bed.add_lun({0, 0, 1});
    auto elsewhere = QueueBed::request(4, tur);
    elsewhere.lun = 1;
    bed.send({QueueBed::request(4, tur), QueueBed::request(4, tur), elsewhere});
    wait_held(bed, *mine, 2);
    wait_held(bed, *other, 1);
    bed.send({manage(5, WireAction::abort, 4)});
    for (std::size_t aborted = 0; aborted < 2;)
        bed.run([&] { aborted = mine->aborted.size(); });
    CHECK(other->aborted.empty());
    end(bed, mine->held[0], scsi::HostCode::abort);
    CHECK(bed.response()->rqid == 4);
    CHECK(bed.silent());
    end(bed, mine->held[1], scsi::HostCode::abort);
    CHECK(bed.response()->rqid == 4);
    CHECK(bed.response()->rqid == 5);
    end(bed, other->held[0], scsi::HostCode::ok);
    CHECK(bed.response()->rqid == 4);
}

TEST_CASE("an ABORT that can't be done fails in bounded time, and the victim is answered later") {
    QueueBed bed({64, true}, {std::chrono::milliseconds(50), std::chrono::milliseconds(50)});
    auto target = bed.add_lun();
    bed.send({QueueBed::request(4, tur)});
    wait_held(bed, *target, 1);
    bed.send({manage(5, WireAction::abort, 4)});
    const auto abort = bed.response();
    REQUIRE(abort);
    CHECK(abort->rqid == 5);
    CHECK(abort->rslt == task_management_failed);
    end(bed, target->held[0], scsi::HostCode::ok);
    CHECK(bed.response()->rqid == 4);
}

TEST_CASE("an ABORT that failed is not heard of again when its victim ends") {
    QueueBed bed({64, true}, {std::chrono::milliseconds(300), std::chrono::seconds(20)});
    auto target = bed.add_lun();
    bed.send({QueueBed::request(1, tur), QueueBed::request(2, tur)});
    wait_held(bed, *target, 2);
    bed.send({manage(3, WireAction::abort, 1)});
    CHECK(bed.response()->rslt == task_management_failed);
    // Another one, in the same slot, for another command.
    bed.send({manage(4, WireAction::abort, 2)});
    for (std::size_t aborted = 0; aborted < 2;)
        bed.run([&] { aborted = target->aborted.size(); });
    end(bed, target->held[0], scsi::HostCode::ok);
    CHECK(bed.response()->rqid == 1);
    CHECK(bed.silent());
    end(bed, target->held[1], scsi::HostCode::abort);
    CHECK(bed.response()->rqid == 2);
    CHECK(bed.response()->rslt == task_management_success);
}

TEST_CASE("a slot that was a victim's is nobody's victim with its next command") {
    QueueBed bed;
    auto target = bed.add_lun();
    bed.send({QueueBed::request(1, tur)}); // slot 0
    wait_held(bed, *target, 1);
    bed.send({manage(2, WireAction::abort, 1)}); // slot 1
    for (std::size_t aborted = 0; aborted < 1;)
        bed.run([&] { aborted = target->aborted.size(); });
    end(bed, target->held[0], scsi::HostCode::abort);
    CHECK(bed.response()->rqid == 1);
    CHECK(bed.response()->rqid == 2);
    bed.send({QueueBed::request(3, tur)}); // slot 0
    bed.send({QueueBed::request(4, tur)}); // slot 1
    bed.send({QueueBed::request(5, tur)}); // slot 2
    wait_held(bed, *target, 4);
    end(bed, target->held[2], scsi::HostCode::ok);
    CHECK(bed.response()->rqid == 4);
    bed.send({manage(6, WireAction::abort, 5)}); // slot 1, and its victim is in slot 2
    for (std::size_t aborted = 0; aborted < 2;)
        bed.run([&] { aborted = target->aborted.size(); });
    end(bed, target->held[1], scsi::HostCode::ok);
    CHECK(bed.response()->rqid == 3);
    CHECK(bed.silent());
    end(bed, target->held[3], scsi::HostCode::abort);
    CHECK(bed.response()->rqid == 5);
    CHECK(bed.response()->rqid == 6);
}

TEST_CASE("an ABORT and a RESET that wait have a time each") {
    QueueBed bed({64, true}, {std::chrono::milliseconds(50), std::chrono::minutes(1)});
    auto target = bed.add_lun();
    bed.send({QueueBed::request(1, tur)});
    wait_held(bed, *target, 1);
    bed.send({manage(2, WireAction::abort, 1), manage(3, WireAction::reset)});
    const auto abort = bed.response();
    REQUIRE(abort);
    CHECK(abort->rqid == 2);
    CHECK(abort->rslt == task_management_failed);
    CHECK(bed.silent());
    bed.run([&] { target->resets[0](true); });
    end(bed, target->held[0], scsi::HostCode::reset);
    CHECK(bed.response()->rqid == 1);
    CHECK(bed.response()->rslt == task_management_success);
}

TEST_CASE("the late answer to a RESET is not taken for the next one's") {
    QueueBed bed({64, true}, {std::chrono::milliseconds(300), std::chrono::milliseconds(300)});
    auto target = bed.add_lun();
    bed.send({manage(1, WireAction::reset)});
    CHECK(bed.response()->rslt == task_management_failed);
    bed.send({manage(2, WireAction::reset)}); // in the same slot
    for (std::size_t resets = 0; resets < 2;)
        bed.run([&] { resets = target->resets.size(); });
    bed.run([&] { target->resets[0](true); });
    CHECK(bed.silent());
    bed.run([&] { target->resets[1](false); });
    CHECK(bed.response()->rslt == task_management_failed);
}

TEST_CASE("a RESET that the device refuses has failed, and keeps its unit until then") {
    QueueBed bed;
    auto target = bed.add_lun();
    bed.send({manage(1, WireAction::reset)});
    for (std::size_t resets = 0; resets == 0;)
        bed.run([&] { resets = target->resets.size(); });
    std::shared_ptr<backend::Lun> removed;
    bool idle = false;
    bed.run([&] {
        removed = bed.luns.remove({});
        removed->when_idle = [&] { idle = true; };
    });
    CHECK(removed->in_flight == 1);
    bed.run([&] { target->resets[0](false); });
    CHECK(bed.response()->rslt == task_management_failed);
    bed.run([] {});
    CHECK(idle);
}

TEST_CASE("a RESET waits for the unit and its commands, others go on") {
    QueueBed bed;
    auto target = bed.add_lun({0, 0, 0});
    bed.add_lun<EchoTarget>({0, 0, 1});
    bed.send({QueueBed::request(1, tur), QueueBed::request(2, tur)});
    wait_held(bed, *target, 2);
    bed.send({manage(3, WireAction::reset)});
    for (std::size_t resets = 0; resets == 0;)
        bed.run([&] { resets = target->resets.size(); });
    auto elsewhere = QueueBed::request(6, tur);
    elsewhere.lun = 1;
    bed.send({elsewhere});
    CHECK(bed.response()->rqid == 6);
    bed.run([&] { target->resets[0](true); });
    CHECK(bed.silent());
    end(bed, target->held[1], scsi::HostCode::reset);
    end(bed, target->held[0], scsi::HostCode::reset);
    CHECK(bed.response()->rqid == 2);
    CHECK(bed.response()->rqid == 1);
    const auto reset = bed.response();
    REQUIRE(reset);
    CHECK(reset->rqid == 3);
    CHECK(reset->rslt == task_management_success);
}

TEST_CASE("a RESET waits for a command whose descriptors are on their way") {
    QueueBed bed;
    bed.add_lun<EchoTarget>();
    bed.memory.page(1);
    const WireSegment segment{1, 0, 512};
    std::memcpy(bed.memory.page(5).data(), &segment, sizeof segment);
    auto indirect =
        QueueBed::request(1, read_one, WireDirection::from_device, {{5, 0, sizeof segment}});
    indirect.nr_segments |= indirect_flag;
    bed.run([&] { bed.send({indirect, manage(2, WireAction::reset)}); });
    CHECK(bed.response()->rqid == 1);
    const auto reset = bed.response();
    REQUIRE(reset);
    CHECK(reset->rqid == 2);
    CHECK(reset->rslt == task_management_success);
}

TEST_CASE("a RESET fails in bounded time, of nothing at once, and its late answer is nobody's") {
    QueueBed bed({64, true}, {std::chrono::milliseconds(50), std::chrono::milliseconds(50)});
    auto target = bed.add_lun();
    auto nothing = manage(1, WireAction::reset);
    nothing.id = 9;
    bed.send({nothing});
    CHECK(bed.response()->rslt == task_management_failed);
    bed.send({manage(3, WireAction::reset)});
    const auto reset = bed.response();
    REQUIRE(reset);
    CHECK(reset->rqid == 3);
    CHECK(reset->rslt == task_management_failed);
    bed.send({QueueBed::request(4, tur)});
    wait_held(bed, *target, 1);
    bed.run([&] { target->resets[0](true); });
    CHECK(bed.silent());
    end(bed, target->held[0], scsi::HostCode::ok);
    CHECK(bed.response()->rqid == 4);
}

TEST_CASE("sixteen hung commands leave the other unit nothing, and all are answered in the end") {
    QueueBed bed;
    auto target = bed.add_lun();
    for (std::uint16_t tag = 0; tag < 16; ++tag)
        bed.send({QueueBed::request(tag, tur)});
    wait_held(bed, *target, 16);
    CHECK(bed.front.free_slots() == 0);
    for (int i = 15; i >= 0; --i)
        end(bed, target->held[static_cast<std::size_t>(i)], scsi::HostCode::ok);
    for (std::uint16_t tag = 16; tag-- > 0;)
        CHECK(bed.response()->rqid == tag);
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
