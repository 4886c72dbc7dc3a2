// pvscsictl against a real store. destroy and detach: in order with the other side, and without
// one.
#include "tests/support/verb_bed.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::ctl;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using Catch::Contains;

TEST_CASE("destroy waits for the daemon, and clears away itself if there is none") {
    VerbBed bed;
    SECTION("a daemon clears away") {
        bed.demo("4", "4", "4");
        bed.context.patience = 30s;
        const OtherSide daemon(bed.host, [](hv::Store& store) {
            if (!store.domain_exists(DomId{5}))
                static_cast<void>(store.remove("/local/domain/0/backend/vscsi/5"));
        });
        destroy(bed.context, "demo");
        CHECK(bed.warnings.empty());
    }
    SECTION("the daemon is dead") {
        bed.demo("4", "4", "4");
        destroy(bed.context, "5");
        REQUIRE(bed.warnings.size() == 1);
        CHECK_THAT(bed.warnings[0], Contains("no backend daemon has cleared"));
    }
    SECTION("the domain is gone already") {
        bed.demo("4", "4", "4");
        bed.domains.destroy(DomId{5});
        CHECK_THAT(destroy(bed.context, "5"), Contains("what it left in the store is removed"));
    }
    CHECK_FALSE(bed.has("/local/domain/0/backend/vscsi/5"));
    CHECK(bed.domains.list().empty());
    const auto again = bed.failure(ExitCode::not_found, [&] { destroy(bed.context, "demo"); });
    CHECK_THAT(again, Contains("there is no domain 'demo'; there is none"));
}

TEST_CASE("detach from a connected vhost goes through Reconfiguring and removes both ends") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    bed.context.patience = 30s;
    const OtherSide other(bed.host, [](hv::Store& store) { reconfigure(store, "4"); });
    detach(bed.context, "demo", "0:0:0:0", false);
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-0"));
    CHECK_FALSE(bed.has(front + "/vscsi-devs/dev-0"));
    // The last LUN does not take the vhost with it, and its number is not used again.
    CHECK(bed.get(back + "/state") == "4");
    attach(bed.context, "demo", "ram:1M,0:0:0:0");
    CHECK(bed.get(back + "/vscsi-devs/dev-1/state") == "4");
}

TEST_CASE("detach tells what the daemon has remarked of the unit") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    bed.context.patience = 30s;
    bed.set(back + "/vscsi-devs/dev-0/warning", "the guest has locked its medium");
    const OtherSide other(bed.host, [](hv::Store& store) { reconfigure(store, "4"); });
    detach(bed.context, "demo", "0:0:0:0", false);
    CHECK(bed.warnings == std::vector<std::string>{"0:0:0:0: the guest has locked its medium"});
}

TEST_CASE("detach where nobody is connected, or of a LUN that failed, needs only the nodes") {
    VerbBed bed;
    const auto [b, f, lun] = GENERATE(table<std::string, std::string, std::string>(
        {{"2", "1", "3"}, {"1", "1", "1"}, {"6", "6", "3"}, {"4", "4", "6"}}));
    bed.demo(b, f, lun);
    detach(bed.context, "demo", "0:0:0:0", false);
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-0"));
    CHECK(bed.get(back + "/state") == b);
}

TEST_CASE("detach takes a LUN by its name, but an address for an address") {
    VerbBed bed;
    bed.demo("2", "1", "3");
    bed.set(back + "/vscsi-devs/dev-0/name", "data");
    CHECK_THAT(
        bed.failure(ExitCode::configuration, [&] { detach(bed.context, "demo", "other", false); }),
        Contains("'demo' has no LUN with name=other"));
    CHECK(bed.has(back + "/vscsi-devs/dev-0"));
    CHECK(detach(bed.context, "demo", "data", false).starts_with("0:0:0:0 detached"));
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-0"));
}

TEST_CASE("detach from a guest that does not let go") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    SECTION("is taken back") {
        const auto failure = bed.failure(ExitCode::timed_out,
                                         [&] { detach(bed.context, "demo", "0:0:0:0", false); });
        CHECK_THAT(failure, Contains("has not let go of 0:0:0:0 within 0.2 s; it is still "
                                     "attached; --force"));
        CHECK(bed.get(back + "/vscsi-devs/dev-0/state") == "4");
        CHECK(bed.get(back + "/state") == "4");
    }
    SECTION("is done by force") {
        detach(bed.context, "demo", "0:0:0:0", true);
        CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-0"));
        CHECK(bed.get(back + "/state") == "4");
        CHECK(bed.warnings.size() == 1);
    }
    SECTION("is done by force even in the middle of another attempt") {
        bed.set(back + "/state", "7");
        detach(bed.context, "demo", "0:0:0:0", true);
        CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-0"));
        CHECK(bed.get(back + "/state") == "4");
    }
}

TEST_CASE("detach of what is not there says what is") {
    VerbBed bed;
    bed.demo("2", "1", "3");
    const auto refused = [&](const std::string& vdev, ExitCode code) {
        return bed.failure(code, [&] { detach(bed.context, "demo", vdev, false); });
    };
    CHECK_THAT(refused("0:0:9:0", ExitCode::not_found), Contains("the vhost has 0:0:0:0"));
    CHECK_THAT(refused("4:0:0:0", ExitCode::not_found), Contains("the vhost has none"));
    CHECK_THAT(refused("0:0", ExitCode::configuration), Contains("2 of 4 numbers"));
}
