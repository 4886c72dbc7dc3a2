// The frontend's end of the ring; the mirror of back_ring.hpp, with the same rules.
#pragma once

#include "common/base/expected.hpp"
#include "ring/shared_page.hpp"

#include <algorithm>

namespace pvscsi::ring {

class FrontRing {
  public:
    /// Initialises the page for a new connection. `start` moves the free-running indices, for
    /// tests of their wrap; a peer expects 0.
    explicit FrontRing(SharedPage page, std::uint32_t start = 0) noexcept
        : page_(page), req_prod_(start), req_published_(start), rsp_cons_(start) {
        page_.store(PageLayout::req_prod, start, std::memory_order_relaxed);
        page_.store(PageLayout::rsp_prod, start, std::memory_order_relaxed);
        page_.store(PageLayout::req_event, start + 1, std::memory_order_relaxed);
        page_.store(PageLayout::rsp_event, start + 1, std::memory_order_release);
    }

    [[nodiscard]] unsigned free_slots() const noexcept {
        return ring_size - (req_prod_ - rsp_cons_);
    }

    /// Puts a request into the next slot, not yet visible. Only while free_slots() > 0. Segments
    /// that it does not have are not written: what is there is not the backend's to look at.
    void put(const WireRequest& request) noexcept {
        assert(free_slots() > 0);
        const unsigned segments = request.nr_segments & ~unsigned{indirect_flag};
        if (segments <= 1) // a size that the compiler knows: two stores
            page_.copy_in(req_prod_, 0, &request, request_header + sizeof(WireSegment));
        else
            page_.copy_in(req_prod_, 0, &request,
                          request_header +
                              std::min(segments, max_direct_segments) * sizeof(WireSegment));
        ++req_prod_;
    }

    /// Makes the requests visible. True: the backend sleeps and asked to be notified.
    [[nodiscard]] bool publish() noexcept {
        if (req_published_ == req_prod_)
            return false;
        const std::uint32_t old = req_published_;
        page_.store(PageLayout::req_prod, req_prod_, std::memory_order_release);
        req_published_ = req_prod_;
        std::atomic_thread_fence(std::memory_order_seq_cst);
        const std::uint32_t event = page_.load(PageLayout::req_event, std::memory_order_relaxed);
        return req_prod_ - event < req_prod_ - old;
    }

    /// Responses published and not taken; never more than the requests in flight.
    [[nodiscard]] Expected<unsigned, RingFault> available() const noexcept {
        const std::uint32_t prod = page_.load(PageLayout::rsp_prod, std::memory_order_acquire);
        const std::uint32_t waiting = prod - rsp_cons_;
        if (waiting > req_published_ - rsp_cons_)
            return unexpected(static_cast<std::int32_t>(waiting) < 0
                                  ? RingFault::producer_backwards
                                  : RingFault::producer_overflow);
        return waiting;
    }

    /// Copies the next response out, each byte once: its fields, and as much sense data as it says
    /// it has. Only after available() promised one.
    void take(WireResponse& response) noexcept {
        page_.copy_out(rsp_cons_, 0, &response, offsetof(WireResponse, sense_buffer));
        page_.copy_out(rsp_cons_, response_result, &response.rslt,
                       sizeof response.rslt + sizeof response.residual_len);
        if (response.sense_len > 0)
            page_.copy_out(rsp_cons_, offsetof(WireResponse, sense_buffer),
                           response.sense_buffer.data(),
                           std::min<std::size_t>(response.sense_len, max_sense_size));
        ++rsp_cons_;
    }

    /// Has the next response on its way while the one before is dealt with. For writing: the slot
    /// is that of the request after next, too.
    void prefetch_next() const noexcept {
        page_.prefetch_for_writing(rsp_cons_, 0);
        page_.prefetch_for_writing(rsp_cons_, response_result);
    }

    /// Asks to be notified of the next response. Look at available() once more before sleeping.
    void arm() noexcept {
        page_.store(PageLayout::rsp_event, rsp_cons_ + 1, std::memory_order_relaxed);
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }

  private:
    static constexpr std::size_t request_header = offsetof(WireRequest, seg);
    static constexpr std::size_t response_result = offsetof(WireResponse, rslt);

    SharedPage page_;
    std::uint32_t req_prod_;
    std::uint32_t req_published_;
    std::uint32_t rsp_cons_;
};

} // namespace pvscsi::ring
