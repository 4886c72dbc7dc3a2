// The store server against clients that mean harm: what one may use, and that others are served on.
#include "tests/support/raw_store_client.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <sys/resource.h>

using namespace pvscsi;
using namespace pvscsi::hv::host;
using namespace pvscsi::test;
using Op = StoreOperation;

namespace {
constexpr DomId guest{7};
} // namespace

TEST_CASE("a message longer than allowed ends the connection and nobody else's") {
    StoreHost host;
    host.add_guest(guest);
    RawStoreClient neighbour(host, guest);
    for (const std::uint32_t length : {4097u, 0x7fffffffu, 0xffffffffu}) {
        RawStoreClient client(host, guest);
        std::string header = encode(Op::read, 1, 0, "");
        std::memcpy(header.data() + 12, &length, sizeof(length));
        client.send(header);
        CHECK_FALSE(client.receive());
    }
    CHECK(neighbour.error(Op::write, nul({"x"}) + "1") == "");
    RawStoreClient longest(host, guest);
    CHECK(longest.error(Op::write, std::string(4096, '\0')) == "EINVAL");
}

TEST_CASE("a value too long for the answer is E2BIG") {
    StoreHost host;
    RawStoreClient client(host, DomId{0});
    for (int i = 0; i < 100; ++i)
        CHECK(client.error(Op::mkdir, nul({"/d/" + std::string(50, 'x') + std::to_string(i)})) ==
              "");
    CHECK(client.error(Op::directory, nul({"/d"})) == "E2BIG");
}

TEST_CASE("a client that does not read its replies is not served for ever") {
    StoreHost host;
    host.add_guest(guest);
    auto dom0 = host.connect();
    REQUIRE(dom0.write("/local/domain/7/big", std::string(4000, 'x')));
    RawStoreClient client(host, guest);
    std::string requests;
    for (int i = 0; i < 1000; ++i)
        requests += encode(Op::read, 0, 0, nul({"big"}));
    // 4 MB of replies a round: without a bound the server would take all of them.
    std::size_t rounds = 0;
    while (rounds < 1000 && client.try_send(requests))
        ++rounds;
    // The socket may have room again a moment later: until then the server has gone on.
    CHECK(rounds < 1000);
    CHECK(dom0.read("/local/domain/7/big").value().size() == 4000);
    // Whatever was sent whole is answered when the client reads again.
    for (int i = 0; i < 1000; ++i)
        REQUIRE(client.receive()->payload.size() == 4000);
}

TEST_CASE("watch events that are not read are one each, and end the connection beyond a bound") {
    StoreHost host;
    host.add_guest(guest);
    auto dom0 = host.connect();
    RawStoreClient client(host, guest);
    CHECK(client.error(Op::watch, nul({"", "t"})) == "EINVAL");
    client.send(encode(Op::watch, 1, 0, nul({"/local/domain/7", "t"})));
    REQUIRE(client.receive());
    REQUIRE(client.receive());

    SECTION("the same event again and again") {
        for (int i = 0; i < 20'000; ++i)
            REQUIRE(dom0.write("/local/domain/7/same", std::to_string(i)));
        // The last one is always told of; the connection lives.
        client.send(encode(Op::read, 99, 0, nul({"same"})));
        int events = 0;
        std::optional<StoreMessage> message;
        while ((message = client.receive()) && message->operation == Op::watch_event)
            ++events;
        REQUIRE(message);
        CHECK(message->payload == "19999");
        CHECK(events < 20'000);
        CHECK(events > 0);
    }
    SECTION("ever new ones") {
        constexpr int changes = 2'000; // of 2 KB each
        for (int i = 0; i < changes; ++i)
            REQUIRE(dom0.write("/local/domain/7/" + std::to_string(i % 50) + "/" +
                                   std::string(2000, 'n') + std::to_string(i),
                               ""));
        int events = 0;
        while (client.receive())
            ++events;
        CHECK(events < changes);
        CHECK(dom0.read("/local/domain/7"));
    }
}

TEST_CASE("a domain has so many connections") {
    StoreHost host;
    host.add_guest(guest);
    std::vector<std::unique_ptr<RawStoreClient>> clients;
    for (int i = 0; i < 128; ++i) {
        clients.push_back(std::make_unique<RawStoreClient>(host, guest));
        CHECK(clients.back()->error(Op::read, nul({"x"})) == "ENOENT");
    }
    RawStoreClient refused(host, guest);
    CHECK_FALSE(refused.receive());
    CHECK(RawStoreClient(host, DomId{0}).error(Op::read, nul({"/"})) == "");
    clients.pop_back();
    // The server sees the end of that one when it comes to it.
    for (;;) {
        RawStoreClient again(host, guest);
        again.send(encode(Op::read, 1, 0, nul({"x"})));
        if (again.receive())
            break;
    }
}

TEST_CASE("running out of file descriptors delays connections and ends none") {
    StoreHost host;
    auto store = host.connect();
    RawStoreClient waiting(host, DomId{0});
    CHECK(waiting.error(Op::read, nul({"/"})) == "");
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    // The client's own socket takes the last descriptor that there is; the server needs one more.
    const UniqueFd probe(adopt_fd, ::dup(0));
    const rlimit low{static_cast<rlim_t>(probe.get()) + 2, limit.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
    RawStoreClient late(host, DomId{0});
    late.send(encode(Op::read, 5, 0, nul({"/"})));
    CHECK(store.write("/x", "1"));
    CHECK(waiting.error(Op::read, nul({"/"})) == "");
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(late.receive()->request == 5);
}

TEST_CASE("a socket that cannot be made is an error that names it") {
    StoreHost host;
    const auto listen_at = [&](const std::string& path) {
        host.run([&](StoreServer& server) { server.listen(path, guest); });
    };
    CHECK_THROWS_WITH(listen_at("/nonexistent/socket"), Catch::Contains("/nonexistent/socket"));
    CHECK_THROWS_AS(listen_at(host.directory() / std::string(200, 'x')), std::system_error);
}

TEST_CASE("a socket is replaced and removed, connections stay") {
    StoreHost host;
    auto before = host.connect();
    CHECK(before.write("/x", "0")); // it has been accepted, not only queued
    host.run([&](StoreServer& server) { server.listen(host.socket(), DomId{0}); });
    auto after = host.connect();
    CHECK(after.read("/x").value() == "0");
    host.run([&](StoreServer& server) { server.unlisten(host.socket()); });
    CHECK_FALSE(std::filesystem::exists(host.socket()));
    CHECK(before.write("/x", "1"));
    CHECK(after.read("/x").value() == "1");
}
