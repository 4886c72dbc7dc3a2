// PREEMPT among guests that share a nexus, of other hosts by them, and of them by other hosts.
#include "tests/support/nexus_bed.hpp"

using namespace pvscsi;
using namespace pvscsi::test;
namespace condition = scsi::condition;
using scsi::SenseKey;

namespace {

/// With the other host registered, too.
struct PreemptBed : NexusBed {
    PreemptBed() {
        REQUIRE(send(other, pr_out(enroll, 0, other_key)).good());
        enroll_all();
    }
    /// What the device was asked for since the last call, by its service actions.
    std::vector<unsigned> asked() {
        std::vector<unsigned> actions;
        for (const auto& one : std::exchange(device.pr_outs, {}))
            actions.push_back(one.action);
        return actions;
    }
};

} // namespace

TEST_CASE("who is preempted is registered no more, and is told so") {
    PreemptBed bed;
    const unsigned type = GENERATE(1u, 3u, 5u, 6u);
    REQUIRE(bed.works(type, bed.a(), 0xa));
    SECTION("the holder: its reservation goes to who preempts, of the type that is asked for") {
        const auto next = static_cast<std::uint8_t>(GENERATE(1, 3, 5, 6, 7, 8));
        CAPTURE(next);
        CHECK(send(bed.b(), pr_out(preempt, 0xb, 0xa, next)).good());
        CHECK(says(bed.a(), condition::registrations_preempted));
        CHECK(held(bed.b()) == Held{next, next >= 7 ? 0 : std::uint64_t{0xb}});
        CHECK(bed.device.holds(0));
        CHECK(keys(bed.other) == Keys{0xb, bed.other_key});
        CHECK(silent(bed.b()));
        CHECK(writes(bed.b()));
    }
    SECTION("one that only is registered") {
        REQUIRE(send(bed.c(), pr_out(enroll, 0, 0xc)).good());
        CHECK(send(bed.b(), pr_out(preempt, 0xb, 0xc, 1)).good());
        CHECK(says(bed.c(), condition::registrations_preempted));
        CHECK(held(bed.b()) == Held{type, 0xa});
        CHECK(writes(bed.a()));
        CHECK_FALSE(writes(bed.c()));
        CHECK(silent(bed.b()));
    }
    SECTION("by the holder") {
        CHECK(send(bed.a(), pr_out(preempt, 0xa, 0xb, 1)).good());
        CHECK(says(bed.b(), condition::registrations_preempted));
        CHECK(held(bed.a()) == Held{type, 0xa});
        CHECK_FALSE(writes(bed.b()));
    }
    CHECK(silent(bed.a()));
    CHECK(silent(bed.b()));
    CHECK(silent(bed.other));
}

TEST_CASE("a reservation of all registrants is preempted with no key") {
    PreemptBed bed;
    REQUIRE(bed.works(8, bed.a(), 0xa));
    SECTION("with it go all registrations but the preempting one") {
        CHECK(send(bed.b(), pr_out(preempt, 0xb, 0, 1)).good());
        CHECK(keys(bed.b()) == Keys{0xb});
        CHECK(held(bed.b()) == Held{1, 0xb});
        CHECK(says(bed.a(), condition::registrations_preempted));
        CHECK(says(bed.other, condition::registrations_preempted));
        CHECK_FALSE(writes(bed.a()));
        CHECK(writes(bed.b()));
    }
    SECTION("a key ends that registration and no more") {
        CHECK(send(bed.b(), pr_out(preempt, 0xb, 0xa, 8)).good());
        CHECK(keys(bed.b()) == Keys{0xb, bed.other_key});
        CHECK(held(bed.b()) == Held{8, 0});
        CHECK(says(bed.a(), condition::registrations_preempted));
        CHECK_FALSE(reads(bed.a()));
        CHECK(writes(bed.b()));
        CHECK(writes(bed.other));
    }
}

