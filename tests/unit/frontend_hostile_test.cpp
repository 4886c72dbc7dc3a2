// A backend that breaks the protocol, or does not answer: what recovery does, and that nothing
// of it reaches the caller as data.
#include "tests/support/frontend_bed.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::test;
using Kind = Event::Kind;
using std::chrono::milliseconds;

namespace {

/// A bed whose backend holds one command that has been submitted.
struct HeldCommand : FrontendBed {
    Outcome outcome;
    SubmitResult submitted;
    ring::WireRequest request;

    explicit HeldCommand(milliseconds timeout = milliseconds(0)) {
        backend.serving = false;
        // Long enough that a busy machine doesn't let one step pass before the test has seen it.
        timing.abort_wait = timing.reset_wait = milliseconds(250);
        open();
        ScsiCommand tur = command(test_unit_ready);
        tur.timeout = timeout;
        submitted = session->submit(tur, outcome.handler());
        session->flush();
        request = backend.next_request();
    }
    ring::WireRequest await_request() {
        run_until([&] { return !backend.requests.empty(); });
        return backend.next_request();
    }
};

ring::WireResponse task_result(const ring::WireRequest& request, bool success) {
    return ring::make_task_management_response(ring::tag_of(request), ring::Action::abort, success);
}

} // namespace

TEST_CASE("a response that cannot be right disconnects the session") {
    HeldCommand bed;
    ring::WireResponse response = good(bed.request);
    std::string reason;
    SECTION("tag of a free slot") {
        response.rqid ^= 1;
        reason = "not in flight";
    }
    SECTION("tag of the slot's earlier use") {
        response.rqid = static_cast<std::uint16_t>(response.rqid - 16);
        reason = "not in flight";
    }
    SECTION("more residual than requested") {
        response.residual_len = 1;
        reason = "more data left";
    }
    SECTION("more sense than there can be") {
        response.sense_len = 97;
        reason = "sense";
    }
    bed.backend.respond(response);
    bed.session->poll();
    REQUIRE(bed.count(Kind::failed) == 1);
    CHECK_THAT(bed.events.front().reason, Catch::Contains(reason));
    CHECK(bed.outcome.calls == 1);
    CHECK(bed.outcome.host == Host::transport_disrupted);
    REQUIRE(bed.run_until([&] { return bed.count(Kind::reconnected) == 1; }));
    CHECK(bed.backend.connections == 2);
    CHECK(bed.count(Kind::disconnected) == 0);
}

TEST_CASE("an answer given twice is noticed") {
    HeldCommand bed;
    bed.backend.respond(good(bed.request));
    CHECK(bed.session->poll() == 1);
    // The slot is in use again, by another command.
    Outcome next;
    REQUIRE(bed.session->submit(command(test_unit_ready), next.handler()));
    bed.session->flush();
    REQUIRE(bed.backend.next_request().rqid % 16 == bed.request.rqid % 16);
    bed.backend.respond(good(bed.request));
    bed.session->poll();
    CHECK(bed.count(Kind::failed) == 1);
    CHECK(next.host == Host::transport_disrupted);
    CHECK(bed.outcome.calls == 1);
}

TEST_CASE("indices that cannot be right disconnect the session") {
    HeldCommand bed;
    const std::uint32_t index = GENERATE(2u, 17u, 1000u, 0x80000000u, 0xffffffffu);
    bed.backend.store_index(ring::PageLayout::rsp_prod, index);
    bed.session->poll();
    CHECK(bed.count(Kind::failed) == 1);
    CHECK(bed.outcome.calls == 1);
    REQUIRE(bed.run_until([&] { return bed.count(Kind::reconnected) == 1; }));
}

TEST_CASE("a ring page that the backend rewrites does not move the session's own indices") {
    HeldCommand bed;
    bed.backend.store_index(ring::PageLayout::req_prod, 12345);
    bed.backend.store_index(ring::PageLayout::rsp_event, 54321);
    bed.backend.respond(good(bed.request));
    CHECK(bed.session->poll() == 1);
    CHECK(bed.outcome.host == Host::ok);
}

