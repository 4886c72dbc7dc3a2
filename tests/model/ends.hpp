// The two ends of a ring, ours and Xen's, with one shape, so that a test can pair them freely.
//
//   front: free(), put(WireRequest), publish() -> notify, take(WireResponse), may_sleep()
//   back:  take(WireRequest), put(WireResponse), publish() -> notify, may_sleep()
#pragma once

#include "ring/back_ring.hpp"
#include "ring/front_ring.hpp"
#include "tests/model/xen_peer.h"

#include <array>
#include <memory>
#include <stdexcept>

namespace pvscsi::model {

struct alignas(4096) Page {
    std::array<std::byte, ring::ring_page_size> bytes{};
};

/// The peer did what it never may; these peers never do it.
inline unsigned sound(const Expected<unsigned, ring::RingFault>& available) {
    if (!available)
        throw std::logic_error("a sound peer was called faulty");
    return *available;
}

class OurFront {
  public:
    OurFront(Page& page, std::uint32_t start) : ring_(ring::SharedPage(page.bytes), start) {}
    [[nodiscard]] unsigned free() const { return ring_.free_slots(); }
    void put(const ring::WireRequest& request) { ring_.put(request); }
    bool publish() { return ring_.publish(); }
    bool take(ring::WireResponse& response) {
        if (sound(ring_.available()) == 0)
            return false;
        ring_.take(response);
        return true;
    }
    bool may_sleep() {
        ring_.arm();
        return sound(ring_.available()) == 0;
    }

  private:
    ring::FrontRing ring_;
};

class XenFront {
  public:
    XenFront(Page& page, std::uint32_t start)
        : ring_(xen_front_new(page.bytes.data(), start), xen_front_free) {}
    [[nodiscard]] unsigned free() const { return xen_front_free_requests(ring_.get()); }
    void put(const ring::WireRequest& request) { xen_front_put(ring_.get(), &request); }
    bool publish() { return xen_front_push(ring_.get()) != 0; }
    bool take(ring::WireResponse& response) { return xen_front_take(ring_.get(), &response) != 0; }
    bool may_sleep() { return xen_front_final_check(ring_.get()) == 0; }

  private:
    std::unique_ptr<xen_front, void (*)(xen_front*)> ring_;
};

class OurBack {
  public:
    OurBack(Page& page, std::uint32_t start)
        : ring_(ring::SharedPage(page.bytes), {start, start}) {}
    bool take(ring::WireRequest& request) {
        if (sound(ring_.available()) == 0)
            return false;
        ring_.take(request);
        return true;
    }
    void put(const ring::WireResponse& response) { ring_.put(response); }
    bool publish() { return ring_.publish(); }
    bool may_sleep() {
        ring_.arm();
        return sound(ring_.available()) == 0;
    }

  private:
    ring::BackRing ring_;
};

class XenBack {
  public:
    XenBack(Page& page, std::uint32_t start)
        : ring_(xen_back_new(page.bytes.data(), start), xen_back_free) {}
    bool take(ring::WireRequest& request) {
        const int taken = xen_back_take(ring_.get(), &request);
        if (taken < 0)
            throw std::logic_error("our frontend overran the ring");
        return taken > 0;
    }
    void put(const ring::WireResponse& response) { xen_back_put(ring_.get(), &response); }
    bool publish() { return xen_back_push(ring_.get()) != 0; }
    bool may_sleep() { return xen_back_final_check(ring_.get()) == 0; }

  private:
    std::unique_ptr<xen_back, void (*)(xen_back*)> ring_;
};

} // namespace pvscsi::model
