// ABORT and RESET: who is answered, in which order and in which time.
#include "tests/support/queue_requests.hpp"

using namespace pvscsi;
using namespace pvscsi::ring;
using namespace pvscsi::test;

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