TEST_CASE("who may not preempt, or means nobody, gets a conflict") {
    PreemptBed bed;
    CHECK(conflicts(send(bed.c(), pr_out(preempt, 0, 0xa, 1))));
    CHECK(conflicts(send(bed.b(), pr_out(preempt, 0xa, 0xa, 1))));
    CHECK(conflicts(send(bed.b(), pr_out(preempt, 0xb, 0x77, 1))));
    CHECK(keys(bed.c()) == Keys{0xa, 0xb, bed.other_key});
}

TEST_CASE("a holder changes its type by preempting itself") {
    PreemptBed bed;
    REQUIRE(bed.works(5, bed.a(), 0xa));
    CHECK(send(bed.a(), pr_out(preempt, 0xa, 0xa, 3)).good());
    CHECK(held(bed.other) == Held{3, 0xa});
    CHECK(says(bed.b(), condition::reservations_released));
    CHECK_FALSE(reads(bed.b()));
}

TEST_CASE("a guest preempts another host") {
    PreemptBed bed;
    const bool holds = GENERATE(true, false);
    const auto action = GENERATE(preempt, preempt_and_abort);
    if (holds)
        REQUIRE(send(bed.other, pr_out(reserve, bed.other_key, 0, 5)).good());
    (void)bed.asked();
    CHECK(send(bed.b(), pr_out(action, 0xb, bed.other_key, 5)).good());
    // In the preempting guest's name, and as it has asked: these are nobody's commands here.
    CHECK(bed.asked() == std::vector<unsigned>{enroll_anyway, action});
    CHECK(says(bed.other, condition::registrations_preempted));
    CHECK(keys(bed.a()) == Keys{0xa, 0xb});
    CHECK(held(bed.a()) == (holds ? Held{5, 0xb} : Held{}));
    CHECK(writes(bed.a()));
    CHECK(writes(bed.other) == !holds);
    CHECK(writes(bed.c()) == !holds);
}

TEST_CASE("a key that guests and another host have together goes with all of them") {
    PreemptBed bed;
    REQUIRE(send(bed.other, pr_out(enroll, bed.other_key, 0xa)).good());
    REQUIRE(bed.works(5, bed.a(), 0xa));
    CHECK(send(bed.b(), pr_out(preempt, 0xb, 0xa, 6)).good());
    CHECK(says(bed.a(), condition::registrations_preempted));
    CHECK(says(bed.other, condition::registrations_preempted));
    CHECK(held(bed.other) == Held{6, 0xb});
    CHECK(keys(bed.b()) == Keys{0xb});
}

TEST_CASE("another host preempts: all guests behind the nexus are preempted") {
    PreemptBed bed;
    const bool held_here = GENERATE(true, false);
    if (held_here)
        REQUIRE(bed.works(5, bed.a(), 0xa));
    else
        REQUIRE(send(bed.other, pr_out(reserve, bed.other_key, 0, 5)).good());
    REQUIRE(send(bed.other, pr_out(preempt, bed.other_key, 0xa, 5)).good());
    SECTION("noticed by the device's unit attention") {
        CHECK(bed.b().none(write_1).is(SenseKey::unit_attention, 0x2a, 0x05));
        CHECK(says(bed.a(), condition::registrations_preempted));
    }
    SECTION("noticed by a conflict") {
        bed.device.attentions.clear(); // the host itself has met it
        CHECK_FALSE(writes(bed.b()));
        CHECK(says(bed.a(), condition::registrations_preempted));
        CHECK(says(bed.b(), condition::registrations_preempted));
    }
    SECTION("noticed when something is to be changed") {
        CHECK(conflicts(send(bed.b(), pr_out(reserve, 0xb, 0, 5))));
        CHECK(says(bed.a(), condition::registrations_preempted));
        CHECK(says(bed.b(), condition::registrations_preempted));
    }
    for (TargetHost* guest : {&bed.a(), &bed.b(), &bed.c()}) {
        CHECK(silent(*guest));
        CHECK_FALSE(writes(*guest));
        CHECK(reads(*guest));
        CHECK(keys(*guest) == Keys{bed.other_key});
    }
    // And they come back as they would on a device of their own.
    CHECK(send(bed.b(), pr_out(enroll, 0, 0xb)).good());
    CHECK(writes(bed.b()));
    CHECK_FALSE(writes(bed.a()));
}

