// A change of what a domain's next start begins with, or a create, whose pvscsictl was killed: what
// the next one makes of it, by what the store says the domain has and whether it has run.
#include "backend/ctl/creation.hpp"
#include "backend/ctl/persist.hpp"
#include "backend/toolstack/changes.hpp"
#include "backend/toolstack/pending.hpp"
#include "tests/support/verb_bed.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

using namespace pvscsi;
using namespace pvscsi::ctl;
using namespace pvscsi::test;
using namespace pvscsi::toolstack;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

using Texts = std::vector<std::string>;

/// The domain "demo" with ram:1M at 0:0:0:0, connected, and what somebody was killed at.
struct Bed : VerbBed {
    Bed() {
        demo("4", "4", "4");
        set("/local/domain/5/vm", "/vm/first-life");
        context.definitions = host.directory() / "domains.d";
        std::filesystem::create_directories(context.definitions);
        context.definition_files = {host.directory() / "demo.cfg"};
    }
    void killed(const Texts& attached, const Texts& detached,
                const std::string& vm = "/vm/first-life") {
        Changes changes;
        const XlFile file = read_xl_file(host.directory() / "demo.cfg");
        for (const std::string& entry : attached)
            keep_attached(changes, file, entry, parse_vscsi({entry}).luns.at(0).vdev);
        for (const std::string& vdev : detached)
            keep_detached(changes, file, *parse_vdev(vdev));
        write_pending(context.definitions, "demo",
                      {Pending::Life{DomId{5}, vm, attached, detached}, {}}, changes);
    }
    void lun(const std::string& number, const std::string& pdev, const std::string& vdev,
             const std::string& state) {
        const std::string node = back + "/vscsi-devs/dev-" + number;
        set(node + "/p-dev", pdev);
        set(node + "/v-dev", vdev);
        set(node + "/state", state);
    }
    Texts kept() {
        const auto changes = read_changes(changes_file(context.definitions, "demo"));
        REQUIRE(changes);
        Texts texts;
        for (const std::string& entry : changes->removed)
            texts.push_back("- " + entry);
        for (const std::string& entry : changes->added)
            texts.push_back("+ " + entry);
        return texts;
    }
    bool is_pending() { return std::filesystem::exists(pending_file(context.definitions, "demo")); }
};

} // namespace

TEST_CASE("what the domain has got, or lost, is kept") {
    Bed bed;
    Texts expected;
    SECTION("attached") {
        bed.killed({"ram:2M,0:0:0:1"}, {});
        bed.lun("1", "ram:2M", "0:0:0:1", "4");
        expected = {"+ ram:2M,0:0:0:1"};
    }
    SECTION("detached, and gone") {
        bed.killed({}, {"0:0:0:0"});
        REQUIRE(bed.real.remove(back + "/vscsi-devs/dev-0"));
        expected = {"- ram:1M,0:0:0:0"};
    }
    SECTION("detached, and let go of by the guest") {
        bed.killed({}, {"0:0:0:0"});
        bed.set(back + "/vscsi-devs/dev-0/state", "6");
        expected = {"- ram:1M,0:0:0:0"};
    }
    SECTION("one of two that were attached") {
        bed.killed({"ram:2M,0:0:0:1", "ram:3M,0:0:0:2"}, {});
        bed.lun("2", "ram:3M", "0:0:0:2", "4");
        expected = {"+ ram:3M,0:0:0:2"};
    }
    finish_interrupted(bed.context);
    CHECK(bed.kept() == expected);
    CHECK_FALSE(bed.is_pending());
    CHECK(bed.get(back + "/vscsi-devs/dev-0/state") != "6");
    REQUIRE(bed.warnings.size() == 1);
    CHECK_THAT(bed.warnings[0], Contains("was interrupted, and is finished now"));
}

