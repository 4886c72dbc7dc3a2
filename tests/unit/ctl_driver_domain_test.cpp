// pvscsictl against a real store: LUNs that another domain than dom0 serves, and what becomes of
// them when that domain ends.
#include "tests/support/verb_bed.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace pvscsi;
using namespace pvscsi::ctl;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

const std::string there = "/local/domain/9/backend/vscsi/5/0";
const std::string record = "/local/domain/5/pvscsi/0";

/// Domain 9 "storage" can serve.
struct Bed : VerbBed {
    Bed() {
        context.patience = 0ms;
        start(DomId{9});
    }
    /// As a toolstack makes a domain's path: not the domain's to write.
    void start(DomId id) {
        host.add_guest(id);
        const std::string home = "/local/domain/" + std::to_string(id.value());
        REQUIRE(real.set_permissions(home, {{DomId{0}, false, false}, {id, true, false}}));
        set(home + "/name", "storage");
    }
    void end(DomId id) {
        REQUIRE(real.remove("/local/domain/" + std::to_string(id.value())));
        host.release(id);
    }
    nlohmann::json rows() { return nlohmann::json::parse(list(context, {{}, ListForm::json})); }
};

} // namespace

TEST_CASE("a vhost of a driver domain is that domain's to serve, and dom0 remembers it") {
    Bed bed;
    create(bed.context, bed.config("'ram:1M,0:0:0:0,storage,name=a', 'ram:2M,1:0:0:0'"));
    CHECK(bed.get(there + "/vscsi-devs/dev-0/p-dev") == "ram:1M");
    CHECK(bed.get(front + "/backend") == there);
    CHECK(bed.get(front + "/backend-id") == "9");
    CHECK_FALSE(bed.has(back));
    CHECK(bed.get("/local/domain/0/backend/vscsi/5/1/vscsi-devs/dev-0/p-dev") == "ram:2M");
    CHECK(bed.get(record + "/backend") == "storage");
    CHECK(bed.get(record + "/backend-id") == "9");
    CHECK(bed.get(record + "/dev-0") == "ram:1M,0:0:0:0,storage,name=a");
    CHECK_FALSE(bed.has("/local/domain/5/pvscsi/1"));

    auto storage = bed.host.connect(DomId{9});
    CHECK(storage.list("/local/domain/9/backend/vscsi"));
    CHECK(storage.write(there + "/state", "4"));
    CHECK(storage.write(there + "/feature-sg-grant", "512"));
    CHECK(storage.read(front + "/state"));
    CHECK_FALSE(storage.write(front + "/state", "4"));
    CHECK_FALSE(storage.read(record + "/dev-0"));
    CHECK_FALSE(bed.host.connect(DomId{5}).write(record + "/dev-0", "ram:9M,0:0:0:0,storage"));

    const auto rows = bed.rows();
    REQUIRE(rows.size() == 2);
    CHECK(rows[0]["backend_domid"] == 9);
    CHECK(rows[1]["backend_domid"] == 0);
}

TEST_CASE("a domain that is not there can't serve, and nothing is changed") {
    Bed bed;
    const std::string name = GENERATE("shelf", "7", "32752", "99999999999");
    const std::string entry = "ram:1M,0:0:0:0," + name;
    CHECK_THAT(check(bed.context, entry).problems.at(0), Contains("there is no such domain"));
    const auto failure = bed.failure([&] { create(bed.context, bed.config("'" + entry + "'")); });
    CHECK(failure.code() == ExitCode::configuration);
    CHECK_FALSE(bed.domains.find("demo"));
}

TEST_CASE("who serves is found by name and by number; dom0's names are dom0's") {
    Bed bed;
    bed.set("/local/domain/0/name", "Zero");
    const auto [name, serves] = GENERATE(table<std::string, std::string>(
        {{"storage", "9"}, {"9", "9"}, {"Domain-0", "0"}, {"Zero", "0"}, {"0", "0"}}));
    create(bed.context, bed.config("'ram:1M,0:0:0:0," + name + "'"));
    CHECK(bed.get(front + "/backend-id") == serves);
}

TEST_CASE("what another domain has is not looked for here") {
    Bed bed;
    const auto result = check(bed.context, "file:/none.img,0:0:0:0,storage");
    CHECK(result.problems.empty());
    REQUIRE(result.warnings.size() == 1);
    CHECK_THAT(result.warnings[0], Contains("that domain's devices are not looked at from here"));
    create(bed.context, bed.config("'file:/none.img,0:0:0:0,storage', '/dev/sdz,0:0:0:1,storage'"));
    CHECK(bed.get(there + "/vscsi-devs/dev-1/target") == "unknown");

    // One name on two domains is two things; twice on one it is not.
    CHECK_THAT(check(bed.context, "file:/none.img,1:0:0:0,storage").problems.at(0),
               Contains("domain 5 uses it as 0:0:0:0"));
    CHECK_THAT(check(bed.context, "file:/none.img,1:0:0:0").problems.at(0),
               Contains("there is no such file"));
}

