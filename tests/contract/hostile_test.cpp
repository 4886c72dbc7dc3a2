// Guests of the embedded host that speak to the broker by themselves and keep to no rule: G19, E10
// of common/hypervisor/contract.md, and everything that the broker must survive.
#include "common/hypervisor/host/connection.hpp"
#include "common/hypervisor/host/paths.hpp"
#include "common/hypervisor/host/seqpacket.hpp"
#include "tests/support/child.hpp"
#include "tests/support/embedded_host.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <random>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

using namespace pvscsi;
using namespace pvscsi::hv;
using namespace pvscsi::hv::host;
using test::Child;
using test::EmbeddedHost;
using test::Talk;

namespace {

/// A guest that has a connection and its memory, but no library that behaves.
struct Hostile {
    EmbeddedHost host;
    DomId guest_id = host.domains()->create("guest", "", "").id;
    BrokerConnection raw{broker_socket(host.dir(), guest_id)};
    std::unique_ptr<Hypervisor> backend = host.open();
    std::unique_ptr<GrantMapper> mapper = backend->open_grant_mapper(guest_id);

    std::uint32_t alloc(std::uint32_t count) {
        const auto received = raw.call({.op = Op::alloc_pages, .count = count});
        REQUIRE(received);
        REQUIRE(received->reply.error == 0);
        return received->reply.number;
    }
    EntryWord& entry(std::uint32_t ref) { return raw.grant_table().entries[ref]; }
    Mapping page(std::uint32_t frame) {
        return {raw.pool_fd(), frame * page_size, page_size, Access::read_write};
    }
    void fill(std::uint32_t frame, int value) { std::memset(page(frame).data(), value, page_size); }
    GrantStatus map_status(std::uint32_t ref, Access access = Access::read_write) {
        const GrantRef refs[]{GrantRef{ref}};
        const auto mapped = mapper->map(refs, access);
        return mapped ? GrantStatus::ok : mapped.error();
    }
    bool broker_is_well() { return host.domains()->find("guest").has_value(); }
};

bool filled(std::span<const std::byte> bytes, int value) {
    return std::ranges::all_of(bytes, [value](std::byte b) { return b == std::byte(value); });
}

std::uint64_t granted(std::uint32_t frame, std::uint16_t flags = gtf::permit_access) {
    return pack({flags, 0, frame});
}

bool readable(int fd) {
    pollfd entry{fd, POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
}

/// True if the broker hangs up within reasonable time.
bool hangs_up(int socket) {
    pollfd entry{socket, POLLIN, 0};
    std::byte byte{};
    return ::poll(&entry, 1, 10000) == 1 && ::recv(socket, &byte, 1, 0) <= 0;
}

} // namespace

TEST_CASE("G19 a mapping stays what it was granted as") {
    Hostile h;
    const std::uint32_t first = h.alloc(2);
    h.fill(first, 0x11);
    h.fill(first + 1, 0x22);
    h.entry(first) = granted(first);
    const GrantRef refs[]{GrantRef{first}};
    auto mapped = h.mapper->map(refs, Access::read_write);
    REQUIRE(mapped);
    CHECK((unpack(h.entry(first)).flags & gtf::in_use) == gtf::in_use);

    // Now the entry says another page; those who have mapped it keep the first.
    h.entry(first) = granted(first + 1);
    CHECK(filled((*mapped)->bytes(), 0x11));
    auto again = h.mapper->map(refs, Access::read_only);
    REQUIRE(again);
    CHECK(filled((*again)->bytes(), 0x11));
    // Or says nothing at all.
    h.entry(first) = 0;
    CHECK(h.map_status(first) == GrantStatus::bad_ref);
    CHECK(filled((*mapped)->bytes(), 0x11));
    h.entry(first) = pack({gtf::permit_access, h.guest_id.value(), first});
    CHECK(h.map_status(first) == GrantStatus::bad_domain);
    mapped->reset();
    again->reset();
    h.entry(first) = granted(first + 1);
    mapped = h.mapper->map(refs, Access::read_write);
    REQUIRE(mapped);
    CHECK(filled((*mapped)->bytes(), 0x22));
    CHECK(h.broker_is_well());
}

TEST_CASE("a page that a foreign entry has mapped is not handed out again") {
    Hostile h;
    const std::uint32_t first = h.alloc(2);
    // Entry `first` grants page `first + 1`, which is then given back.
    const std::uint32_t second = h.alloc(1);
    h.entry(first) = granted(second);
    const GrantRef refs[]{GrantRef{first}};
    const auto mapped = h.mapper->map(refs, Access::read_write);
    REQUIRE(mapped);
    REQUIRE(h.raw.call({.op = Op::free_pages, .number = second}));
    CHECK(h.alloc(1) != second);
}

TEST_CASE("entries that Xen would refuse") {
    Hostile h;
    const std::uint32_t first = h.alloc(1);
    struct Case {
        GrantEntry entry;
        GrantStatus status;
    };
    for (const auto& [entry, status] :
         {Case{{gtf::permit_access, 0, pool_pages}, GrantStatus::bad_ref},
          Case{{gtf::permit_access, 0, 0xffffffff}, GrantStatus::bad_ref},
          Case{{2, 0, first}, GrantStatus::bad_ref}, // accept_transfer
          Case{{3, 0, first}, GrantStatus::bad_ref}, // transitive
          Case{{0xfffc, 0, first}, GrantStatus::bad_ref},
          Case{{gtf::permit_access, 0x7ff0, first}, GrantStatus::bad_domain},
          Case{{gtf::permit_access | gtf::read_only, 0, first}, GrantStatus::read_only}}) {
        h.entry(first) = pack(entry);
        CHECK(h.map_status(first) == status);
        std::byte local{};
        GrantCopy piece{.ref = GrantRef{first},
                        .length = 1,
                        .direction = GrantCopy::Direction::to_peer,
                        .local = &local};
        CHECK(h.mapper->copy({&piece, 1}) == 1);
        CHECK(piece.status == status);
    }
}

TEST_CASE("an entry that changes all the time") {
    Hostile h;
    const std::uint32_t first = h.alloc(4);
    Child flipper([&](Talk& talk) {
        std::minstd_rand random(7);
        talk.say(1);
        for (;;)
            h.entry(first) = pack({static_cast<std::uint16_t>(random() & 0x1f),
                                   static_cast<std::uint16_t>(random() & 1),
                                   first + static_cast<std::uint32_t>(random() & 3)});
    });
    flipper.hear();
    std::vector<std::byte> local(page_size);
    std::size_t mapped = 0, copied = 0;
    // On a busy machine the other process may stand still for long, at a value that grants nothing.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (int i = 0;
         i < 2000 || ((mapped == 0 || copied == 0) && std::chrono::steady_clock::now() < deadline);
         ++i) {
        mapped += h.map_status(first) == GrantStatus::ok;
        for (int j = 0; j < 50; ++j) {
            GrantCopy piece{.ref = GrantRef{first}, .length = page_size, .local = local.data()};
            copied += h.mapper->copy({&piece, 1}) == 0;
        }
    }
    flipper.kill();
    CHECK(mapped > 0);
    CHECK(copied > 0);
    // Every map was counted down again, or this page would not be free.
    const auto freed = h.raw.call({.op = Op::free_pages, .number = first});
    REQUIRE(freed);
    CHECK(h.alloc(4) == first);
    CHECK(h.broker_is_well());
}

