// What becomes of commands while it is doubtful which unit a disk is (unit_watch_test.cpp).
#include "tests/support/watch_bed.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::test;

TEST_CASE("until it is known which unit it is, nothing is given to it") {
    Guest guest;
    const auto name = GENERATE(std::uint8_t{1}, std::uint8_t{2});
    guest.disk.page = page_of(name);
    auto& doubtful = guest.make_doubtful();
    CHECK_FALSE(doubtful.ended());
    CHECK(guest.write().status == Status::busy);
    CHECK(guest.host.in(request_sense, 18).status == Status::busy);
    CHECK(guest.disk.commands == 1);
    CHECK(guest.host.in(inquiry, 36).good()); // tells nothing of the medium
    CHECK(guest.disk.questions == 1);
    guest.disk.answer_now();
    REQUIRE(doubtful.endings() == 1);
    CHECK(doubtful.answer().is(SenseKey::unit_attention, 0x3f, 0x0e));
    CHECK(guest.write().good() == (name == 1));
    CHECK(guest.failure.empty() == (name == 1));
    CHECK(guest.disk.questions == 1);
}

TEST_CASE("data that are on their way when doubt is cast are not written") {
    Guest guest;
    auto& write = guest.host.send_without_data(write_10, 512);
    auto& lost = guest.host.send_without_data(write_10, 512);
    guest.disk.page = page_of(2);
    auto& doubtful = guest.make_doubtful();
    const bool answered = GENERATE(false, true);
    if (answered)
        guest.disk.answer_now();
    CHECK(guest.host.target().resume(write.request()) == Step::done);
    if (answered)
        CHECK(write.request().outcome.host == HostCode::no_connect);
    else
        CHECK(write.request().outcome.status == Status::busy);
    CHECK(guest.disk.drops == 1);
    guest.host.target().drop(lost.request());
    CHECK(guest.disk.drops == 2);
    CHECK(guest.disk.commands == 1);
    if (!answered)
        guest.disk.answer_now();
    CHECK(doubtful.endings() == 1);
}

TEST_CASE("commands that wait for their turn are taken back") {
    Guest guest;
    guest.disk.room = false;
    auto& first = guest.host.send(write_10, Bytes(512));
    auto& second = guest.host.send(write_10, Bytes(512));
    REQUIRE(guest.disk.waiting.size() == 2);
    guest.disk.room = true;
    guest.disk.page = page_of(2);
    auto& doubtful = guest.make_doubtful();
    CHECK(guest.disk.waiting.empty());
    SECTION("before the answer they are BUSY") {
        guest.disk.end_aborted();
        CHECK(first.answer().status == Status::busy);
        CHECK(first.answer().host == HostCode::ok);
        guest.disk.answer_now();
    }
    SECTION("one that the guest aborts meanwhile is aborted") {
        guest.host.target().abort(first.request());
        guest.disk.end_aborted();
        CHECK(first.answer().host == HostCode::abort);
        CHECK(second.answer().status == Status::busy);
        guest.disk.answer_now();
    }
    SECTION("after it they have it") {
        guest.disk.answer_now();
        guest.disk.end_aborted();
        CHECK(first.answer().host == HostCode::no_connect);
    }
    CHECK(first.endings() == 1);
    CHECK(second.endings() == 1);
    CHECK(doubtful.endings() == 1);
    CHECK(guest.disk.commands == 1);
}

TEST_CASE("a command that comes to a doubtful unit waits for the answer") {
    const auto doubts = std::make_shared<std::atomic<unsigned>>(0);
    Guest guest(doubts);
    guest.disk.slow = true;
    ++*doubts;
    auto& write = guest.host.send(write_10, Bytes(512));
    CHECK_FALSE(write.ended());
    SECTION("and is BUSY if it is the same unit") {
        guest.disk.answer_now();
        CHECK(write.answer().status == Status::busy);
        CHECK(guest.write().good());
    }
    SECTION("and is refused by another") {
        guest.disk.page = page_of(2);
        guest.disk.answer_now();
        CHECK(write.answer().host == HostCode::no_connect);
    }
    SECTION("and is not executed once the guest has aborted it") {
        guest.host.target().abort(write.request());
        CHECK_FALSE(write.ended()); // not from inside the call
        guest.disk.answer_now();
        CHECK(write.answer().host == HostCode::abort);
    }
    SECTION("and ends as the question does when the unit is reset") {
        guest.disk.host = HostCode::reset;
        guest.disk.answer_now();
        CHECK(write.answer().host == HostCode::reset);
    }
    CHECK(write.endings() == 1);
    CHECK(guest.disk.questions == 1);
}