TEST_CASE("LUNs of a driver domain are attached, changed and detached there") {
    Bed bed;
    create(bed.context, bed.config("'ram:1M,0:0:0:0,storage'"));
    attach(bed.context, "demo", "ram:2M,0:0:0:1,storage,ro");
    CHECK(bed.get(there + "/vscsi-devs/dev-1/mode") == "r");
    CHECK(bed.get(record + "/dev-1") == "ram:2M,0:0:0:1,storage,ro");
    set(bed.context, "demo", "0:0:0:1", {"name=b", "queue-depth=3"});
    CHECK(bed.get(record + "/dev-1") == "ram:2M,0:0:0:1,storage,ro,name=b,queue-depth=3");
    set(bed.context, "demo", "b", {"queue-depth="});
    CHECK(bed.get(record + "/dev-1") == "ram:2M,0:0:0:1,storage,ro,name=b");
    detach(bed.context, "demo", "0:0:0:1", false);
    CHECK_FALSE(bed.has(record + "/dev-1"));
    CHECK_FALSE(bed.has(there + "/vscsi-devs/dev-1"));

    CHECK_THAT(bed.failure([&] { attach(bed.context, "demo", "ram:2M,0:0:0:1"); }).what(),
               Contains("vhost 0 is served by domain 9 'storage'"));
    attach(bed.context, "demo", "ram:2M,1:0:0:0");
    CHECK_THAT(bed.failure([&] { attach(bed.context, "demo", "ram:2M,1:0:0:1,storage"); }).what(),
               Contains("vhost 1 is served by domain 0"));
}

TEST_CASE("nothing of a guest is left with any domain that served it") {
    Bed bed;
    create(bed.context, bed.config("'ram:1M,0:0:0:0,storage', 'ram:1M,1:0:0:0'"));
    SECTION("when it is destroyed") {
        destroy(bed.context, "demo");
    }
    SECTION("when it was gone already") {
        bed.domains.destroy(DomId{5});
        destroy(bed.context, "5");
    }
    CHECK_FALSE(bed.has("/local/domain/9/backend/vscsi/5"));
    CHECK_FALSE(bed.has("/local/domain/0/backend/vscsi/5"));
}

TEST_CASE("what a driver domain served that has ended is shown as lost, until it is detached") {
    Bed bed;
    create(bed.context, bed.config("'ram:1M,0:0:0:0,storage,name=a', 'ram:2M,0:0:0:1,storage'"));
    bed.end(DomId{9});
    auto rows = bed.rows();
    REQUIRE(rows.size() == 2);
    CHECK(rows[0]["state"] == "failed");
    CHECK(rows[0]["name"] == "a");
    CHECK(rows[0]["pdev"] == "ram:1M");
    CHECK(rows[0]["error"] == "domain 9 (storage), which served it, has ended");
    CHECK_THAT(bed.failure([&] { set(bed.context, "demo", "a", {"name=b"}); }).what(),
               Contains("has ended"));
    CHECK_THAT(bed.failure([&] {
                      wait(bed.context, {"demo", "", false});
                  })
                   .what(),
               Contains("has ended"));

    bed.start(DomId{10});
    CHECK_THAT(bed.failure([&] { attach(bed.context, "demo", "ram:1M,0:0:0:2,storage"); }).what(),
               Contains("domain 9, which has ended; detach what the guest had of it first"));
    detach(bed.context, "demo", "0:0:0:0", false);
    CHECK(bed.rows().size() == 1);
    CHECK(bed.has(front));
    detach(bed.context, "demo", "0:0:0:1", false);
    CHECK_FALSE(bed.has(front));
    CHECK_FALSE(bed.has(record));
    attach(bed.context, "demo", "ram:1M,0:0:0:2,storage");
    CHECK(bed.get(front + "/backend-id") == "10");
}

TEST_CASE("in a driver domain there is what it serves itself") {
    Bed bed;
    create(bed.context, bed.config("'ram:1M,0:0:0:0,storage'"));
    bed.set(there + "/domain", "demo");
    auto own = bed.host.connect(DomId{9});
    Context context{own, bed.domains, DomId{9}, 0ms};
    const auto rows = nlohmann::json::parse(list(context, {"demo", ListForm::json}));
    REQUIRE(rows.size() == 1);
    CHECK(rows[0]["domain"] == "demo");
    CHECK(rows[0]["backend"] == "storage");
    CHECK_THROWS_WITH(attach(context, "demo", "ram:1M,1:0:0:0"), Contains("Permission denied"));
    CHECK_FALSE(bed.has("/local/domain/9/backend/vscsi/5/1"));
}
