// Guests of the embedded host that send the broker nonsense, or more than it can take, and as many
// guests as there may be.
#include "common/hypervisor/host/seqpacket.hpp"
#include "tests/contract/hostile_guest.hpp"

#include <fcntl.h>
#include <poll.h>
#include <random>
#include <sys/socket.h>
#include <vector>

using namespace pvscsi;
using namespace pvscsi::hv;
using namespace pvscsi::hv::host;
using test::EmbeddedHost;
using test::filled;
using test::Hostile;

namespace {

/// True if the broker hangs up within reasonable time.
bool hangs_up(int socket) {
    pollfd entry{socket, POLLIN, 0};
    std::byte byte{};
    return ::poll(&entry, 1, 10000) == 1 && ::recv(socket, &byte, 1, 0) <= 0;
}

} // namespace

TEST_CASE("messages that are no requests") {
    Hostile h;
    const std::string path = broker_socket(h.host.dir(), h.guest_id);
    std::minstd_rand random(11);
    for (const std::size_t size : {1UL, 3UL, 15UL, 16UL, 100UL, 16400UL, 16401UL, 60000UL}) {
        const UniqueFd socket = connect_seqpacket(path);
        std::vector<std::byte> junk(size);
        std::ranges::generate(junk, [&] { return static_cast<std::byte>(random() | 0x80); });
        // Files that come along are closed, not kept.
        std::vector<UniqueFd> files;
        files.emplace_back(adopt_fd, ::open("/dev/null", O_RDONLY | O_CLOEXEC));
        REQUIRE(send_message(socket.get(), junk, {}, files, 0));
        CHECK(hangs_up(socket.get()));
    }
    const UniqueFd unknown = connect_seqpacket(path);
    const Request request{.op = static_cast<Op>(77)};
    REQUIRE(send_message(unknown.get(), std::as_bytes(std::span(&request, 1)), {}, {}, 0));
    CHECK(hangs_up(unknown.get()));
    CHECK(h.broker_is_well());
}

TEST_CASE("a client that never reads") {
    Hostile h;
    const UniqueFd socket = connect_seqpacket(broker_socket(h.host.dir(), h.guest_id));
    const Request request{.op = Op::alloc_pages, .count = 1};
    bool gone = false;
    for (int i = 0; i < 1000000 && !gone; ++i) {
        const auto sent =
            send_message(socket.get(), std::as_bytes(std::span(&request, 1)), {}, {}, 0);
        gone = !sent;
    }
    CHECK(gone);
    CHECK(h.broker_is_well());
    CHECK(h.map_status(8) == GrantStatus::bad_ref);
}

TEST_CASE("a guest with too many connections and ports") {
    Hostile h;
    std::vector<std::unique_ptr<BrokerConnection>> connections;
    bool refused = false;
    for (int i = 0; i < 400 && !refused; ++i) {
        try {
            connections.push_back(
                std::make_unique<BrokerConnection>(broker_socket(h.host.dir(), h.guest_id)));
        } catch (const std::system_error&) {
            refused = true;
        }
    }
    CHECK(refused);
    CHECK(connections.size() > 100);
    connections.clear();

    int ports = 0;
    for (;; ++ports) {
        const auto opened = h.raw.call({.op = Op::alloc_unbound, .domain = 0});
        REQUIRE(opened);
        if (opened->reply.error != 0) {
            CHECK(opened->reply.error == ENOSPC);
            break;
        }
    }
    CHECK(ports == 1024);
    // Others have theirs.
    const DomId other = h.host.domains()->create("other", "", "").id;
    CHECK(h.host.open(other)->alloc_unbound(DomId{0}));
}

TEST_CASE("64 guests at once") {
    EmbeddedHost host;
    const auto domains = host.domains();
    const auto backend = host.open();
    struct Guest {
        std::unique_ptr<Hypervisor> hypervisor;
        std::unique_ptr<SharedPages> shared;
        std::unique_ptr<GrantMapper> mapper;
        std::unique_ptr<MappedPages> mapped;
        std::unique_ptr<EventChannel> front, back;
    };
    std::vector<Guest> guests;
    for (int i = 0; i < 64; ++i) {
        const DomId id = domains->create("guest-" + std::to_string(i), "", "").id;
        Guest guest;
        guest.hypervisor = host.open(id);
        guest.shared = std::move(
            guest.hypervisor->open_grant_sharer()->share(DomId{0}, 4, Access::read_write).value());
        guest.mapper = backend->open_grant_mapper(id);
        guest.mapped =
            std::move(guest.mapper->map(guest.shared->refs(), Access::read_write).value());
        guest.front = std::move(guest.hypervisor->alloc_unbound(DomId{0}).value());
        guest.back = std::move(backend->bind_interdomain(id, guest.front->port()).value());
        std::memset(guest.shared->bytes().data(), i + 1, guest.shared->bytes().size());
        guests.push_back(std::move(guest));
    }
    for (int i = 0; i < 64; ++i) {
        Guest& guest = guests[static_cast<std::size_t>(i)];
        CHECK(filled(guest.mapped->bytes(), i + 1));
        CHECK(guest.back->take());
        guest.back->unmask();
        guest.front->notify();
        CHECK(guest.back->take());
    }
    CHECK(domains->list().size() == 65);
}
