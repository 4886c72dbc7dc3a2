// The window of adaptive waiting: it opens where looking gets more done, and nowhere else.
#include "common/base/spin_window.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace std::chrono_literals;
using Duration = SpinWindow::Duration;

namespace {

constexpr SpinWindow::Limits limits{4us, 5ms};

/// A peer in simulated time: asked, it answers after `delay`; who sleeps is woken `wake_up` later.
struct Peer {
    Duration delay{}, wake_up{};
    bool needs_our_processor = false; ///< answers only after we sleep
    Duration pace{};                  ///< asks no sooner than so long after it asked last

    SpinWindow window{limits};
    Duration now = 1s, asked = 1s, looked{};
    unsigned pieces = 1; ///< that come together

    void next() {
        asked = std::max(now, asked + pace);
        const Duration comes = asked - now + delay;
        const Duration length = window.length();
        if (length > 0ns && comes < length && !needs_our_processor) {
            looked += comes;
            now += comes;
            window.met();
        } else {
            looked += length;
            now += needs_our_processor ? length + comes : std::max(length, comes);
            now += wake_up;
            window.missed();
        }
        if (window.worked(pieces))
            window.measure(now);
    }
    void run(Duration time) {
        for (const Duration end = now + time; now < end;)
            next();
    }
    /// The part of the time that is spent looking.
    double share(Duration time) {
        looked = 0ns;
        const Duration begin = now;
        run(time);
        return static_cast<double>(looked.count()) / static_cast<double>((now - begin).count());
    }
    double rate(Duration time) {
        unsigned done = 0;
        const Duration begin = now;
        while (now - begin < time)
            next(), done += pieces;
        return done / std::chrono::duration<double>(now - begin).count();
    }
};

/// What would be done in a second by one who always does the same.
double always_sleeping(const Peer& peer) {
    return 1e9 / static_cast<double>((peer.delay + peer.wake_up).count());
}
double always_looking(const Peer& peer) {
    return 1e9 / static_cast<double>(peer.delay.count());
}

} // namespace

TEST_CASE("a window is closed before anything is known") {
    CHECK(SpinWindow(limits).length() == 0ns);
}

TEST_CASE("where wake-ups are dear compared with the work, looking is what is done") {
    Peer peer;
    SECTION("a machine of its own") {
        peer.delay = 2us, peer.wake_up = 44us;
    }
    SECTION("an emulated one") {
        peer.delay = 900us, peer.wake_up = 1ms;
    }
    peer.run(3s);
    CHECK(peer.window.length() >= peer.delay);
    CHECK(peer.window.length() <= limits.most);
    CHECK(peer.rate(5s) > 0.95 * always_looking(peer));
}

TEST_CASE("where a wake-up is cheap, no processor is spent on saving it") {
    Peer peer{.delay = 900us, .wake_up = 30us};
    peer.run(3s);
    CHECK(peer.share(20s) < 0.05);
}

TEST_CASE("a peer that needs our processor gets it") {
    Peer peer{.delay = 5us, .wake_up = 3us, .needs_our_processor = true};
    peer.run(100ms);
    CHECK(peer.rate(1s) > 0.95 * always_sleeping(peer));
    CHECK(peer.share(1s) < 0.05);
}

TEST_CASE("work at a pace of its own is not waited for") {
    Peer peer{.delay = 20us, .wake_up = 50us, .pace = 1ms};
    peer.run(3s);
    CHECK(peer.share(20s) < 0.05);
}

TEST_CASE("work that comes seldom is not waited for at all") {
    Peer peer{.delay = 2us, .wake_up = 44us};
    peer.run(1s);
    REQUIRE(peer.window.length() > 0ns);
    peer.pace = 100ms;
    peer.run(5s);
    CHECK(peer.window.length() == 0ns);
    CHECK(peer.share(100s) < 0.001);
}

TEST_CASE("what was better before a pause is so after it") {
    Peer peer{.delay = 900us, .wake_up = 1ms};
    peer.run(3s);
    REQUIRE(peer.window.length() > 0ns);
    peer.pace = 50ms; // a command now and then
    peer.run(1s);
    REQUIRE(peer.window.length() == 0ns);
    peer.pace = 0ns;
    CHECK(peer.rate(1s) > 0.9 * always_looking(peer));
}

TEST_CASE("a peer that comes to need our processor gets it soon") {
    Peer peer{.delay = 5us, .wake_up = 30us};
    peer.run(1s);
    REQUIRE(peer.window.length() > 0ns);
    peer.needs_our_processor = true;
    const Duration begin = peer.now;
    for (int i = 0; i < 10; ++i)
        peer.next();
    CHECK(peer.window.length() == 0ns);
    CHECK(peer.now - begin < 10 * (5us + 30us) + 1ms);
}

TEST_CASE("one that no longer does is looked for again") {
    Peer peer{.delay = 5us, .wake_up = 30us, .needs_our_processor = true};
    peer.run(10s);
    REQUIRE(peer.share(100ms) < 0.05);
    peer.needs_our_processor = false;
    peer.run(300ms);
    CHECK(peer.rate(1s) > 0.95 * always_looking(peer));
}

TEST_CASE("a window of no length is never open") {
    Peer peer{.delay = 2us, .wake_up = 44us};
    peer.window = SpinWindow({4us, 0us});
    for (int i = 0; i < 100'000; ++i) {
        peer.next();
        REQUIRE(peer.window.length() == 0ns);
    }
}
