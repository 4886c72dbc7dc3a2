// pvscsictl against a real store. create: what it writes, what it refuses, and what is left when it
// fails.
#include "tests/support/verb_bed.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

using namespace pvscsi;
using namespace pvscsi::ctl;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using Catch::Contains;
using Catch::StartsWith;

TEST_CASE("create writes both ends, each owned by who writes it and read by the other") {
    VerbBed bed;
    create(bed.context,
           bed.config("'ram:1M,0:0:0:0,name=a', 'ram:2M,0:0:1:7,ro', 'null:1G,3:0:0:0'"));

    CHECK(bed.get(back + "/frontend") == front);
    CHECK(bed.get(back + "/frontend-id") == "5");
    CHECK(bed.get(back + "/online") == "1");
    CHECK(bed.get(back + "/state") == "2");
    CHECK(bed.get(back + "/feature-host") == "0");
    CHECK(bed.get(back + "/vscsi-devs/dev-0/p-dev") == "ram:1M");
    CHECK(bed.get(back + "/vscsi-devs/dev-0/p-devname") == "ram:1M");
    CHECK(bed.get(back + "/vscsi-devs/dev-0/v-dev") == "0:0:0:0");
    CHECK(bed.get(back + "/vscsi-devs/dev-0/mode") == "w");
    CHECK(bed.get(back + "/vscsi-devs/dev-0/name") == "a");
    CHECK(bed.get(back + "/vscsi-devs/dev-0/state") == "1");
    CHECK(bed.get(back + "/vscsi-devs/dev-1/mode") == "r");
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-1/name"));
    CHECK(bed.get("/local/domain/0/backend/vscsi/5/3/vscsi-devs/dev-0/v-dev") == "3:0:0:0");
    CHECK(bed.get(front + "/backend") == back);
    CHECK(bed.get(front + "/backend-id") == "0");
    CHECK(bed.get(front + "/state") == "1");
    CHECK(bed.domains.running == std::vector{DomId{5}});

    const auto owner_and_reader = [&](const std::string& path) {
        const auto list = *bed.real.permissions(path);
        REQUIRE(list.size() == 2);
        CHECK_FALSE((list[0].read || list[0].write || list[1].write));
        CHECK(list[1].read);
        return std::pair{list[0].domain.value(), list[1].domain.value()};
    };
    for (const auto* node : {"", "/frontend", "/state", "/vscsi-devs", "/vscsi-devs/dev-0",
                             "/vscsi-devs/dev-0/p-dev", "/vscsi-devs/dev-0/state"})
        CHECK(owner_and_reader(back + node) == std::pair<std::uint16_t, std::uint16_t>{0, 5});
    for (const auto* node : {"", "/backend", "/backend-id", "/state"})
        CHECK(owner_and_reader(front + node) == std::pair<std::uint16_t, std::uint16_t>{5, 0});

    // The guest can do its part, and no more.
    auto guest = bed.host.connect(DomId{5});
    CHECK(guest.write(front + "/ring-ref", "8"));
    CHECK(guest.read(back + "/state"));
    CHECK_FALSE(guest.write(back + "/state", "4"));
    CHECK_FALSE(guest.write(back + "/vscsi-devs/dev-0/p-dev", "/dev/sda"));
}

namespace {

/// A daemon that can't open the second of two LUNs.
void refuse_second(hv::Store& store) {
    if (at(store, back + "/vscsi-devs/dev-1/state") != "1")
        return;
    static_cast<void>(store.write(back + "/feature-sg-grant", "512"));
    static_cast<void>(store.write(back + "/vscsi-devs/dev-0/state", "3"));
    static_cast<void>(store.write(back + "/vscsi-devs/dev-1/error", "it is in use"));
    static_cast<void>(store.write(back + "/vscsi-devs/dev-1/state", "6"));
}

} // namespace

