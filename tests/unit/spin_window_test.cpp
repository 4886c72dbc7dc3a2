// The window of adaptive waiting: it grows, shrinks, closes when it only costs, and opens again.
#include "common/base/spin_window.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace std::chrono_literals;

namespace {

constexpr SpinWindow::Limits limits{4us, 100us};

/// A peer that answers `delay` after it was asked, on a processor of its own.
struct FreePeer {
    SpinWindow window;
    std::chrono::nanoseconds spun{};
    unsigned met = 0;

    void ask(std::chrono::nanoseconds delay) {
        const auto length = window.length();
        if (delay < length) {
            spun += delay;
            ++met;
            return window.met();
        }
        spun += length;
        window.missed(delay - length, limits);
    }
};

/// One that needs the processor that we spin on: it answers 5 us after we sleep.
struct StarvedPeer {
    SpinWindow window;
    std::chrono::nanoseconds spun{};

    void ask() {
        spun += window.length();
        window.missed(5us, limits);
    }
};

} // namespace

TEST_CASE("a window grows until it meets what comes soon") {
    FreePeer peer;
    for (int i = 0; i < 1000; ++i)
        peer.ask(30us);
    CHECK(peer.met > 990);
    CHECK(peer.window.length() < 100us);
}

TEST_CASE("a window shrinks when nothing comes for long") {
    FreePeer peer;
    for (int i = 0; i < 100; ++i)
        peer.ask(30us);
    for (int i = 0; i < 10; ++i)
        peer.ask(10ms);
    CHECK(peer.window.length() == limits.least);
}

TEST_CASE("a window never passes its limits") {
    SpinWindow window;
    CHECK(window.length() == 0us);
    for (int i = 0; i < 15; ++i) {
        window.missed(1us, limits);
        CHECK(window.length() >= limits.least);
        CHECK(window.length() <= limits.most);
    }
}

TEST_CASE("a window that delays the peer closes, and costs little from then on") {
    StarvedPeer peer;
    for (int i = 0; i < 40; ++i)
        peer.ask();
    CHECK(peer.window.length() == 0us);
    peer.spun = {};
    for (int i = 0; i < 20'000; ++i)
        peer.ask();
    CHECK(peer.spun < 20'000 * 1us); // against 5 us of work each
}

TEST_CASE("a window that always misses by a little closes as well") {
    FreePeer peer;
    for (int i = 0; i < 1000; ++i)
        peer.ask(120us);
    peer.spun = {};
    for (int i = 0; i < 20'000; ++i)
        peer.ask(120us);
    CHECK(peer.met == 0);
    CHECK(peer.spun < 20'000 * 1us);
}

TEST_CASE("a closed window is tried again, and stays open when that pays") {
    StarvedPeer starved;
    for (int i = 0; i < 20'000; ++i)
        starved.ask();
    FreePeer peer{starved.window};
    for (int i = 0; i < 2000; ++i)
        peer.ask(10us);
    CHECK(peer.met > 900);
    CHECK(peer.window.length() > 10us);

    // What was learned is forgotten: the next closure is a short one again.
    starved.window = peer.window;
    for (unsigned asked = 0; starved.window.length() > 0us; ++asked) {
        REQUIRE(asked < 100);
        starved.ask();
    }
    for (unsigned asked = 0; starved.window.length() == 0us; ++asked) {
        REQUIRE(asked < 20);
        starved.ask();
    }
}
