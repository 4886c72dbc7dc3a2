// The iscsi target over a SAN that does what the test says: from a portal to a unit, and again.
#include "tests/support/iscsi_unit.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using scsi::HostCode;

namespace {

/// Why it could not be opened.
std::string refusal(IscsiBench& bench, IscsiUnitOptions options) {
    IscsiTarget& unit = bench.begin(std::move(options));
    std::string reason;
    bench.settle_until([&] {
        try {
            return !unit.opening();
        } catch (const std::runtime_error& error) {
            reason = error.what();
            return true;
        }
    });
    return reason;
}

} // namespace

TEST_CASE("a unit is logged in to and looked at, and nothing else is sent") {
    SanUnit unit;
    REQUIRE(unit.san.connections.size() == 1);
    const SanConnection& connection = unit.san.last();
    CHECK(connection.address == "127.0.0.1:3260");
    CHECK(connection.login.target == "iqn.2003-01.org.example:t");
    CHECK(connection.login.isid == 0x123456789a);
    CHECK(connection.commands.empty());
    CHECK(unit.target->device_type() == 0);
}

TEST_CASE("the type of the unit is what it says") {
    IscsiBench bench;
    bench.san.inquiry[0] = 1;
    bench.open(bench.options());
    CHECK(bench.target->device_type() == 1);
}

TEST_CASE("what cannot be opened says why, and nothing is tried again") {
    IscsiBench bench;
    auto options = bench.options(little_patience);
    std::string expected;
    SECTION("nobody at the portal") {
        bench.san.connects = false;
        expected = "127.0.0.1 does not answer";
    }
    SECTION("a portal that takes the connection and says nothing") {
        bench.san.answers_login = false;
        expected = "127.0.0.1 does not answer";
    }
    SECTION("a login that is refused") {
        bench.san.refusal = "Authentication failure";
        expected = "127.0.0.1: Authentication failure";
    }
    SECTION("a unit that is not there") {
        bench.san.inquiry[0] = 0x7f;
        expected = "iqn.2003-01.org.example:t has no LUN 5";
    }
    SECTION("a unit that does not say what it is") {
        bench.san.inquiry.clear();
        expected = "LUN 5 does not say what it is";
    }
    SECTION("a unit that says nothing") {
        bench.san.answers_inquiry = false;
        expected = "127.0.0.1 does not answer";
    }
    SECTION("no memory") {
        bench.san.memory = false;
        expected = "no memory";
    }
    SECTION("a name without an address") {
        // Longer than a label may be: no resolver is asked.
        options.portal = std::string(64, 'x') + ".invalid:3261";
        options.patience = much_patience;
        expected = "x.invalid has no address";
    }
    CHECK_THAT(refusal(bench, options), Catch::Contains(expected));
    const auto tries = bench.san.connections.size();
    for (int i = 0; i < 3; ++i)
        bench.context.run_for(5ms), bench.context.restart();
    CHECK(bench.san.connections.size() == tries);
}

TEST_CASE("a target may send us to another portal, but not for ever") {
    IscsiBench bench;
    bench.san.elsewhere = "192.0.2.7:3261,1";
    SECTION("once") {
        bench.open(bench.options());
        REQUIRE(bench.san.connections.size() == 2);
        CHECK(bench.san.last().address == "192.0.2.7:3261");
    }
    SECTION("for ever") {
        IscsiTarget& unit = bench.begin(bench.options());
        CHECK_THROWS_WITH(bench.settle_until([&] {
            bench.san.elsewhere = "192.0.2.7:3261,1";
            return !unit.opening();
        }),
                          Catch::Contains("from one portal to the next"));
    }
}

TEST_CASE("a lost session is made anew, with the same names") {
    SanUnit unit;
    for (std::size_t round = 1; round <= 3; ++round) {
        unit.san.last().die("gone");
        unit.come_back(round + 1);
        CHECK(unit.san.last().login.isid == 0x123456789a);
        REQUIRE(unit.read(0) == Step::pending);
        unit.settle();
        unit.san.last().complete(Bytes(512, static_cast<unsigned char>(round)));
        unit.settle();
        CHECK(unit.data_in(0) == Bytes(512, static_cast<unsigned char>(round)));
    }
    CHECK(unit.failures.empty());
}

