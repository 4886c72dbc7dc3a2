// Guests of the embedded host that abuse an event channel: E10 of common/hypervisor/contract.md.
#include "tests/contract/hostile_guest.hpp"
#include "tests/support/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <vector>

using namespace pvscsi;
using namespace pvscsi::hv;
using namespace pvscsi::hv::host;
using test::Child;
using test::Hostile;
using test::Talk;

namespace {

bool readable(int fd) {
    pollfd entry{fd, POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
}

} // namespace

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
