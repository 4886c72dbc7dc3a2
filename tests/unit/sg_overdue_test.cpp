// The sg target over a device that does what the test says: commands that never come back.
#include "tests/support/sg_unit.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using scsi::HostCode;

namespace {
/// With it the time of a command whose timeout is a second is over after 20 ms.
constexpr SgPatience little{5s, 20ms, -980ms};
} // namespace

TEST_CASE("a command that the kernel does not end is answered when its time is over") {
    SgUnit unit(false, 0, little);
    REQUIRE(unit.read(0, 512, 3600) == Step::pending);
    REQUIRE(unit.read(1, 512, 1) == Step::pending);
    REQUIRE(unit.read(2, 512, 1) == Step::pending);
    unit.file().running.pop_back();
    unit.settle_until([&] { return unit.ended(1) && unit.ended(2); });
    CHECK(unit.outcome(1).host == HostCode::time_out);
    CHECK(unit.outcome(1).data_in.empty());
    CHECK_FALSE(unit.ended(0)); // has an hour
    CHECK(unit.failures.empty());
    // Its memory stays the kernel's; what comes late is nobody's, and the unit goes on.
    const auto* const memory = unit.file().running[1].header.dxferp;
    REQUIRE(unit.read(1) == Step::pending);
    CHECK(unit.file().running.back().header.dxferp != memory);
    std::swap(unit.file().running[0], unit.file().running[1]);
    unit.file().complete(Bytes(512, 0xbb));
    unit.file().complete(Bytes(512, 1));
    unit.file().complete(Bytes(512, 2));
    unit.settle();
    CHECK(unit.data_in(0) == Bytes(512, 1));
    CHECK(unit.data_in(1) == Bytes(512, 2));
    // Later ones are looked after as well.
    REQUIRE(unit.read(3, 512, 1) == Step::pending);
    unit.settle_until([&] { return unit.ended(3); });
    CHECK(unit.outcome(3).host == HostCode::time_out);
    for (unsigned i : {0u, 1u, 3u})
        CHECK(unit.owner.times(*unit.requests[i]) == 1);
}

TEST_CASE("a command that began later has its own time") {
    SgUnit unit(false, 0, little);
    REQUIRE(unit.read(0, 512, 1) == Step::pending);
    REQUIRE(unit.read(1, 512, 2) == Step::pending);
    unit.settle_until([&] { return unit.ended(0); });
    CHECK_FALSE(unit.ended(1));
    unit.settle_until([&] { return unit.ended(1); });
    CHECK(unit.outcome(1).host == HostCode::time_out);
}

TEST_CASE("a command that ended in time is not overdue") {
    SgUnit unit(false, 0, little);
    REQUIRE(unit.read(0, 512, 1) == Step::pending);
    unit.file().complete(Bytes(512, 1));
    unit.settle();
    REQUIRE(unit.ended(0));
    // Until another one is: the first one's time is over then, too.
    REQUIRE(unit.read(1, 512, 1) == Step::pending);
    unit.settle_until([&] { return unit.ended(1); });
    CHECK(unit.owner.times(*unit.requests[0]) == 1);
    CHECK(unit.data_in(0) == Bytes(512, 1));
}

TEST_CASE("a reset does not wait for a command that became overdue meanwhile") {
    SgUnit unit(false, 0, {5s, 60s, -980ms});
    REQUIRE(unit.read(0, 512, 1) == Step::pending);
    const auto result = unit.reset();
    unit.settle_until([&] { return result->has_value(); });
    CHECK(result->value());
    CHECK(unit.outcome(0).host == HostCode::time_out);
    CHECK(unit.owner.times(*unit.requests[0]) == 1);
}

TEST_CASE("a unit may go while a command of it is overdue") {
    SgUnit unit(false, 0, {5s, 20ms, -1000ms});
    REQUIRE(unit.read(0, 512, 1) == Step::pending);
    unit.target->detach();
    unit.settle();
    CHECK_FALSE(unit.ended(0));
}