TEST_CASE("a backend that faults again and again is not reconnected without pause") {
    FrontendBed bed;
    bed.timing.backoff_min = milliseconds(5);
    bed.timing.backoff_max = milliseconds(40);
    bed.backend.serving = true;
    bed.backend.answer = [](const ring::WireRequest& request) {
        ring::WireResponse response = good(request);
        response.rqid ^= 1;
        return response;
    };
    Session& session = bed.open();
    Outcome outcome;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 5; ++i) {
        REQUIRE(bed.run_until([&] { return session.connected(); }));
        REQUIRE(session.submit(command(test_unit_ready), outcome.handler()));
        REQUIRE(bed.run_until([&] { return outcome.calls == i + 1; }));
    }
    CHECK(std::chrono::steady_clock::now() - start >= milliseconds(5 + 10 + 20));
}

TEST_CASE("a ring page that a backend keeps mapped is not used again") {
    HeldCommand bed;
    const auto ref = bed.host.get(bed.backend.front + "/ring-ref");
    const GrantRef page{static_cast<std::uint32_t>(std::stoul(ref))};
    const auto kept = bed.backend.mapper().map({&page, 1}, hv::Access::read_write);
    REQUIRE(kept);
    bed.backend.set_state(MockBackend::State::closed);
    REQUIRE(bed.run_until([&] { return bed.count(Kind::reconnected) == 1; }));
    CHECK(bed.host.get(bed.backend.front + "/ring-ref") != ref);
    std::memset((*kept)->bytes().data(), 0xff, hv::page_size);
    bed.backend.serving = true;
    REQUIRE(bed.session->submit(command(test_unit_ready), bed.outcome.handler()));
    REQUIRE(bed.run_until([&] { return bed.outcome.calls == 2; }));
    CHECK(bed.outcome.host == Host::ok);
}

TEST_CASE("pages of bounced data do not outlive the connection they were granted to") {
    FrontendBed bed;
    bed.backend.serving = false;
    Session& session = bed.open();
    std::string data(4096, 'x');
    Outcome outcome;
    REQUIRE(session.submit(command(write_10, DataDirection::to_device,
                                   std::as_writable_bytes(std::span(data.data(), data.size()))),
                           outcome.handler()));
    session.flush();
    const auto request = bed.backend.next_request();
    CHECK(bed.backend.read_data(request) == data);
    bed.backend.set_state(MockBackend::State::closed);
    REQUIRE(bed.run_until([&] { return bed.count(Kind::reconnected) == 1; }));
    CHECK_THROWS(bed.backend.read_data(request));
}

TEST_CASE("store values of a hostile backend do no harm") {
    FrontendBed bed;
    Session& session = bed.open();
    bed.backend.alive = false;
    const std::string text =
        GENERATE(as<std::string>{}, "", "9", "-1", "4 ", "04", "\xff\xff", std::string(4096, '9'));
    bed.backend.set("/state", text);
    REQUIRE(bed.run_until([&] { return bed.count(Kind::disconnected) == 1; }));
    CHECK_FALSE(session.connected());
    bed.backend.die();
    bed.backend.alive = true;
    bed.backend.set_state(MockBackend::State::init_wait);
    REQUIRE(bed.run_until([&] { return bed.count(Kind::reconnected) == 1; }));
}

TEST_CASE("abort tells whether the backend ended the command") {
    HeldCommand bed;
    bool told = false, success = false;
    bed.session->abort(bed.submitted.id, [&](bool result) { told = true, success = result; });
    bed.session->flush();
    const auto abort = bed.await_request();
    CHECK(abort.act == 2);
    CHECK(abort.ref_rqid == bed.request.rqid);
    CHECK(abort.nr_segments == 0);
    const bool expected = GENERATE(true, false);
    if (expected)
        bed.backend.respond(ring::make_response(ring::tag_of(bed.request), 5, 0, {}, 0));
    bed.backend.respond(task_result(abort, expected));
    REQUIRE(bed.run_until([&] { return told; }));
    CHECK(success == expected);
    CHECK(bed.outcome.calls == (expected ? 1 : 0));
    if (expected)
        CHECK(bed.outcome.host == Host::abort);
}

TEST_CASE("aborting what is not in flight fails at once, from poll") {
    HeldCommand bed;
    bed.backend.respond(good(bed.request));
    bed.session->poll();
    int told = 0;
    bed.session->abort(bed.submitted.id, [&](bool success) { told += success ? 100 : 1; });
    bed.session->abort(0, [&](bool success) { told += success ? 100 : 1; });
    CHECK(told == 0);
    CHECK_FALSE(bed.session->prepare_to_sleep());
    bed.session->poll();
    CHECK(told == 2);
    CHECK(bed.backend.requests.empty());
}

