// pvscsictl against a real store. attach: through Reconfiguring, and taken back when daemon or
// guest do not follow.
#include "tests/support/verb_bed.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::ctl;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using Catch::Contains;
using Catch::StartsWith;

TEST_CASE("attach to a connected vhost goes through Reconfiguring") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    bed.context.patience = 30s;
    const OtherSide other(bed.host, [](hv::Store& store) { reconfigure(store, "4"); });
    attach(bed.context, "demo", "ram:2M,0:0:0:1,ro");
    CHECK(bed.get(back + "/vscsi-devs/dev-1/state") == "4");
    CHECK(bed.get(back + "/vscsi-devs/dev-1/mode") == "r");
    CHECK(bed.get(back + "/state") == "4");
}

TEST_CASE("attach of a LUN that the daemon cannot open is undone, with its reason") {
    VerbBed bed;
    SECTION("to a guest that is connected") {
        bed.demo("4", "4", "4");
        bed.context.patience = 30s;
        const OtherSide other(bed.host, [](hv::Store& store) { reconfigure(store, "6"); });
        const auto failure =
            bed.failure(ExitCode::failed, [&] { attach(bed.context, "demo", "ram:2M,0:0:0:1"); });
        CHECK_THAT(failure, Contains("ram:2M (0:0:0:1): the backing is in use; it was not "
                                     "attached"));
        CHECK(bed.get(back + "/state") == "4");
    }
    SECTION("to a guest that is not") {
        bed.demo("2", "1", "3");
        bed.context.patience = 30s;
        const OtherSide daemon(bed.host, [](hv::Store& store) {
            if (at(store, back + "/vscsi-devs/dev-1/state") != "1")
                return;
            static_cast<void>(store.write(back + "/vscsi-devs/dev-1/error", "it is in use"));
            static_cast<void>(store.write(back + "/vscsi-devs/dev-1/state", "6"));
        });
        const auto failure =
            bed.failure(ExitCode::failed, [&] { attach(bed.context, "demo", "ram:2M,0:0:0:1"); });
        CHECK_THAT(failure, Contains("it is in use; it was not attached"));
    }
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-1"));
    CHECK_FALSE(bed.has(front + "/vscsi-devs/dev-1"));
    CHECK(bed.has(back + "/vscsi-devs/dev-0"));
}

TEST_CASE("attach is taken back if the guest does not answer") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    const auto failure =
        bed.failure(ExitCode::timed_out, [&] { attach(bed.context, "demo", "ram:2M,0:0:0:1"); });
    CHECK_THAT(failure, Contains("the guest has not answered within 0.2 s; 0:0:0:1 was not "
                                 "attached"));
    CHECK(bed.get(back + "/state") == "4");
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-1"));
    // Numbers are not used again.
    CHECK(bed.get(back + "/next-dev") == "2");
}

TEST_CASE("attach says who did not answer") {
    VerbBed bed;
    const auto said = [&] {
        return bed.failure(ExitCode::timed_out,
                           [&] { attach(bed.context, "demo", "ram:2M,0:0:0:1"); });
    };
    const std::string daemon = "the backend daemon has not answered: see whether pvscsid runs";
    SECTION("the guest is ready for the change, and the daemon is stopped") {
        bed.demo("4", "7", "4");
        CHECK_THAT(said(), StartsWith("0:0:0:1 was not taken up within 0.2 s: " + daemon) &&
                               Contains("'pvscsictl detach' gives up"));
    }
    SECTION("an earlier change waits for the daemon") {
        const auto [b_state, f_state] =
            GENERATE(table<std::string, std::string>({{"7", "7"}, {"8", "4"}, {"7", "6"}}));
        bed.demo(b_state, f_state, "3");
        CHECK_THAT(said(), Contains("is busy (") && Contains(daemon));
    }
    SECTION("an earlier change waits for the guest") {
        const auto [b_state, f_state] =
            GENERATE(table<std::string, std::string>({{"7", "4"}, {"8", "7"}}));
        bed.demo(b_state, f_state, "3");
        CHECK_THAT(said(), Contains("is busy (") && Contains("the guest has not answered"));
    }
}