TEST_CASE("what the device has answered stays answered, whatever becomes of the question") {
    Guest guest;
    auto& doubtful = guest.make_doubtful();
    guest.host.target().abort(doubtful.request());
    CHECK_FALSE(doubtful.ended());
    guest.disk.host = GENERATE(HostCode::ok, HostCode::reset, HostCode::time_out);
    guest.disk.answer_now();
    CHECK(doubtful.endings() == 1);
    CHECK(doubtful.answer().is(SenseKey::unit_attention, 0x3f, 0x0e));
}

TEST_CASE("doubt that is cast while the unit is asked has it asked again") {
    const auto doubts = std::make_shared<std::atomic<unsigned>>(0);
    Guest guest(doubts);
    guest.disk.room = false; // a command that is at the device when the first doubt comes
    auto& earlier = guest.host.send(test_unit_ready, {});
    Request& at_device = *std::exchange(guest.disk.waiting, {}).at(0);
    guest.disk.room = true;
    auto& doubtful = guest.make_doubtful();
    SECTION("by another unit") {
        ++*doubts;
        CHECK(guest.write().status == Status::busy);
    }
    SECTION("by this one") {
        at_device.outcome.status = Status::check_condition;
        at_device.outcome.sense = Disk::attention(0x29, 0x00);
        at_device.finish();
        CHECK(earlier.answer().is(SenseKey::unit_attention, 0x29, 0x00));
    }
    guest.disk.answer_now();
    CHECK_FALSE(doubtful.ended());
    CHECK(guest.disk.questions == 2);
    guest.disk.page = page_of(2);
    guest.disk.answer_now();
    CHECK(doubtful.endings() == 1);
    CHECK(guest.write().host == HostCode::no_connect);
    CHECK(guest.disk.questions == 2);
    if (!earlier.ended())
        at_device.finish();
}

TEST_CASE("without an answer the guest has the host code of the question, which is asked again") {
    Guest guest;
    guest.disk.host =
        GENERATE(HostCode::transport_disrupted, HostCode::time_out, HostCode::no_connect);
    guest.disk.page = page_of(2);
    guest.disk.says(0x29, 0x00);
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::unit_attention, 0x29, 0x00));
    CHECK(guest.write().host == guest.disk.host);
    CHECK(guest.failure.empty());
    CHECK(guest.disk.commands == 1);
    guest.disk.host = HostCode::ok;
    guest.disk.page = page_of(GENERATE(std::uint8_t{1}, std::uint8_t{2}));
    CHECK(guest.write().good() == (guest.disk.page == page_of(1)));
}

TEST_CASE("a unit that has no time for the question has the guest's commands BUSY") {
    Guest guest;
    guest.disk.question_status = GENERATE(Status::busy, Status::task_set_full);
    guest.disk.says(0x29, 0x00);
    CHECK(guest.host.none(test_unit_ready).is(SenseKey::unit_attention, 0x29, 0x00));
    CHECK(guest.write().status == Status::busy);
    guest.disk.question_status = Status::good;
    CHECK(guest.write().good());
}

TEST_CASE("more commands than a ring has are BUSY") {
    Guest guest;
    for (unsigned i = 0; i < 2 * ring::ring_size; ++i) { // what was dropped has gone
        auto& lost = guest.host.send_without_data(write_10, 512);
        guest.host.target().drop(lost.request());
    }
    guest.disk.room = false;
    for (unsigned i = 0; i < ring::ring_size; ++i)
        REQUIRE_FALSE(guest.host.send(test_unit_ready, {}).ended());
    CHECK(guest.host.none(test_unit_ready).status == Status::busy);
    guest.disk.room = true;
    for (Request* const request : std::exchange(guest.disk.waiting, {}))
        request->finish();
    for (unsigned i = 0; i < 2 * ring::ring_size; ++i)
        CHECK(guest.write().good());
}