TEST_CASE("create warns if no daemon answers, and of what a daemon does not like") {
    VerbBed bed;
    SECTION("no daemon") {
        create(bed.context, bed.config("'ram:1M,0:0:0:0'"));
        REQUIRE(bed.warnings.size() == 1);
        CHECK_THAT(bed.warnings[0], Contains("no answer from a backend daemon within 0.2 s"));
        CHECK(bed.context.status == ExitCode::no_daemon);
    }
    SECTION("a daemon that cannot open one") {
        bed.context.patience = 30s;
        const OtherSide daemon(bed.host, refuse_second);
        create(bed.context, bed.config("'ram:1M,0:0:0:0', 'ram:2M,0:0:0:1'"), Start::anyway);
        CHECK_THAT(bed.warnings,
                   Catch::Equals(std::vector<std::string>{"0:0:0:1 (ram:2M): it is in use"}));
        CHECK(bed.domains.running == std::vector{DomId{5}});
    }
    SECTION("no LUN at all") {
        create(bed.context, bed.config(""));
        REQUIRE(bed.warnings.size() == 1);
        CHECK_THAT(bed.warnings[0], Contains("there is no vscsi= entry"));
    }
}

TEST_CASE("create does not start a domain without a LUN that its file gives it") {
    VerbBed bed;
    bed.context.patience = 30s;
    const OtherSide daemon(bed.host, refuse_second);
    const auto path = bed.config("'ram:1M,0:0:0:0', 'ram:2M,0:0:0:1'");
    const auto text = bed.failure(ExitCode::failed, [&] { create(bed.context, path); });
    CHECK_THAT(text, StartsWith("0:0:0:1 (ram:2M): it is in use\n"));
    CHECK_THAT(text, Contains("was not started"));
    CHECK(bed.domains.running.empty());
    CHECK(bed.domains.list().empty());
    CHECK_FALSE(bed.has("/local/domain/0/backend/vscsi/5"));
}

TEST_CASE("create warns of a file that the daemon does not go by") {
    VerbBed bed;
    bed.context.patience = 0ms;
    const auto path = bed.config("'ram:1M,0:0:0:0'");
    SECTION("none") {
        bed.context.definition_files = {"/nowhere/*.cfg"};
        create(bed.context, path);
        REQUIRE(bed.warnings.size() == 1);
        CHECK_THAT(bed.warnings[0], Contains("after a reboot the guest gets no LUNs"));
    }
    SECTION("another one") {
        std::filesystem::create_directory(bed.host.directory() / "known");
        const std::string other = bed.host.directory() / "known/demo.cfg";
        std::filesystem::copy(path, other);
        bed.context.definition_files = {other};
        create(bed.context, path);
        REQUIRE(bed.warnings.size() == 1);
        CHECK_THAT(bed.warnings[0], Contains("the daemon knows " + other));
    }
    SECTION("another one and a copy of it") {
        const std::string folder = bed.host.directory() / "known";
        std::filesystem::create_directory(folder);
        std::filesystem::copy(path, folder + "/a.cfg");
        std::filesystem::copy(path, folder + "/b.cfg");
        bed.context.definition_files = {folder + "/*.cfg"};
        create(bed.context, path);
        REQUIRE(bed.warnings.size() == 1);
        CHECK_THAT(bed.warnings[0],
                   Contains("after a reboot of the guest: " + folder + "/a.cfg and " + folder +
                            "/b.cfg name one domain, 'demo': it gets no LUNs of either"));
    }
    SECTION("this one and a copy with a uuid") {
        const std::string copy = path + ".copy";
        std::filesystem::copy(path, copy);
        std::ofstream(copy, std::ios::app) << "uuid = '0f0e0d0c-0b0a-0908-0706-050403020100'\n";
        bed.context.definition_files = {path, copy};
        create(bed.context, path);
        REQUIRE(bed.warnings.size() == 1);
        CHECK_THAT(bed.warnings[0], Contains(path + " and " + copy + " name one domain, 'demo'"));
    }
    SECTION("this one") {
        bed.context.definition_files = {path};
        create(bed.context, path);
        CHECK(bed.warnings.empty());
    }
}