TEST_CASE("attach says that the guest has closed the vhost, and does not look at it") {
    VerbBed bed;
    bed.demo("2", "6", "3");
    const OtherSide daemon(bed.host, [](hv::Store& store) {
        if (at(store, back + "/vscsi-devs/dev-1/state") == "1")
            static_cast<void>(store.write(back + "/vscsi-devs/dev-1/state", "3"));
    });
    attach(bed.context, "demo", "ram:2M,0:0:0:1");
    CHECK(bed.has(back + "/vscsi-devs/dev-1"));
    CHECK_THAT(bed.warnings.at(0), StartsWith("the guest's driver has closed vhost 0: it has the "
                                              "LUN when it connects again"));
}

TEST_CASE("attach waits for a busy vhost, and changes nothing if it stays busy") {
    VerbBed bed;
    const std::string busy = GENERATE("3", "5", "7", "8");
    bed.demo(busy, busy == "3" ? "3" : "4", "3");
    const auto failure =
        bed.failure(ExitCode::timed_out, [&] { attach(bed.context, "demo", "ram:2M,0:0:0:1"); });
    CHECK_THAT(failure, Contains("is busy (") && Contains("try again later"));
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-1"));
    CHECK(bed.get(back + "/state") == busy);

    bed.context.patience = 30s;
    const OtherSide other(bed.host, [first = true](hv::Store& store) mutable {
        if (std::exchange(first, false)) {
            static_cast<void>(store.write(front + "/state", "4"));
            static_cast<void>(store.write(back + "/state", "4"));
        }
        reconfigure(store, "4");
    });
    attach(bed.context, "demo", "ram:2M,0:0:0:1");
    CHECK(bed.get(back + "/vscsi-devs/dev-1/state") == "4");
}

TEST_CASE("attach tells a guest that connected while the nodes were written") {
    VerbBed bed;
    // The daemon has looked at the LUNs and is about to write Connected.
    bed.demo("2", "3", "3");
    bed.context.patience = 30s;
    const OtherSide other(bed.host, [](hv::Store& store) {
        if (at(store, back + "/vscsi-devs/dev-1/state") == "1" &&
            at(store, back + "/state") == "2") {
            static_cast<void>(store.write(front + "/state", "4"));
            static_cast<void>(store.write(back + "/state", "4"));
        }
        reconfigure(store, "4");
    });
    attach(bed.context, "demo", "ram:2M,0:0:0:1");
    CHECK(bed.get(back + "/vscsi-devs/dev-1/state") == "4");
}

