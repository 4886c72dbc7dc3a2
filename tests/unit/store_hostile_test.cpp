// The store server against clients that do not keep to the protocol: raw bytes on its socket.
#include "common/base/unique_fd.hpp"
#include "common/hypervisor/host/store_wire.hpp"
#include "tests/support/store_host.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

extern "C" {
#include <xen/io/xs_wire.h>
}

using namespace pvscsi;
using namespace pvscsi::hv::host;
using pvscsi::test::StoreHost;
using pvscsi::test::wait_event;
using Op = StoreOperation;

namespace {

constexpr DomId guest{7};

/// A connection that sends what it likes.
class RawClient {
  public:
    RawClient(const StoreHost& host, DomId domain)
        : fd_(adopt_fd, ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, host.socket(domain).c_str(), sizeof(address.sun_path) - 1);
        REQUIRE(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0)
                return; // the server has hung up: what the test is about
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    /// Sends without waiting for room; false when there is none.
    bool try_send(std::string_view bytes) {
        return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
    }

    /// The next message, or nothing when the server has hung up.
    std::optional<StoreMessage> receive() {
        for (;;) {
            std::span<const char> unread(buffer_.data() + used_, filled_ - used_);
            const auto status = reader_.feed(unread);
            used_ = filled_ - unread.size();
            if (status == StoreReader::Status::message)
                return reader_.message();
            pollfd readable{fd_.get(), POLLIN, 0};
            REQUIRE(::poll(&readable, 1, 30'000) == 1);
            const ssize_t size = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
            if (size <= 0)
                return {};
            used_ = 0;
            filled_ = static_cast<std::size_t>(size);
        }
    }

    StoreMessage ask(Op operation, std::string_view payload, std::uint32_t txn = 0) {
        send(encode(operation, 77, txn, payload));
        const auto reply = receive();
        REQUIRE(reply);
        CHECK(reply->request == 77);
        CHECK(reply->transaction == txn);
        return *reply;
    }
    /// The name of the error, or nothing.
    std::string error(Op operation, std::string_view payload, std::uint32_t txn = 0) {
        const auto reply = ask(operation, payload, txn);
        if (reply.operation != Op::error)
            return {};
        CHECK(reply.payload.back() == '\0');
        return reply.payload.substr(0, reply.payload.size() - 1);
    }

  private:
    UniqueFd fd_;
    StoreReader reader_;
    std::string buffer_ = std::string(65536, '\0');
    std::size_t used_ = 0;
    std::size_t filled_ = 0;
};

std::string nul(std::initializer_list<std::string_view> strings) {
    std::string all;
    for (const auto text : strings)
        all.append(text).push_back('\0');
    return all;
}

} // namespace

TEST_CASE("our numbers are those of Xen's header") {
    CHECK(static_cast<unsigned>(Op::control) == XS_CONTROL);
    CHECK(static_cast<unsigned>(Op::directory) == XS_DIRECTORY);
    CHECK(static_cast<unsigned>(Op::read) == XS_READ);
    CHECK(static_cast<unsigned>(Op::get_permissions) == XS_GET_PERMS);
    CHECK(static_cast<unsigned>(Op::watch) == XS_WATCH);
    CHECK(static_cast<unsigned>(Op::unwatch) == XS_UNWATCH);
    CHECK(static_cast<unsigned>(Op::transaction_start) == XS_TRANSACTION_START);
    CHECK(static_cast<unsigned>(Op::transaction_end) == XS_TRANSACTION_END);
    CHECK(static_cast<unsigned>(Op::introduce) == XS_INTRODUCE);
    CHECK(static_cast<unsigned>(Op::release) == XS_RELEASE);
    CHECK(static_cast<unsigned>(Op::get_domain_path) == XS_GET_DOMAIN_PATH);
    CHECK(static_cast<unsigned>(Op::write) == XS_WRITE);
    CHECK(static_cast<unsigned>(Op::mkdir) == XS_MKDIR);
    CHECK(static_cast<unsigned>(Op::remove) == XS_RM);
    CHECK(static_cast<unsigned>(Op::set_permissions) == XS_SET_PERMS);
    CHECK(static_cast<unsigned>(Op::watch_event) == XS_WATCH_EVENT);
    CHECK(static_cast<unsigned>(Op::error) == XS_ERROR);
    CHECK(static_cast<unsigned>(Op::is_domain_introduced) == XS_IS_DOMAIN_INTRODUCED);
    CHECK(static_cast<unsigned>(Op::resume) == XS_RESUME);
    CHECK(static_cast<unsigned>(Op::set_target) == XS_SET_TARGET);
    CHECK(static_cast<unsigned>(Op::reset_watches) == XS_RESET_WATCHES);
    CHECK(static_cast<unsigned>(Op::directory_part) == XS_DIRECTORY_PART);
    CHECK(store_header_size == sizeof(xsd_sockmsg));
    CHECK(max_store_payload == XENSTORE_PAYLOAD_MAX);
}

TEST_CASE("payloads that are not as they should be are EINVAL") {
    StoreHost host;
    RawClient client(host, DomId{0});
    const std::string no_end = "/a";
    for (const Op op : {Op::directory, Op::read, Op::mkdir, Op::remove, Op::get_permissions}) {
        CHECK(client.error(op, "") == "EINVAL");
        CHECK(client.error(op, no_end) == "EINVAL");
        CHECK(client.error(op, nul({"/a", "/b"})) == "EINVAL");
    }
    CHECK(client.error(Op::write, no_end) == "EINVAL");
    CHECK(client.error(Op::write, nul({"/a"}) + "value\0more") == "");
    for (const auto* permission : {"", "r", "x0", "r-1", "r65536", "rw0", "r0 ", "r0x10"})
        CHECK(client.error(Op::set_permissions, nul({"/a", permission})) == "EINVAL");
    CHECK(client.error(Op::set_permissions, nul({"/a"})) == "EINVAL");
    CHECK(client.error(Op::set_permissions, "/a") == "EINVAL");
    CHECK(client.error(Op::set_permissions, nul({"/a", "r0", "b0"})) == "");
    for (const Op op : {Op::watch, Op::unwatch}) {
        CHECK(client.error(op, nul({"/a"})) == "EINVAL");
        CHECK(client.error(op, nul({"/a", "b", "c"})) == "EINVAL");
    }
    for (const auto* offset : {"", "-1", "x", "99999999999999999999999"})
        CHECK(client.error(Op::directory_part, nul({"/", offset})) == "EINVAL");
    CHECK(client.error(Op::directory_part, nul({"/"})) == "EINVAL");
    CHECK(client.error(Op::transaction_end, nul({"X"})) == "EINVAL");
    for (const auto* domain : {"", "x", "-1", "65536", "1 "})
        for (const Op op : {Op::get_domain_path, Op::is_domain_introduced, Op::release, Op::resume})
            CHECK(client.error(op, nul({domain})) == "EINVAL");
    CHECK(client.error(Op::introduce, nul({"5", "1", "0"})) == "EINVAL");
    CHECK(client.error(Op::introduce, nul({"5", "1"})) == "EINVAL");
}

TEST_CASE("operations that are none, or not for this client") {
    StoreHost host;
    host.add_guest(guest);
    RawClient dom0(host, DomId{0});
    RawClient client(host, guest);
    for (const std::uint32_t type : {15u, 16u, 20u, 23u, 24u, 0xffffu, 0xffffffffu}) {
        CHECK(dom0.error(static_cast<Op>(type), "") == "ENOSYS");
        CHECK(client.error(static_cast<Op>(type), "") == "ENOSYS");
    }
    CHECK(dom0.error(Op::control, nul({"help"})) == "ENOSYS");
    CHECK(dom0.error(Op::set_target, nul({"1", "2"})) == "ENOSYS");
    for (const Op op : {Op::control, Op::set_target, Op::introduce, Op::release, Op::resume,
                        Op::is_domain_introduced})
        CHECK(client.error(op, nul({"0"})) == "EACCES");
    CHECK(client.ask(Op::get_domain_path, nul({"5"})).payload == nul({"/local/domain/5"}));
}

TEST_CASE("dom0 introduces and releases by the wire") {
    StoreHost host;
    RawClient dom0(host, DomId{0});
    CHECK(dom0.error(Op::release, nul({"9"})) == "ENOENT");
    CHECK(dom0.error(Op::resume, nul({"9"})) == "ENOENT");
    CHECK(dom0.ask(Op::is_domain_introduced, nul({"9"})).payload == nul({"F"}));
    CHECK(dom0.ask(Op::introduce, nul({"9", "1", "1"})).payload == nul({"OK"}));
    CHECK(dom0.ask(Op::is_domain_introduced, nul({"9"})).payload == nul({"T"}));
    CHECK(dom0.ask(Op::resume, nul({"9"})).payload == nul({"OK"}));
    CHECK(dom0.ask(Op::release, nul({"9"})).payload == nul({"OK"}));
    CHECK(dom0.ask(Op::is_domain_introduced, nul({"9"})).payload == nul({"F"}));
    CHECK(dom0.error(Op::release, nul({"0"})) == "EINVAL");
}

TEST_CASE("transactions are named by those who hold them") {
    StoreHost host;
    RawClient client(host, DomId{0});
    CHECK(client.error(Op::read, nul({"/"}), 5) == "ENOENT");
    CHECK(client.error(Op::transaction_end, nul({"T"}), 0) == "ENOENT");
    const auto id = client.ask(Op::transaction_start, nul({""})).payload;
    const auto txn = static_cast<std::uint32_t>(std::stoul(id));
    CHECK(client.error(Op::transaction_start, nul({""}), txn) == "EBUSY");
    CHECK(client.error(Op::transaction_end, nul({"F"}), txn) == "");
    CHECK(client.error(Op::transaction_end, nul({"F"}), txn) == "ENOENT");
    CHECK(client.ask(Op::reset_watches, nul({""})).payload == nul({"OK"}));
}

TEST_CASE("a message is understood however it is cut, and several at once too") {
    StoreHost host;
    RawClient client(host, DomId{0});
    const std::string request = encode(Op::write, 1, 0, nul({"/cut"}) + "value");
    for (const char byte : request)
        client.send({&byte, 1});
    CHECK(client.receive()->payload == nul({"OK"}));
    std::string many;
    for (std::uint32_t i = 0; i < 500; ++i)
        many += encode(Op::read, i, 0, nul({"/cut"}));
    client.send(many);
    for (std::uint32_t i = 0; i < 500; ++i) {
        const auto reply = client.receive();
        REQUIRE(reply);
        CHECK(reply->request == i);
        CHECK(reply->payload == "value");
    }
}

TEST_CASE("a message longer than allowed ends the connection and nobody else's") {
    StoreHost host;
    host.add_guest(guest);
    RawClient neighbour(host, guest);
    for (const std::uint32_t length : {4097u, 0x7fffffffu, 0xffffffffu}) {
        RawClient client(host, guest);
        std::string header = encode(Op::read, 1, 0, "");
        std::memcpy(header.data() + 12, &length, sizeof(length));
        client.send(header);
        CHECK_FALSE(client.receive());
    }
    CHECK(neighbour.error(Op::write, nul({"x"}) + "1") == "");
    RawClient longest(host, guest);
    CHECK(longest.error(Op::write, std::string(4096, '\0')) == "EINVAL");
}

TEST_CASE("a value too long for the answer is E2BIG") {
    StoreHost host;
    RawClient client(host, DomId{0});
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
    RawClient client(host, guest);
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
    RawClient client(host, guest);
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
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 128; ++i) {
        clients.push_back(std::make_unique<RawClient>(host, guest));
        CHECK(clients.back()->error(Op::read, nul({"x"})) == "ENOENT");
    }
    RawClient refused(host, guest);
    CHECK_FALSE(refused.receive());
    CHECK(RawClient(host, DomId{0}).error(Op::read, nul({"/"})) == "");
    clients.pop_back();
    // The server sees the end of that one when it comes to it.
    for (;;) {
        RawClient again(host, guest);
        again.send(encode(Op::read, 1, 0, nul({"x"})));
        if (again.receive())
            break;
    }
}

TEST_CASE("running out of file descriptors delays connections and ends none") {
    StoreHost host;
    auto store = host.connect();
    RawClient waiting(host, DomId{0});
    CHECK(waiting.error(Op::read, nul({"/"})) == "");
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    // The client's own socket takes the last descriptor that there is; the server needs one more.
    const UniqueFd probe(adopt_fd, ::dup(0));
    const rlimit low{static_cast<rlim_t>(probe.get()) + 2, limit.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
    RawClient late(host, DomId{0});
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