TEST_CASE("what has not happened is dropped") {
    Bed bed;
    SECTION("attached: it is not there") {
        bed.killed({"ram:2M,0:0:0:1"}, {});
    }
    SECTION("attached: another one has its address") {
        bed.killed({"ram:2M,0:0:0:1"}, {});
        bed.lun("1", "ram:3M", "0:0:0:1", "4");
    }
    SECTION("attached: it could not be opened") {
        bed.killed({"ram:2M,0:0:0:1"}, {});
        bed.lun("1", "ram:2M", "0:0:0:1", "6");
        bed.set(back + "/vscsi-devs/dev-1/error", "it is in use");
    }
    SECTION("detached: it is there") {
        bed.killed({}, {"0:0:0:0"});
    }
    SECTION("of a life of the domain that has ended") {
        bed.killed({"ram:2M,0:0:0:1"}, {}, "/vm/other-life");
        bed.lun("1", "ram:2M", "0:0:0:1", "4");
    }
    finish_interrupted(bed.context);
    CHECK(bed.kept().empty());
    CHECK_FALSE(bed.is_pending());
    CHECK(bed.get(back + "/vscsi-devs/dev-0/state") == "4");
    CHECK(bed.get(back + "/vscsi-devs/dev-1/state") != "6");
    REQUIRE(bed.warnings.size() == 1);
    CHECK_THAT(bed.warnings[0], Contains("dropped now"));
}

TEST_CASE("what guest and daemon are at is left to them, and not written over") {
    Bed bed;
    bed.killed({"ram:2M,0:0:0:1"}, {});
    bed.lun("1", "ram:2M", "0:0:0:1", "1");
    bed.set(back + "/state", "7");
    finish_interrupted(bed.context);
    CHECK(bed.is_pending());
    CHECK(bed.warnings.empty());
    const auto text = bed.failure(ExitCode::timed_out, [&] {
        attach(bed.context, "demo", Texts{"ram:3M,0:0:0:2"}, Keep::always);
    });
    CHECK_THAT(text, Contains("was interrupted") && Contains("nothing was changed"));
    CHECK(bed.is_pending());
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-2"));
    SECTION("it comes to its end") {
        bed.set(back + "/vscsi-devs/dev-1/state", "4");
        bed.set(back + "/state", "4");
        finish_interrupted(bed.context);
        CHECK(bed.kept() == Texts{"+ ram:2M,0:0:0:1"});
    }
    SECTION("another one holds the domain's lock") {
        bed.set(back + "/vscsi-devs/dev-1/state", "4");
        bed.set(back + "/state", "4");
        DomainLock lock(bed.context.definitions, "demo");
        REQUIRE(lock.take());
        finish_interrupted(bed.context);
        CHECK(bed.is_pending());
    }
}

namespace {

/// The domain 5 "demo", paused, and the mark of a create that has not come to its end.
struct Killed : VerbBed {
    Killed() {
        domains.create("demo", "", "");
        set("/local/domain/5/vm", "/vm/first-life");
        set(back + "/state", "2");
        context.definitions = host.directory() / "domains.d";
        std::filesystem::create_directories(context.definitions);
    }
    std::string file = creation_file(host.directory() / "domains.d", "demo");
    void mark(const std::string& text) const { std::ofstream(file) << text << "\n"; }
    bool is_marked() const { return std::filesystem::exists(file); }
    bool is_there() { return domains.find("demo").has_value(); }
};

} // namespace

TEST_CASE("a domain that was made and has not run is ended, if its create was killed") {
    Killed bed;
    bed.mark("#made 5 /vm/first-life");
    finish_interrupted(bed.context);
    CHECK_FALSE(bed.is_there());
    CHECK_FALSE(bed.has("/local/domain/0/backend/vscsi/5"));
    CHECK_FALSE(bed.is_marked());
    REQUIRE(bed.warnings.size() == 1);
    CHECK(bed.warnings[0] == "'pvscsictl create' of domain 'demo' was interrupted: what there was "
                             "of it is gone now; create it again");
}

TEST_CASE("a domain that has its LUNs is let run, if its create was killed") {
    Killed bed;
    bed.mark("#whole 5 /vm/first-life");
    finish_interrupted(bed.context);
    CHECK(bed.domains.running == std::vector{DomId{5}});
    CHECK(bed.is_there());
    CHECK_FALSE(bed.is_marked());
    REQUIRE(bed.warnings.size() == 1);
    CHECK_THAT(bed.warnings[0], Contains("was interrupted: it runs now"));
}