TEST_CASE("another host clears: the guests are told that") {
    PreemptBed bed;
    REQUIRE(bed.works(1, bed.a(), 0xa));
    REQUIRE(send(bed.other, pr_out(clear, bed.other_key)).good());
    CHECK(says(bed.a(), condition::reservations_preempted));
    CHECK(says(bed.b(), condition::reservations_preempted));
    for (TargetHost* guest : {&bed.a(), &bed.b(), &bed.c()}) {
        CHECK(silent(*guest));
        CHECK(writes(*guest));
    }
}

TEST_CASE("a unit that has lost power has no registrations but what was to persist") {
    NexusBed bed;
    const bool persist = GENERATE(true, false);
    REQUIRE(send(bed.a(), pr_out(enroll, 0, 0xa, 0, persist ? 1 : 0)).good());
    REQUIRE(bed.works(1, bed.a(), 0xa)); // this has the key set again, and APTPL with it
    CHECK(bed.device.aptpl == persist);
    bed.b();
    bed.device.lose_power();
    bed.device.tell(0, {SenseKey::unit_attention, 0x29, 0x01});
    CHECK(says(bed.b(), {SenseKey::unit_attention, 0x29, 0x01}));
    CHECK(says(bed.a(), {SenseKey::unit_attention, 0x29, 0x01}));
    CHECK(bed.unit->reservations().registrations().empty() == !persist);
    CHECK(writes(bed.b()) == !persist);
}

TEST_CASE("PREEMPT AND ABORT is answered when the preempted commands have ended") {
    PreemptBed bed;
    REQUIRE(bed.works(1, bed.a(), 0xa));
    bed.device.holds_writes = true;
    auto& write = bed.a().send(write_1, Bytes(512));
    auto& second = bed.a().send(write_1, Bytes(512));
    REQUIRE(bed.device.held.size() == 2);
    (void)bed.asked();
    const auto command = pr_out(preempt_and_abort, 0xb, 0xa, 1);
    auto& abort = bed.b().send(command.cdb, command.list);
    const auto turn = [&] {
        bed.a().worker().context().poll();
        bed.b().worker().context().poll();
    };
    turn();
    CHECK_FALSE(abort.ended());
    CHECK(bed.asked() == std::vector<unsigned>{enroll_anyway}); // the device would abort b's, too
    CHECK(bed.a().none(test_unit_ready).status == scsi::Status::check_condition);
    CHECK_FALSE(writes(bed.a()));
    bed.device.held.front()->finish();
    turn();
    CHECK_FALSE(abort.ended());
    bed.device.held.back()->finish();
    turn();
    turn();
    CHECK(abort.endings() == 1);
    CHECK(abort.answer().good());
    CHECK(write.answer().good());
    CHECK(second.answer().good());
    CHECK(held(bed.b()) == Held{1, 0xb});
}

TEST_CASE("preempted commands that do not end are ended by a reset") {
    NexusBed bed;
    bed.patience = std::chrono::milliseconds(50);
    bed.enroll_all();
    REQUIRE(bed.works(1, bed.a(), 0xa));
    bed.device.holds_writes = true;
    auto& write = bed.a().send(write_1, Bytes(512));
    const auto answer = send(bed.b(), pr_out(preempt_and_abort, 0xb, 0xa, 1));
    CHECK(answer.good());
    CHECK(bed.device.resets == 1);
    CHECK(write.ended());
    CHECK(write.answer().host == scsi::HostCode::reset);
    CHECK(says(bed.b(), condition::unit_was_reset));
    CHECK(says(bed.c(), condition::unit_was_reset));
    CHECK(says(bed.a(), condition::unit_was_reset));
    CHECK(says(bed.a(), condition::registrations_preempted));
    bed.a().worker().context().poll();
    CHECK(silent(bed.a()));
}
