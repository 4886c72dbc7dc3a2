// The backend's end of the ring. Indices that decide anything live in private memory; the shared
// ones are hints to the peer, and what the peer publishes is checked against ours.
//
// Thread: one. Nothing here blocks, allocates or throws. ring/README.md has the memory model.
#pragma once

#include "common/base/expected.hpp"
#include "ring/shared_page.hpp"

#include <algorithm>

namespace pvscsi::ring {

class BackRing {
  public:
    /// Where a backend's end stands; 0 and 0 for a new ring.
    struct Position {
        std::uint32_t req_cons = 0; ///< requests below it were taken
        std::uint32_t rsp_prod = 0; ///< responses below it were published
    };

    explicit BackRing(SharedPage page) noexcept : BackRing(page, Position{}) {}
    /// Goes on where a predecessor stopped: it had put the responses below `from.rsp_prod` in
    /// their slots, and may have died before the frontend could see them.
    BackRing(SharedPage page, Position from) noexcept
        : page_(page), req_cons_(from.req_cons), rsp_prod_(from.rsp_prod),
          rsp_published_(from.rsp_prod) {}

    /// Requests that the frontend has published and take() has not returned yet; at most
    /// ring_size less the unanswered ones. Looks at the shared index once.
    [[nodiscard]] Expected<unsigned, RingFault> available() const noexcept {
        const std::uint32_t prod = page_.load(PageLayout::req_prod, std::memory_order_acquire);
        const std::uint32_t waiting = prod - req_cons_;
        if (waiting > ring_size)
            return unexpected(static_cast<std::int32_t>(waiting) < 0
                                  ? RingFault::producer_backwards
                                  : RingFault::producer_overflow);
        if (prod - rsp_prod_ > ring_size)
            return unexpected(RingFault::producer_overflow);
        return waiting;
    }

    /// Copies the next request out, each byte once: its fields, and the segments that it says it
    /// has; the others are left as they are. Only after available() promised one.
    void take(WireRequest& request) noexcept {
        constexpr std::size_t header = offsetof(WireRequest, seg);
        page_.copy_out(req_cons_, 0, &request, header);
        const unsigned segments = request.nr_segments & ~unsigned{indirect_flag};
        if (segments == 1) // a size that the compiler knows: one load
            page_.copy_out(req_cons_, header, request.seg.data(), sizeof(WireSegment));
        else if (segments > 1)
            page_.copy_out(req_cons_, header, request.seg.data(),
                           std::min(segments, max_direct_segments) * sizeof(WireSegment));
        ++req_cons_;
    }
    /// Has the next request on its way while the one before is dealt with. For writing: an answer
    /// goes to a slot nearby.
    void prefetch_next() const noexcept {
        page_.prefetch_for_writing(req_cons_, 0);
        page_.prefetch_for_writing(req_cons_, offsetof(WireRequest, seg));
    }

    /// Puts a response into the next slot, not yet visible: its fields, and as much sense data as
    /// there is; the rest of the slot keeps what the frontend wrote there. Only for a request that
    /// was taken and not answered: that bounds the responses to the slots.
    void put(const WireResponse& response) noexcept {
        assert(rsp_prod_ != req_cons_);
        page_.copy_in(rsp_prod_, 0, &response, offsetof(WireResponse, sense_buffer));
        if (response.sense_len > 0)
            page_.copy_in(rsp_prod_, offsetof(WireResponse, sense_buffer),
                          response.sense_buffer.data(),
                          std::min<std::size_t>(response.sense_len, max_sense_size));
        page_.copy_in(rsp_prod_, offsetof(WireResponse, rslt), &response.rslt,
                      sizeof response.rslt + sizeof response.residual_len);
        ++rsp_prod_;
    }

    /// Makes the responses visible. True: the frontend sleeps and asked to be notified.
    [[nodiscard]] bool publish() noexcept {
        if (rsp_published_ == rsp_prod_)
            return false;
        const std::uint32_t old = rsp_published_;
        page_.store(PageLayout::rsp_prod, rsp_prod_, std::memory_order_release);
        rsp_published_ = rsp_prod_;
        // The frontend stores rsp_event, then loads rsp_prod: one of the two must see the other.
        std::atomic_thread_fence(std::memory_order_seq_cst);
        const std::uint32_t event = page_.load(PageLayout::rsp_event, std::memory_order_relaxed);
        return rsp_prod_ - event < rsp_prod_ - old;
    }

    /// Asks to be notified of the next request. Look at available() once more before sleeping.
    void arm() noexcept {
        page_.store(PageLayout::req_event, req_cons_ + 1, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }

    /// Publishes what the predecessor may have left unpublished; once, before anything else. The
    /// frontend is to be notified in any case.
    void take_over() noexcept {
        page_.store(PageLayout::rsp_prod, rsp_prod_, std::memory_order_release);
    }

    [[nodiscard]] Position position() const noexcept { return {req_cons_, rsp_prod_}; }

    /// Requests taken and not answered.
    [[nodiscard]] unsigned in_flight() const noexcept { return req_cons_ - rsp_prod_; }

  private:
    SharedPage page_;
    std::uint32_t req_cons_;
    std::uint32_t rsp_prod_;
    std::uint32_t rsp_published_;
};

} // namespace pvscsi::ring