TEST_CASE("reset is sent for the logical unit") {
    HeldCommand bed;
    bool success = false;
    bed.session->reset({0, 1, 2, 3}, [&](bool result) { success = result; });
    bed.session->flush();
    const auto reset = bed.await_request();
    CHECK(reset.act == 3);
    CHECK((reset.channel == 1 && reset.id == 2 && reset.lun == 3));
    bed.backend.respond(task_result(reset, true));
    REQUIRE(bed.run_until([&] { return success; }));
}

TEST_CASE("a task that finds no free slot is sent when there is one") {
    HeldCommand bed;
    Outcome others;
    while (bed.session->free_slots() > 0)
        REQUIRE(bed.session->submit(command(test_unit_ready), others.handler()));
    bed.session->flush();
    bool told = false;
    bed.session->abort(bed.submitted.id, [&](bool) { told = true; });
    bed.session->poll();
    const auto other = bed.backend.next_request();
    while (!bed.backend.requests.empty())
        CHECK(bed.backend.next_request().act == 1);
    bed.backend.respond(good(other));
    bed.session->poll();
    // The free slot is the task's.
    CHECK(bed.session->submit(command(test_unit_ready), others.handler()).error ==
          SubmitError::busy);
    const auto abort = bed.await_request();
    CHECK(abort.act == 2);
    bed.backend.respond(task_result(abort, false));
    REQUIRE(bed.run_until([&] { return told; }));
}

TEST_CASE("a command whose time is over is aborted and ends with time_out") {
    HeldCommand bed(milliseconds(5));
    CHECK(bed.request.timeout_per_command == 1);
    const auto abort = bed.await_request();
    CHECK(abort.act == 2);
    CHECK(abort.ref_rqid == bed.request.rqid);
    CHECK(bed.outcome.calls == 0); // the backend may still use the data
    const auto [host, status, expected] = GENERATE(table<int, int, Host>(
        {{5, 0, Host::time_out}, {0, 0x40, Host::time_out}, {0, 0, Host::ok}}));
    bed.backend.respond(ring::make_response(ring::tag_of(bed.request),
                                            static_cast<std::uint8_t>(host),
                                            static_cast<std::uint8_t>(status), {}, 0));
    bed.backend.respond(task_result(abort, true));
    REQUIRE(bed.run_until([&] { return bed.outcome.calls == 1; }));
    CHECK(bed.outcome.host == expected);
    CHECK(bed.count(Kind::failed) == 0);
}

TEST_CASE("an abort that does not help is followed by a reset, then by a new connection") {
    HeldCommand bed(milliseconds(5));
    const auto abort = bed.await_request();
    CHECK(abort.act == 2);
    if (GENERATE(true, false))
        bed.backend.respond(task_result(abort, false));
    const auto reset = bed.await_request();
    CHECK(reset.act == 3);
    const bool helps = GENERATE(true, false);
    if (helps)
        bed.backend.respond(ring::make_response(ring::tag_of(bed.request), 8, 0, {}, 0));
    bed.backend.respond(task_result(reset, helps));
    REQUIRE(bed.run_until([&] { return bed.outcome.calls == 1; }));
    CHECK(bed.outcome.host == Host::time_out);
    REQUIRE(bed.run_until([&] { return helps || bed.count(Kind::reconnected) == 1; }));
    CHECK((bed.count(Kind::failed) == 1) == !helps);
}

TEST_CASE("commands in flight and tasks each end exactly once when the backend goes") {
    HeldCommand bed;
    Outcome others;
    for (int i = 0; i < 5; ++i)
        REQUIRE(bed.session->submit(command(test_unit_ready), others.handler()));
    int told = 0;
    bed.session->abort(bed.submitted.id, [&](bool success) { told += success ? 100 : 1; });
    bed.session->flush();
    bed.backend.set_state(MockBackend::State::closed);
    REQUIRE(bed.run_until([&] { return bed.count(Kind::reconnected) == 1; }));
    CHECK(bed.outcome.calls == 1);
    CHECK(others.calls == 5);
    CHECK(told == 1);
    CHECK(bed.session->free_slots() == 16);
}
