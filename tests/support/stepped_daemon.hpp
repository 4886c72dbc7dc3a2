// A daemon that can die at any point of its work.
#pragma once

#include "backend/journal.hpp"
#include "ring/back_ring.hpp"
#include "ring/response.hpp"

#include <array>
#include <functional>
#include <initializer_list>
#include <vector>

namespace pvscsi::test {

/// Its work on the ring step by step, in the order in which the queue does it.
class SteppedDaemon {
  public:
    SteppedDaemon(ring::SharedPage page, backend::Journal& journal)
        : ring_(page, journal.position()), journal_(journal) {}

    void take(unsigned slot) {
        step([this, slot] {
            auto& blank = journal_.blank(slot);
            ring_.take(blank);
            tags_[slot] = blank.rqid;
        });
        step([this, slot] { journal_.record(slot, ring_.position().req_cons - 1); });
    }
    void answer(std::initializer_list<unsigned> slots) {
        for (const unsigned slot : slots) {
            step([this, slot] {
                ring_.put(ring::make_response(ring::GuestTag{tags_[slot]}, 0, 0, {}, 0));
            });
            step([this, slot] { journal_.answered(slot, ring_.position().rsp_prod - 1); });
        }
        step([this] { journal_.commit(ring_.position().rsp_prod); });
        step([this] { (void)ring_.publish(); });
    }
    [[nodiscard]] std::size_t steps() const { return steps_.size(); }
    void run(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            steps_[i]();
    }

  private:
    void step(std::function<void()> work) { steps_.push_back(std::move(work)); }

    ring::BackRing ring_;
    backend::Journal& journal_;
    std::array<std::uint16_t, ring::ring_size> tags_{};
    std::vector<std::function<void()>> steps_;
};

} // namespace pvscsi::test