TEST_CASE("E10 a peer that abuses a channel") {
    Hostile h;
    auto opened = h.raw.call({.op = Op::alloc_unbound, .domain = 0});
    REQUIRE(opened);
    REQUIRE(opened->fds.size() == 3);
    const Mapping page(opened->fds[0].get(), 0, page_size, Access::read_write);
    auto& ends = page.as<ChannelPage>().ends;
    const int own = opened->fds[1].get();
    const int peer = opened->fds[2].get();
    const auto back = std::move(
        h.backend->bind_interdomain(h.guest_id, EvtchnPort{opened->reply.number}).value());
    REQUIRE(back->take());
    back->unmask();

    SECTION("its own pipe is full and blocks") {
        ::fcntl(own, F_SETFL, ::fcntl(own, F_GETFL) & ~O_NONBLOCK);
        ::fcntl(peer, F_SETFL, ::fcntl(peer, F_GETFL) & ~O_NONBLOCK);
        std::vector<char> junk(::fcntl(own, F_GETPIPE_SZ));
        REQUIRE(::write(own, junk.data(), junk.size()) > 0);
        for (int i = 0; i < 100; ++i) {
            ends[opened->reply.count].state = 0; // claims to be asleep each time
            back->notify();
        }
    }
    SECTION("our pipe is full of bytes that nobody announced") {
        ::fcntl(peer, F_SETFL, ::fcntl(peer, F_GETFL) & ~O_NONBLOCK);
        std::vector<char> junk(::fcntl(peer, F_GETPIPE_SZ));
        REQUIRE(::write(peer, junk.data(), junk.size()) > 0);
        int woken = 0;
        while (readable(back->fd()) && woken < 1000) {
            CHECK_FALSE(back->take());
            ++woken;
        }
        CHECK(woken < 1000);
    }
    SECTION("our state is anything") {
        auto& state = ends[1 - opened->reply.count].state;
        for (std::uint32_t value = 0; value < 64; ++value) {
            state = value < 32 ? value : ~value;
            (void)back->take();
            back->unmask();
            (void)back->take();
            back->unmask();
        }
        state = 0;
        // All it has lost are its own events.
        while (readable(back->fd()) && !back->take())
            continue;
        back->unmask();
        ends[1 - opened->reply.count].state.fetch_or(ChannelPage::pending);
        CHECK(back->take());
    }
    SECTION("our state changes all the time") {
        auto& state = ends[1 - opened->reply.count].state;
        Child flipper([&](Talk& talk) {
            talk.say(1);
            for (std::uint32_t i = 0;; ++i)
                state = i;
        });
        flipper.hear();
        for (int i = 0; i < 20000; ++i) {
            (void)back->take();
            back->unmask();
            back->notify();
        }
    }
    // Another guest's channel has not noticed.
    const DomId other_id = h.host.domains()->create("other", "", "").id;
    const auto other = h.host.open(other_id);
    const auto front = std::move(other->alloc_unbound(DomId{0}).value());
    const auto good = std::move(h.backend->bind_interdomain(other_id, front->port()).value());
    CHECK(good->take());
    good->unmask();
    front->notify();
    CHECK(good->take());
}

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
