// Event channels through libxenevtchn, whose calls are answered by mock_xen.
#include "common/hypervisor/xen/xen_evtchn.hpp"
#include "tests/unit/xen/mock_xen.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>

using namespace pvscsi;
using namespace pvscsi::hv;
using namespace pvscsi::hv::xen;

namespace {

constexpr DomId guest{7};

struct Fixture {
    Fixture() { mock::reset(); }
    ~Fixture() { CHECK(mock::xen.handles == 0); }
};

} // namespace

TEST_CASE("a channel has a file of its own that neither blocks nor is inherited") {
    Fixture fixture;
    const auto first = XenEventChannel::alloc_unbound(guest);
    const auto second = XenEventChannel::bind_interdomain(guest, EvtchnPort{12});
    REQUIRE(first);
    REQUIRE(second);
    CHECK((*first)->port() == EvtchnPort{31});
    CHECK((*second)->port() == EvtchnPort{32});
    CHECK((*first)->fd() != (*second)->fd());
    CHECK((::fcntl((*first)->fd(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl((*second)->fd(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(mock::xen.bound == std::vector<std::pair<std::uint32_t, std::uint32_t>>{{7, 0}, {7, 12}});
}

TEST_CASE("an event is taken once and the port is masked until unmask") {
    Fixture fixture;
    const auto channel = XenEventChannel::bind_interdomain(guest, EvtchnPort{12});
    REQUIRE(channel);
    CHECK_FALSE((*channel)->take()); // and does not block
    mock::xen.raise();
    CHECK((*channel)->take());
    mock::xen.raise();
    CHECK_FALSE((*channel)->take());
    (*channel)->unmask();
    CHECK(mock::xen.unmasked == 1);
    CHECK((*channel)->take());
    (*channel)->notify();
    CHECK(mock::xen.notified == 1);
}

TEST_CASE("a domain that is not there gives an error, a device that is not there throws") {
    Fixture fixture;
    CHECK(XenEventChannel::alloc_unbound(DomId{9}).error() == std::errc::no_such_process);
    CHECK(XenEventChannel::bind_interdomain(DomId{9}, EvtchnPort{1}).error() ==
          std::errc::no_such_process);
    CHECK(mock::xen.handles == 0);
    mock::xen.fail_at = mock::xen.calls + 1;
    CHECK_THROWS_AS(XenEventChannel::alloc_unbound(guest), std::system_error);
}

TEST_CASE("failing calls on an open channel are no event and no crash") {
    Fixture fixture;
    const auto channel = XenEventChannel::alloc_unbound(guest);
    REQUIRE(channel);
    mock::xen.raise();
    mock::xen.fail_at = mock::xen.calls + 1;
    CHECK_FALSE((*channel)->take());
    CHECK((*channel)->take());
    mock::xen.fail_at = mock::xen.calls + 1;
    (*channel)->unmask();
    mock::xen.fail_at = mock::xen.calls + 1;
    (*channel)->notify();
    CHECK(mock::xen.notified == 0);
}
