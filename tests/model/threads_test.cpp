// Both ends in threads of their own, which sleep whenever there is nothing to do: the order of
// stores and loads between "I published" and "do you sleep" is what decides here. A wake-up that
// is lost leaves both ends asleep with no event under way, which is found without a clock.
#include "tests/model/ends.hpp"
#include "tests/model/traffic.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

using namespace pvscsi;
using namespace pvscsi::model;

namespace {

/// An event channel for two threads, with the odd number of `sleeps_` saying that its owner
/// waits for it.
class Bell {
  public:
    void ring() { pending_.store(true); }

    /// Waits for ring(). False if the other end sleeps as well and nobody has rung: for ever.
    bool wait(const Bell& other) {
        sleeps_.fetch_add(1);
        bool awake = false;
        while (!(awake = pending_.load()) && !dead(other))
            std::this_thread::yield();
        // In this order: who sees the bell still must not see an owner who has heard it.
        sleeps_.fetch_add(1);
        pending_.store(false);
        return awake;
    }

  private:
    [[nodiscard]] bool dead(const Bell& other) const {
        const unsigned before = other.sleeps_.load();
        if (before % 2 == 0 || other.pending_.load() || pending_.load())
            return false;
        return other.sleeps_.load() == before;
    }
    alignas(64) std::atomic<bool> pending_{false};
    alignas(64) std::atomic<unsigned> sleeps_{0};
};

struct Outcome {
    std::atomic<bool> lost{false};
    std::atomic<bool> stop{false};
    std::string broken;
};

template <class Front>
void front_main(Front& front, unsigned total, Bell& mine, Bell& peer, Outcome& outcome) {
    Random random(total);
    Outstanding outstanding;
    ring::WireResponse response;
    for (unsigned done = 0; done < total && !outcome.stop;) {
        const auto unfinished = total - done - static_cast<unsigned>(outstanding.count());
        for (unsigned n = std::min({random.below(4), front.free(), unfinished}); n > 0; --n)
            front.put(request_of(outstanding.next()));
        if (front.publish())
            peer.ring();
        while (front.take(response)) {
            outstanding.answered(response);
            ++done;
        }
        if (outstanding.count() > 0 && front.may_sleep() && !mine.wait(peer))
            outcome.lost = outcome.stop = true;
    }
    outcome.stop = true;
    peer.ring();
}

template <class Back>
void back_main(Back& back, Bell& mine, Bell& peer, Outcome& outcome) {
    Random random(77);
    Taken taken;
    ring::WireRequest request;
    while (!outcome.stop) {
        while (back.take(request))
            taken.add(request);
        while (!taken.empty())
            back.put(response_of(taken.pick(random)));
        if (back.publish())
            peer.ring();
        if (back.may_sleep() && !mine.wait(peer))
            outcome.lost = outcome.stop = true;
    }
    peer.ring();
}

template <class Front, class Back>
void run(unsigned total) {
    Page page;
    const std::uint32_t start = 0u - total / 2; // the indices wrap half way
    Front front(page, start);
    Back back(page, start);
    Bell for_front, for_back;
    Outcome outcome;
    const auto guarded = [&](auto&& body) {
        try {
            body();
        } catch (const std::logic_error& error) {
            outcome.broken = error.what();
            outcome.stop = true;
            for_front.ring();
            for_back.ring();
        }
    };
    std::thread backend([&] { guarded([&] { back_main(back, for_back, for_front, outcome); }); });
    guarded([&] { front_main(front, total, for_front, for_back, outcome); });
    backend.join();
    CHECK(outcome.broken.empty());
    CHECK_FALSE(outcome.lost);
}

constexpr unsigned requests = 300'000;

} // namespace

TEST_CASE("our backend and Xen's frontend, in two threads") {
    run<XenFront, OurBack>(requests);
}
TEST_CASE("our frontend and Xen's backend, in two threads") {
    run<OurFront, XenBack>(requests);
}
TEST_CASE("both ends ours, in two threads") {
    run<OurFront, OurBack>(requests);
}