TEST_CASE("attach makes a vhost that is not there, and removes it again if that fails") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    const std::string second = "/local/domain/0/backend/vscsi/5/1";
    SECTION("made") {
        attach(bed.context, "demo", "ram:2M,1:0:0:0");
        CHECK(bed.get(second + "/vscsi-devs/dev-0/v-dev") == "1:0:0:0");
        CHECK(bed.get("/local/domain/5/device/vscsi/1/state") == "1");
    }
    SECTION("removed") {
        bed.context.patience = 30s;
        const OtherSide daemon(bed.host, [second](hv::Store& store) {
            if (at(store, second + "/vscsi-devs/dev-0/state") != "1")
                return;
            static_cast<void>(store.write(second + "/feature-sg-grant", "512"));
            static_cast<void>(store.write(second + "/vscsi-devs/dev-0/error", "no"));
            static_cast<void>(store.write(second + "/vscsi-devs/dev-0/state", "6"));
        });
        CHECK_THROWS_AS(attach(bed.context, "demo", "ram:2M,1:0:0:0"), Failure);
        CHECK_FALSE(bed.has(second));
        CHECK_FALSE(bed.has("/local/domain/5/device/vscsi/1"));
    }
    SECTION("but for what somebody else has put there meanwhile") {
        bed.context.patience = 30s;
        const Vhost vhost{DomId{0}, DomId{5}, DevId{1}};
        const Lun other = parse_vscsi({"ram:3M,1:0:0:1"}).luns.at(0);
        const OtherSide daemon(bed.host, [&, put = false](hv::Store& store) mutable {
            if (at(store, second + "/vscsi-devs/dev-0/state") != "1" || std::exchange(put, true))
                return;
            static_cast<void>(hv::transact(store, [&](hv::StoreTxn txn) -> Result<void> {
                const auto done = write_lun(store, txn, vhost, other);
                return done ? Result<void>() : unexpected(done.error());
            }));
            static_cast<void>(store.write(second + "/vscsi-devs/dev-1/state", "3"));
            static_cast<void>(store.write(second + "/feature-sg-grant", "512"));
            static_cast<void>(store.write(second + "/vscsi-devs/dev-0/error", "no"));
            static_cast<void>(store.write(second + "/vscsi-devs/dev-0/state", "6"));
        });
        CHECK_THROWS_AS(attach(bed.context, "demo", "ram:2M,1:0:0:0"), Failure);
        CHECK_FALSE(bed.has(second + "/vscsi-devs/dev-0"));
        CHECK(bed.get(second + "/vscsi-devs/dev-1/p-dev") == "ram:3M");
        CHECK(bed.get(second + "/online") == "1");
        CHECK(bed.get("/local/domain/5/device/vscsi/1/state") == "1");
    }
    CHECK(bed.get(back + "/state") == "4");
}

TEST_CASE("attach refuses what is taken or wrong, and says so") {
    VerbBed bed;
    bed.demo("2", "1", "3");
    const auto refused = [&](const char* domain, const std::string& entry, ExitCode code) {
        const auto said = bed.failure(code, [&] { attach(bed.context, domain, entry); });
        CHECK(bed.real.list(back + "/vscsi-devs")->size() == 1);
        return said;
    };
    CHECK_THAT(refused("demo", "ram:2M,0:0:0:0", ExitCode::failed),
               Contains("0:0:0:0 is taken by ram:1M (waiting)"));
    CHECK_THAT(refused("demo", "ram:1,0:0:0:1", ExitCode::configuration),
               StartsWith("'ram:1': the size is not a multiple"));
    CHECK_THAT(refused("demo", "file:/none/x,0:0:0:1", ExitCode::configuration),
               Contains("no such file"));
    CHECK_THAT(refused("nobody", "ram:1M,0:0:0:1", ExitCode::not_found),
               Contains("there is no domain 'nobody'; there are demo"));
}

TEST_CASE("a backing that a guest has is attached to another if both entries say exclusive=no") {
    VerbBed bed;
    const std::string image = "file:" + bed.image("a");
    const bool one_shares = GENERATE(false, true), other_shares = GENERATE(false, true);
    const auto entry = [&](const char* vdev, bool shares) {
        return image + "," + vdev + (shares ? ",exclusive=no" : "");
    };
    bed.context.patience = 0ms;
    create(bed.context, bed.config("'" + entry("0:0:0:0", one_shares) + "'"));
    create(bed.context, bed.config("'ram:1M,0:0:0:0'", "other"));
    const auto attach_other = [&] { attach(bed.context, "other", entry("0:0:0:1", other_shares)); };
    if (one_shares && other_shares) {
        attach_other();
        CHECK(bed.get("/local/domain/0/backend/vscsi/6/0/vscsi-devs/dev-1/exclusive") == "no");
        const auto third = bed.failure(ExitCode::configuration,
                                       [&] { attach(bed.context, "other", image + ",0:0:0:2"); });
        CHECK_THAT(third, Contains("uses it as"));
    } else {
        const auto failure = bed.failure(ExitCode::configuration, attach_other);
        CHECK_THAT(failure, Contains("domain 5 uses it as 0:0:0:0; expected another backing, 'ro' "
                                     "on both, or 'exclusive=no' on both"));
        CHECK_FALSE(bed.has("/local/domain/0/backend/vscsi/6/0/vscsi-devs/dev-1"));
    }
}
