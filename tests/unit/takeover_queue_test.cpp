// The next daemon's queue goes on with what a dead one had begun: once, or not at all where that
// could do harm.
#include "tests/support/queue_requests.hpp"

#include <set>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;

namespace {

ring::WireRequest turs(std::uint16_t tag) {
    return QueueBed::request(tag, {0, 0, 0, 0, 0, 0});
}
ring::WireRequest read10(std::uint16_t tag) {
    return QueueBed::request(tag, {0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0});
}

/// Waits until the target has `count` commands; fails if it gets more.
void expect_held(QueueBed& bed, HeldTarget& target, std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    std::size_t held = 0;
    while (held < count && std::chrono::steady_clock::now() < deadline)
        bed.run([&] { held = target.held.size(); });
    REQUIRE(held == count);
}

} // namespace

TEST_CASE("what the dead daemon had begun is begun again, and answered once") {
    QueueBed bed;
    const auto target = bed.add_lun();
    bed.send({read10(1), read10(2)});
    expect_held(bed, *target, 2);
    bed.die();
    bed.send({read10(3)});
    target->held.clear();
    bed.take_over();
    expect_held(bed, *target, 3);
    bed.run([&] {
        for (auto* request : target->held)
            request->finish();
    });
    std::set<std::uint16_t> tags;
    for (int i = 0; i < 3; ++i)
        tags.insert(bed.response().value().rqid);
    CHECK(tags == std::set<std::uint16_t>{1, 2, 3});
    CHECK(bed.silent());
}

TEST_CASE("what must not be done twice is answered with a transport error") {
    QueueBed bed;
    const auto target = bed.add_lun();
    bed.send({turs(1), read10(2)});
    expect_held(bed, *target, 2);
    bed.die();
    target->held.clear();
    bed.take_over();
    const auto response = bed.response().value();
    CHECK(response.rqid == 1);
    CHECK(response.rslt == host(14));
    expect_held(bed, *target, 1);
    bed.run([&] { target->held.front()->finish(); });
    CHECK(bed.response().value().rqid == 2);
}

TEST_CASE("a tape's command is not repeated, and the guest is told to look where the tape is") {
    QueueBed bed;
    const auto target = bed.add_lun();
    target->type = GENERATE(std::uint8_t{1}, std::uint8_t{8});
    // REWIND; to a changer INITIALIZE ELEMENT STATUS
    const std::uint8_t opcode = target->type == 1 ? 0x01 : 0x07;
    bed.send({QueueBed::request(1, {opcode, 0, 0, 0, 0, 0}), turs(2), turs(3)});
    expect_held(bed, *target, 3);
    bed.die();
    target->held.clear();
    bed.take_over();
    for (int i = 0; i < 3; ++i) {
        const auto response = bed.response().value();
        CHECK(response.rslt == 0x02); // not what a guest repeats by itself
        CHECK((response.sense_buffer[2] & 0x0f) == 0x04);
        CHECK(response.sense_buffer[12] == 0x44);
    }
    CHECK(bed.silent());
    CHECK(target->held.empty());
    CHECK(target->told == std::vector{scsi::condition::internal_reset});
}

TEST_CASE("a tape that was only asked something is where it was") {
    QueueBed bed;
    const auto target = bed.add_lun();
    target->type = 1;
    bed.send({turs(1)});
    expect_held(bed, *target, 1);
    bed.die();
    target->held.clear();
    bed.take_over();
    CHECK(bed.response().value().rslt == 0x02);
    CHECK(target->told.empty());
    bed.send({turs(2)});
    expect_held(bed, *target, 1);
    bed.run([&] { target->held.front()->finish(); });
    CHECK(bed.response().value().rslt == 0);
}

TEST_CASE("a unit with a dead daemon's commands gets none of them again") {
    QueueBed bed;
    const auto target = bed.add_lun();
    bed.send({read10(1)});
    expect_held(bed, *target, 1);
    bed.die();
    target->held.clear();
    bed.run([&] { bed.luns.all().front()->unsettled = true; });
    bed.take_over();
    CHECK(bed.response().value().rslt == host(14));
    CHECK(target->held.empty());
}

TEST_CASE("a unit that guests share is not written to again by what one of them had sent") {
    QueueBed bed;
    const auto target = bed.add_lun();
    bed.send({QueueBed::request(1, {0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
              QueueBed::request(2, {0x41, 8, 0, 0, 0, 0, 0, 0, 1, 0})});
    expect_held(bed, *target, 2);
    bed.die();
    target->held.clear();
    bed.run([&] { bed.luns.all().front()->shared = true; });
    bed.take_over();
    const auto response = bed.response().value();
    CHECK(response.rqid == 2);
    CHECK(response.rslt == host(14));
    expect_held(bed, *target, 1); // SYNCHRONIZE CACHE harms nobody
    bed.run([&] { target->held.front()->finish(); });
    CHECK(bed.response().value().rqid == 1);
}

TEST_CASE("a command that the guest was aborting is not begun again, and answered first") {
    const auto action = GENERATE(ring::WireAction::abort, ring::WireAction::reset);
    QueueBed bed;
    const auto target = bed.add_lun();
    bed.send({read10(1), manage(2, action, 1), read10(3)});
    expect_held(bed, *target, 2);
    bed.die();
    target->held.clear(), target->aborted.clear(), target->resets.clear();
    bed.take_over();
    const auto victim = bed.response().value();
    CHECK(victim.rqid == 1);
    CHECK(victim.rslt == (action == ring::WireAction::abort ? host(5) : host(8)));
    if (action == ring::WireAction::reset)
        bed.run([&] { target->resets.at(0)(true); });
    const auto manager = bed.response().value();
    CHECK(manager.rqid == 2);
    CHECK(manager.rslt == ring::task_management_success);
    expect_held(bed, *target, 1);
    bed.run([&] { target->held.front()->finish(); });
    CHECK(bed.response().value().rqid == 3);
}

TEST_CASE("a daemon that hands over answers what it has and takes no more") {
    QueueBed bed;
    const auto target = bed.add_lun();
    bed.send({read10(1)});
    expect_held(bed, *target, 1);
    std::atomic<bool> quiet = false;
    bed.run([&] { bed.queue->quiesce([&] { quiet = true; }); });
    bed.send({read10(2)});
    bed.run([] {});
    CHECK(!quiet);
    REQUIRE(target->held.size() == 1);
    bed.run([&] { target->held.front()->finish(); });
    CHECK(bed.response().value().rqid == 1);
    bed.run([] {});
    bed.run([] {});
    CHECK(quiet);
    CHECK(target->held.size() == 1);
    bed.die();
    target->held.clear();
    bed.take_over();
    expect_held(bed, *target, 1);
    bed.run([&] { target->held.front()->finish(); });
    CHECK(bed.response().value().rqid == 2);
}
