// Commands through the frontend library: what the backend sees, and what the caller gets.
#include "tests/support/frontend_bed.hpp"

#include <catch2/catch.hpp>

#include <cstring>

using namespace pvscsi;
using namespace pvscsi::test;

namespace {

std::span<std::byte> bytes_of(std::string& text) {
    return std::as_writable_bytes(std::span(text.data(), text.size()));
}

std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
        text[i] = static_cast<char>('a' + i * 7 % 23 + i / 4096);
    return text;
}

} // namespace

TEST_CASE("a session connects and shows the backend's LUNs") {
    FrontendBed bed({"0:0:0:0", "0:1:63:254"});
    Session& session = bed.open();
    CHECK(session.connected());
    CHECK(session.luns() == std::vector<Hctl>{{0, 0, 0, 0}, {0, 1, 63, 254}});
    CHECK(session.free_slots() == 16);
    CHECK(session.max_transfer() == 25 * 4096);
    CHECK(bed.backend.lun_state(0) == "4");
    CHECK(bed.host.get(bed.backend.front + "/protocol") == "x86_64-abi");
    CHECK(bed.host.get(bed.backend.back + "/vscsi-devs/dev-1/state") == "4");
}

TEST_CASE("a request carries what the command says") {
    FrontendBed bed;
    bed.backend.serving = false;
    Session& session = bed.open();
    Outcome outcome;
    const std::array<std::uint8_t, 6> cdb{0x12, 1, 2, 3, 4, 5};
    ScsiCommand inquiry = command(cdb);
    inquiry.address = {9, 1, 63, 254};
    inquiry.timeout = std::chrono::milliseconds(1'001);
    const SubmitResult result = session.submit(inquiry, outcome.handler());
    REQUIRE(result);
    CHECK(result.id != 0);
    CHECK(bed.backend.requests.empty());
    session.flush();
    const ring::WireRequest wire = bed.backend.next_request();
    CHECK(wire.act == 1);
    CHECK(wire.cmd_len == 6);
    CHECK(wire.cmnd == std::array<std::uint8_t, 16>{0x12, 1, 2, 3, 4, 5});
    CHECK(wire.channel == 1);
    CHECK(wire.id == 63);
    CHECK(wire.lun == 254);
    CHECK(wire.timeout_per_command == 2);
    CHECK(wire.sc_data_direction == 3);
    CHECK(wire.nr_segments == 0);
    CHECK(wire.reserved == std::array<std::uint32_t, 3>{});
    CHECK(session.free_slots() == 15);

    const std::array<std::uint8_t, 3> sense{0x70, 0, 5};
    bed.backend.respond(ring::make_response(ring::tag_of(wire), 0, 2, sense, 0));
    CHECK(session.poll() == 1);
    CHECK(outcome.calls == 1);
    CHECK(outcome.host == Host::ok);
    CHECK(outcome.status == 2);
    CHECK(outcome.sense == std::vector<std::uint8_t>{0x70, 0, 5});
    CHECK(session.free_slots() == 16);
}

TEST_CASE("data outside of Buffers is copied through granted pages") {
    FrontendBed bed;
    Session& session = bed.open();
    const std::string sent = pattern(3 * 4096 + 77);
    std::string seen;
    bed.backend.answer = [&](const ring::WireRequest& request) {
        if (request.cmnd[0] == 0x2a)
            seen = bed.backend.read_data(request);
        else
            bed.backend.write_data(request, sent);
        return good(request);
    };
    Outcome written, read;
    std::string out = sent, in(sent.size(), 'x');
    REQUIRE(session.submit(command(write_10, DataDirection::to_device, bytes_of(out)),
                           written.handler()));
    REQUIRE(
        session.submit(command(read_10, DataDirection::from_device, bytes_of(in)), read.handler()));
    REQUIRE(bed.run_until([&] { return written.calls == 1 && read.calls == 1; }));
    CHECK(seen == sent);
    CHECK(in == sent);
}

TEST_CASE("data in a Buffer is used in place, at any offset") {
    FrontendBed bed;
    Session& session = bed.open();
    Buffer buffer = session.allocate(40'000);
    REQUIRE(buffer.bytes().size() == 40'000);
    const std::string text = pattern(30'000);
    std::memcpy(buffer.bytes().data() + 5000, text.data(), text.size());
    std::string seen;
    std::size_t segments = 0;
    bed.backend.answer = [&](const ring::WireRequest& request) {
        seen = bed.backend.read_data(request);
        segments = bed.backend.segments(request).size();
        return good(request);
    };
    const std::size_t grants = bed.host.granted_pages();
    Outcome outcome;
    REQUIRE(session.submit(
        command(write_10, DataDirection::to_device, buffer.bytes().subspan(5000, text.size())),
        outcome.handler()));
    REQUIRE(bed.run_until([&] { return outcome.calls == 1; }));
    CHECK(seen == text);
    CHECK(segments == 8);
    CHECK(bed.host.granted_pages() == grants);
}

TEST_CASE("a short transfer leaves the rest of the caller's memory alone") {
    FrontendBed bed;
    Session& session = bed.open();
    bed.backend.answer = [&](const ring::WireRequest& request) {
        bed.backend.write_data(request, std::string(512, 'd'));
        return ring::make_response(ring::tag_of(request), 0, 0, {}, 8192 - 512);
    };
    Outcome outcome;
    std::string in(8192, 'x');
    REQUIRE(session.submit(command(read_10, DataDirection::from_device, bytes_of(in)),
                           outcome.handler()));
    REQUIRE(bed.run_until([&] { return outcome.calls == 1; }));
    CHECK(outcome.residual == 8192 - 512);
    CHECK(in == std::string(512, 'd') + std::string(8192 - 512, 'x'));
}

TEST_CASE("a device that sends less than it says does not show an earlier command's data") {
    FrontendBed bed;
    Session& session = bed.open();
    Outcome outcome;
    std::string out(4096, 's'), in(4096, 'x');
    REQUIRE(session.submit(command(write_10, DataDirection::to_device, bytes_of(out)),
                           outcome.handler()));
    REQUIRE(bed.run_until([&] { return outcome.calls == 1; }));
    REQUIRE(session.submit(command(read_10, DataDirection::from_device, bytes_of(in)),
                           outcome.handler()));
    REQUIRE(bed.run_until([&] { return outcome.calls == 2; }));
    CHECK(in == std::string(4096, '\0'));
}

TEST_CASE("large requests go through descriptor pages if the backend offers them") {
    FrontendBed bed;
    bed.backend.set("/feature-sg-grant", "1024");
    Session& session = bed.open();
    CHECK(session.max_transfer() == 1021 * 4096);
    const std::size_t size = GENERATE(27u * 4096, 512u * 4096, 513u * 4096, 1000u * 4096 + 5);
    const bool in_place = GENERATE(false, true);
    Buffer buffer = session.allocate(size + 4096);
    std::string text = pattern(size), seen;
    std::memcpy(buffer.bytes().data() + 100, text.data(), size);
    bed.backend.answer = [&](const ring::WireRequest& request) {
        CHECK((request.nr_segments & 0x80) != 0);
        seen = bed.backend.read_data(request);
        return good(request);
    };
    Outcome outcome;
    const auto data = in_place ? buffer.bytes().subspan(100, size) : bytes_of(text);
    REQUIRE(session.submit(command(write_10, DataDirection::to_device, data), outcome.handler()));
    REQUIRE(bed.run_until([&] { return outcome.calls == 1; }));
    CHECK(seen == text);
}

TEST_CASE("data that the connection cannot carry is refused") {
    FrontendBed bed;
    Session& session = bed.open();
    std::string data(27 * 4096, 'x');
    Outcome outcome;
    CHECK(
        session
            .submit(command(write_10, DataDirection::to_device, bytes_of(data)), outcome.handler())
            .error == SubmitError::bad_command);
    CHECK(session.submit(command(write_10, DataDirection::none, bytes_of(data)), outcome.handler())
              .error == SubmitError::bad_command);
    CHECK(session.submit(command({}), outcome.handler()).error == SubmitError::bad_command);
    const std::array<std::uint8_t, 17> long_cdb{};
    CHECK(session.submit(command(long_cdb), outcome.handler()).error == SubmitError::bad_command);
    session.poll();
    CHECK(outcome.calls == 0);
}

TEST_CASE("sixteen commands fit, the next one is told to wait") {
    FrontendBed bed;
    bed.backend.serving = false;
    Session& session = bed.open();
    Outcome outcome;
    for (int i = 0; i < 16; ++i)
        REQUIRE(session.submit(command(test_unit_ready), outcome.handler()));
    CHECK(session.submit(command(test_unit_ready), outcome.handler()).error == SubmitError::busy);
    CHECK(session.free_slots() == 0);
    session.flush();
    CHECK(bed.backend.channel().signals == 1);
    CHECK(bed.backend.requests.size() == 16);
    // Any order of answers will do.
    std::reverse(bed.backend.requests.begin(), bed.backend.requests.end());
    bed.backend.serving = true;
    bed.backend.look();
    CHECK(session.poll() == 16);
    CHECK(outcome.calls == 16);
}

TEST_CASE("memory for bounced data is bounded, and comes back") {
    FrontendBed bed;
    bed.options.bounce_memory = 64 * 4096;
    bed.backend.serving = false;
    Session& session = bed.open();
    Outcome outcome;
    std::string data(26 * 4096, 'x');
    const auto write = command(write_10, DataDirection::to_device, bytes_of(data));
    REQUIRE(session.submit(write, outcome.handler()));
    REQUIRE(session.submit(write, outcome.handler()));
    CHECK(session.submit(write, outcome.handler()).error == SubmitError::busy);
    session.flush();
    bed.backend.respond(good(bed.backend.next_request()));
    session.poll();
    CHECK(session.submit(write, outcome.handler()));
}

TEST_CASE("a refused grant makes a command fail, not the session") {
    FrontendBed bed;
    Session& session = bed.open();
    std::string data(512, 'x');
    Outcome outcome;
    bed.host.shares_to_fail = 1;
    CHECK(
        session
            .submit(command(write_10, DataDirection::to_device, bytes_of(data)), outcome.handler())
            .error == SubmitError::bad_command);
    bed.host.shares_to_fail = 2;
    CHECK_THROWS_AS(session.allocate(4096), std::bad_alloc);
    CHECK_THROWS_WITH(session.allocate(4096), Catch::Contains("xen-gntalloc"));
    CHECK(session.submit(command(write_10, DataDirection::to_device, bytes_of(data)),
                         outcome.handler()));
    REQUIRE(bed.run_until([&] { return outcome.calls == 1; }));
}

TEST_CASE("a callback may submit the next command, and polling from inside it does nothing") {
    FrontendBed bed;
    Session& session = bed.open();
    int done = 0;
    std::function<void(const Completion&)> next = [&](const Completion&) {
        CHECK(session.poll() == 0);
        CHECK(session.wait(std::chrono::milliseconds(1)) == 0);
        if (++done < 50)
            REQUIRE(session.submit(command(test_unit_ready), next));
    };
    for (int i = 0; i < 16; ++i)
        REQUIRE(session.submit(command(test_unit_ready), [](const Completion&) {}));
    session.flush();
    session.poll();
    REQUIRE(session.submit(command(test_unit_ready), next));
    REQUIRE(bed.run_until([&] { return done == 50; }));
}

TEST_CASE("host codes that are not defined are errors") {
    FrontendBed bed;
    Session& session = bed.open();
    const auto [code, host] = GENERATE(table<std::uint8_t, Host>({{1, Host::no_connect},
                                                                  {15, Host::transport_failfast},
                                                                  {16, Host::error},
                                                                  {19, Host::error},
                                                                  {20, Host::transport_marginal},
                                                                  {255, Host::error}}));
    bed.backend.answer = [code = code](const ring::WireRequest& request) {
        return ring::make_response(ring::tag_of(request), code, 0, {}, 0);
    };
    Outcome outcome;
    REQUIRE(session.submit(command(test_unit_ready), outcome.handler()));
    REQUIRE(bed.run_until([&] { return outcome.calls == 1; }));
    CHECK(outcome.host == host);
}

TEST_CASE("a polling session asks for no signals, a sleeping one for the next") {
    FrontendBed bed;
    bed.backend.serving = false;
    Session& session = bed.open();
    Outcome outcome;
    const auto round = [&] {
        REQUIRE(session.submit(command(test_unit_ready), outcome.handler()));
        session.flush();
        bed.backend.respond(good(bed.backend.next_request()));
    };
    round(); // the ring starts armed
    session.poll();
    while (!session.prepare_to_sleep())
        session.poll();
    round();
    CHECK_FALSE(session.prepare_to_sleep());
    CHECK(session.poll() == 1);
    for (int i = 0; i < 40; ++i) {
        round();
        CHECK(session.poll() == 1);
    }
    CHECK(outcome.calls == 42);
}