TEST_CASE("it is tried again until it succeeds, with pauses that grow") {
    SanUnit unit;
    unit.san.refusal = "not now";
    const auto begun = std::chrono::steady_clock::now();
    unit.san.last().die();
    unit.settle_until([&] { return unit.san.connections.size() == 7; });
    CHECK(std::chrono::steady_clock::now() - begun >= 1ms + 2ms + 4ms + 8ms + 8ms + 8ms);
    unit.san.refusal.clear();
    REQUIRE(unit.read(0) == Step::pending);
    unit.settle_until([&] { return unit.san.last().commands.size() == 1; });
}

TEST_CASE("another unit under the name is not served") {
    SanUnit unit;
    REQUIRE(unit.read(0) == Step::pending);
    SECTION("other designators") {
        unit.san.page83.back() ^= 1;
    }
    SECTION("another type") {
        unit.san.inquiry[0] = 5;
    }
    unit.san.last().die();
    unit.settle_until([&] { return !unit.failures.empty(); });
    CHECK_THAT(unit.failures.front(), Catch::Contains("is another unit than before"));
    CHECK(unit.outcome(0).host == HostCode::transport_disrupted);
    CHECK(unit.read(1) == Step::done);
    CHECK(unit.outcome(1).host == HostCode::no_connect);
    CHECK(unit.san.last().commands.empty());
}

TEST_CASE("what names the port and not the unit does not count") {
    SanUnit unit;
    const Bytes port{0x61, 0x93, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
    unit.san.page83.insert(unit.san.page83.end(), port.begin(), port.end());
    unit.san.page83[3] = static_cast<unsigned char>(unit.san.page83[3] + port.size());
    unit.san.last().die();
    unit.come_back(2);
    CHECK(unit.failures.empty());
}

TEST_CASE("a unit without designators is known by its serial number") {
    IscsiBench bench;
    bench.san.page83.clear();
    bench.open(bench.options());
    bench.san.page80.back() = 'z';
    bench.san.last().die();
    bench.settle_until([&] { return !bench.failures.empty(); });
}

TEST_CASE("a target that does not answer any more is given up") {
    SanUnit unit;
    for (int i = 0; i < 10; ++i) {
        unit.target->keep_house();
        unit.settle();
    }
    REQUIRE(unit.san.connections.size() == 1);
    CHECK(unit.san.last().pings == 10);
    unit.san.answers_ping = false;
    SECTION("when all was sent") {
        for (int i = 0; i < 4; ++i)
            unit.target->keep_house();
        unit.come_back(2);
    }
    SECTION("but not when it takes nothing") {
        unit.san.last().all_sent = false;
        for (int i = 0; i < 10; ++i)
            unit.target->keep_house();
        unit.settle();
        CHECK(unit.san.connections.size() == 1);
    }
}

TEST_CASE("a successor knows the unit without asking, and goes on with no other") {
    const Folder folder;
    const std::string memory = folder.path("unit");
    {
        IscsiBench bench;
        bench.san.inquiry[0] = 1;
        bench.begin(bench.options());
        bench.target->remember_in(memory, false);
        bench.settle_until([&] { return !bench.unit->opening(); });
    }
    IscsiBench bench;
    bench.san.connects = false;
    bench.begin(bench.options());
    bench.target->remember_in(memory, true);
    CHECK_FALSE(bench.target->opening());
    CHECK(bench.target->device_type() == 1);
    bench.unit->attach(bench.context);
    REQUIRE(bench.read(0) == Step::pending); // waits
    bench.settle();
    bench.san.connects = true;
    SECTION("the same one") {
        bench.san.inquiry[0] = 1;
        bench.san.last().then([&] { bench.san.last().listener->connected(true); });
        bench.settle_until([&] { return !bench.san.last().commands.empty(); });
        CHECK(bench.failures.empty());
    }
    SECTION("another one") {
        bench.san.last().then([&] { bench.san.last().listener->connected(true); });
        bench.settle_until([&] { return bench.ended(0); });
        CHECK(bench.outcome(0).host == HostCode::no_connect);
        CHECK(bench.failures.size() == 1);
    }
    SECTION("a damaged memory") {
        IscsiBench other;
        other.begin(other.options());
        std::ofstream(memory) << "pvscsi-iscsi-unit-1 99 x\n";
        other.target->remember_in(memory, true);
        CHECK(other.target->opening());
    }
}