TEST_CASE("create refuses a wrong file as a whole, before anything is changed") {
    VerbBed bed;
    const auto path = bed.config("'ram:1M,0:0:0:0', 'ram:0,0:0:1:0', 'file:/none/a,0:0:0'");
    const auto text = bed.failure(ExitCode::configuration, [&] { create(bed.context, path); });
    CHECK_THAT(text, StartsWith(path + ": vscsi: entry 2: 'ram:0': the size is zero; expected "));
    CHECK_THAT(text, Contains("entry 3: '0:0:0': VDEV has 3 of 4 numbers"));
    CHECK_THAT(text, Catch::EndsWith("nothing was changed"));
    CHECK(bed.domains.list().empty());
    CHECK_FALSE(bed.has("/local/domain/0/backend/vscsi/5"));
}

TEST_CASE("create refuses a name that is taken and a backing that another domain has") {
    VerbBed bed;
    bed.context.patience = 0ms;
    const auto image = "'file:" + bed.image("a.img") + ",0:0:0:0'";
    create(bed.context, bed.config(image));
    const auto twice =
        bed.failure(ExitCode::failed, [&] { create(bed.context, bed.config(image)); });
    CHECK_THAT(twice, Contains("domain 'demo' runs already, with number 5"));
    const auto other = bed.failure(ExitCode::configuration,
                                   [&] { create(bed.context, bed.config(image, "other")); });
    CHECK_THAT(other, Contains("domain 5 uses it as 0:0:0:0"));
    CHECK(bed.domains.list().size() == 1);
}

TEST_CASE("create undoes all of it whichever write fails") {
    // 6 writes for the vhost, 1 for the counter and 6 for the LUN, 3 for the frontend.
    for (int nth = 1; nth <= 16; ++nth) {
        CAPTURE(nth);
        VerbBed bed;
        bed.context.patience = 0ms;
        const auto path = bed.config("'ram:1M,0:0:0:0,name=a'");
        bed.store.fail_write = nth;
        CHECK_THROWS_AS(create(bed.context, path), std::system_error);
        REQUIRE(bed.store.fail_write == 0);
        CHECK(bed.store.open_transactions == 0);
        CHECK(bed.domains.list().empty());
        CHECK_FALSE(bed.has("/local/domain/0/backend/vscsi/5"));
        CHECK_FALSE(bed.has("/local/domain/5"));
    }
}

TEST_CASE("create does not lend a dead domain's nodes to its successor") {
    VerbBed bed;
    bed.context.patience = 0ms;
    bed.set("/local/domain/0/backend/vscsi/5/9/secret", "x");
    create(bed.context, bed.config("'ram:1M,0:0:0:0'"));
    CHECK_FALSE(bed.has("/local/domain/0/backend/vscsi/5/9"));
    CHECK(bed.get(back + "/state") == "2");
}

TEST_CASE("a conflicting change makes the transaction run again, not be lost") {
    VerbBed bed;
    bed.demo("2", "1", "3");
    bed.store.before_commit = [&] { bed.set(back + "/next-dev", "7"); };
    attach(bed.context, "demo", "ram:2M,0:0:0:1");
    CHECK(bed.get(back + "/vscsi-devs/dev-7/v-dev") == "0:0:0:1");
    CHECK(bed.get(back + "/next-dev") == "8");
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-1"));
}

TEST_CASE("a LUN that is there is not written over, whatever the counter of numbers says") {
    VerbBed bed;
    bed.demo("2", "1", "3");
    const auto counter = GENERATE(as<std::string>(), "0", "nonsense", "-1");
    CAPTURE(counter);
    bed.set(back + "/next-dev", counter);
    attach(bed.context, "demo", "ram:2M,0:0:0:1");
    CHECK(bed.get(back + "/vscsi-devs/dev-0/v-dev") == "0:0:0:0");
    CHECK(bed.get(back + "/vscsi-devs/dev-1/v-dev") == "0:0:0:1");
    CHECK(bed.get(back + "/next-dev") == "2");
}
