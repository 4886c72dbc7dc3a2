// Both ends in one thread, one step at a time in random order: puts, publishes, takes, answers out
// of order, and sleeping, from which only a notification wakes. Each pairing of our ends with
// Xen's, over the wrap of the indices.
#include "tests/model/ends.hpp"
#include "tests/model/traffic.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::model;

namespace {

/// One end's sleep as the event channel sees it.
struct Doze {
    bool asleep = false;
    unsigned arms = 1; // the rings start armed
    unsigned notifications = 0;

    void notify() {
        ++notifications;
        // Hold-off: who is asked once signals once.
        if (notifications > arms)
            throw std::logic_error("notified without having been asked");
        asleep = false;
    }
    void try_to_sleep(bool may_sleep) {
        ++arms;
        asleep = may_sleep;
    }
};

template <class Front, class Back>
class Interleaving {
  public:
    Interleaving(std::uint32_t start, std::uint64_t seed)
        : front_(page_, start), back_(page_, start), random_(seed) {}

    void step() {
        if (random_.below(2) == 0)
            front_step();
        else
            back_step();
        if (back_doze_.asleep && published_ != consumed_)
            throw std::logic_error("the backend sleeps on a request");
        if (front_doze_.asleep && answers_published_ != answers_consumed_)
            throw std::logic_error("the frontend sleeps on a response");
    }

    /// Answers what there is and takes it; nothing may be left.
    void finish() {
        for (int round = 0; round < 100 && outstanding_.count() > 0; ++round) {
            publish_requests();
            while (take_request())
                ;
            while (!taken_.empty())
                answer();
            publish_answers();
            while (take_response())
                ;
        }
        if (outstanding_.count() > 0)
            throw std::logic_error("a request was never answered");
    }

    [[nodiscard]] unsigned completed() const { return answers_consumed_; }
    [[nodiscard]] unsigned notifications() const {
        return front_doze_.notifications + back_doze_.notifications;
    }

  private:
    void front_step() {
        if (front_doze_.asleep)
            return;
        switch (random_.below(8)) {
        case 0:
        case 1:
        case 2:
            for (unsigned n = random_.below(4); n > 0 && front_.free() > 0; --n) {
                front_.put(request_of(outstanding_.next()));
                ++put_;
            }
            break;
        case 3:
            publish_requests();
            break;
        case 7:
            publish_requests();
            front_doze_.try_to_sleep(front_.may_sleep());
            break;
        default:
            take_response();
        }
    }

    void back_step() {
        if (back_doze_.asleep) {
            // A device that ends a command wakes the backend as well.
            back_doze_.asleep = taken_.empty() || random_.below(4) > 0;
            return;
        }
        switch (random_.below(8)) {
        case 0:
        case 1:
        case 2:
            take_request();
            break;
        case 3:
        case 4:
            if (!taken_.empty())
                answer();
            break;
        case 5:
            publish_answers();
            break;
        default:
            publish_answers();
            back_doze_.try_to_sleep(back_.may_sleep());
        }
    }

    void publish_requests() {
        const bool notify = front_.publish();
        published_ = put_;
        if (notify)
            back_doze_.notify();
    }
    void publish_answers() {
        const bool notify = back_.publish();
        answers_published_ = answers_;
        if (notify)
            front_doze_.notify();
    }
    bool take_request() {
        ring::WireRequest request;
        if (!back_.take(request))
            return false;
        taken_.add(request);
        if (++consumed_ > published_)
            throw std::logic_error("a request was taken that was not published");
        return true;
    }
    void answer() {
        back_.put(response_of(taken_.pick(random_)));
        ++answers_;
    }
    bool take_response() {
        ring::WireResponse response;
        if (!front_.take(response))
            return false;
        outstanding_.answered(response);
        if (++answers_consumed_ > answers_published_)
            throw std::logic_error("a response was taken that was not published");
        return true;
    }

    Page page_;
    Front front_;
    Back back_;
    Random random_;
    Outstanding outstanding_;
    Taken taken_;
    Doze front_doze_, back_doze_;
    unsigned put_ = 0, published_ = 0, consumed_ = 0;
    unsigned answers_ = 0, answers_published_ = 0, answers_consumed_ = 0;
};

template <class Front, class Back>
void run() {
    unsigned completed = 0, notifications = 0;
    for (std::uint32_t seed = 1; seed <= 60; ++seed) {
        // A third of the runs starts at 0, the others wrap early or later.
        const std::uint32_t start = seed % 3 == 0 ? 0 : 0u - seed * 37;
        Interleaving<Front, Back> rings(start, seed);
        INFO("seed " << seed << " start " << start);
        REQUIRE_NOTHROW([&] {
            for (int i = 0; i < 20'000; ++i)
                rings.step();
            rings.finish();
        }());
        completed += rings.completed();
        notifications += rings.notifications();
    }
    // The walk is one: much is done, both ends sleep and are woken, and are often held off.
    CHECK(completed > 50'000);
    CHECK(notifications > 10'000);
    CHECK(notifications < 2 * completed);
}

} // namespace

TEST_CASE("our backend and Xen's frontend, interleaved") {
    run<XenFront, OurBack>();
}
TEST_CASE("our frontend and Xen's backend, interleaved") {
    run<OurFront, XenBack>();
}
TEST_CASE("both ends ours, interleaved") {
    run<OurFront, OurBack>();
}
TEST_CASE("both ends Xen's, interleaved: the test itself is sound") {
    run<XenFront, XenBack>();
}