TEST_CASE("a domain that has run, or that the killed create did not make, is not touched") {
    Killed bed;
    std::size_t said = 0;
    std::size_t runs = 0;
    bool stays = false;
    SECTION("somebody has let it run") {
        bed.mark("#made 5 /vm/first-life");
        bed.domains.unpause(DomId{5});
        said = 1;
        runs = 1;
    }
    SECTION("it ran, and was told nobody") {
        bed.mark("#whole 5 /vm/first-life");
        bed.domains.unpause(DomId{5});
        runs = 1;
    }
    SECTION("another life") {
        bed.mark("#made 5 /vm/other-life");
    }
    SECTION("another number") {
        bed.mark("#whole 4 /vm/first-life");
    }
    SECTION("xl was making it") {
        bed.mark("#making");
        said = 1;
        stays = true;
    }
    SECTION("xl was making it, and it runs") {
        bed.mark("#making");
        bed.domains.unpause(DomId{5});
        runs = 1;
    }
    SECTION("a damaged mark") {
        bed.mark("#made 5");
        said = 1;
        stays = true;
    }
    finish_interrupted(bed.context);
    CHECK(bed.is_there());
    CHECK(bed.domains.running.size() == runs);
    CHECK(bed.get(back + "/state") == "2");
    CHECK(bed.is_marked() == stays);
    CHECK(bed.warnings.size() == said);
    if (stays)
        CHECK_THAT(bed.warnings.at(0),
                   Contains("domain 5 of that name has not run, and may lack LUNs: end it with "
                            "'pvscsictl destroy demo'"));
}

TEST_CASE("a create that was killed before there was a domain leaves nothing") {
    Killed bed;
    bed.domains.destroy(DomId{5});
    SECTION("xl may name it yet") {
        bed.mark("#making");
        finish_interrupted(bed.context);
        CHECK(bed.is_marked());
    }
    SECTION("xl has had its time") {
        bed.mark("#making");
        std::filesystem::last_write_time(bed.file, std::filesystem::file_time_type::clock::now() -
                                                       std::chrono::seconds(11));
        finish_interrupted(bed.context);
        CHECK_FALSE(bed.is_marked());
    }
    SECTION("the domain has ended") {
        bed.mark("#made 5 /vm/first-life");
        finish_interrupted(bed.context);
        CHECK_FALSE(bed.is_marked());
    }
    CHECK(bed.warnings.empty());
}

TEST_CASE("a create that is at work is left to itself, and another one waits for it") {
    Killed bed;
    bed.mark("#made 5 /vm/first-life");
    DomainLock lock(bed.context.definitions, "demo");
    REQUIRE(lock.take());
    finish_interrupted(bed.context);
    CHECK(bed.is_there());
    CHECK(bed.is_marked());
    bed.domains.destroy(DomId{5});
    const auto text = bed.failure(ExitCode::timed_out,
                                  [&] { create(bed.context, bed.config("'ram:1M,0:0:0:0'")); });
    CHECK_THAT(text, Contains("another pvscsictl") && Contains("nothing was changed"));
    CHECK_FALSE(bed.is_there());
}

TEST_CASE("create leaves no mark, done, undone or failed") {
    Killed bed;
    bed.domains.destroy(DomId{5});
    bed.domains.next = 5;
    bed.context.patience = 0ms;
    const auto path = bed.config("'ram:1M,0:0:0:0'");
    SECTION("done") {
        create(bed.context, path);
        CHECK(bed.domains.running == std::vector{DomId{5}});
    }
    SECTION("undone") {
        bed.store.fail_write = 3;
        CHECK_THROWS_AS(create(bed.context, path), std::system_error);
        CHECK_FALSE(bed.is_there());
    }
    CHECK_FALSE(bed.is_marked());
    CHECK(std::filesystem::is_empty(bed.context.definitions));
}

TEST_CASE("a full disk does not keep a domain from being made") {
    Killed bed;
    bed.domains.destroy(DomId{5});
    bed.context.patience = 0ms;
    bed.context.definitions = "/proc/none/domains.d";
    create(bed.context, bed.config("'ram:1M,0:0:0:0'"));
    CHECK(bed.domains.running.size() == 1);
    REQUIRE(bed.warnings.size() == 1);
    CHECK_THAT(bed.warnings[0], Contains("should this be interrupted, nobody will know of it"));
}
