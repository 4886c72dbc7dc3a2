// pvscsictl against a real store. list: what it makes of the nodes of both ends.
#include "tests/support/verb_bed.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace pvscsi;
using namespace pvscsi::ctl;
using namespace pvscsi::test;
using namespace std::chrono_literals;

TEST_CASE("list joins both ends, the daemon's reasons and the domain's name") {
    VerbBed bed;
    bed.context.patience = 0ms;
    create(bed.context,
           bed.config("'ram:1M,0:0:0:0,name=a', 'ram:2M,0:0:0:1,ro', 'ram:3M,2:0:0:0'"));
    bed.set(back + "/state", "4");
    bed.set(back + "/vscsi-devs/dev-0/state", "4");
    bed.set(back + "/vscsi-devs/dev-1/state", "6");
    bed.set(back + "/vscsi-devs/dev-1/error", "in use\x1b[2J");
    bed.set("/local/domain/0/backend/vscsi/5/2/error", "ring-ref is \"x\"");
    bed.set("/local/domain/0/backend/vscsi/5/2/vscsi-devs/dev-0/warning", "deleted\n");
    bed.set("/local/domain/0/backend/vscsi/5/2/state", "5");

    const auto rows = nlohmann::json::parse(list(bed.context, {"demo", ListForm::json}));
    REQUIRE(rows.size() == 3);
    CHECK(rows[0] == nlohmann::json{{"domain", "demo"},
                                    {"domid", 5},
                                    {"vhost", 0},
                                    {"vdev", "0:0:0:0"},
                                    {"pdev", "ram:1M"},
                                    {"target", "ram"},
                                    {"state", "connected"},
                                    {"name", "a"},
                                    {"mode", "rw"},
                                    {"nodes", nlohmann::json::array()},
                                    {"unit", ""},
                                    {"error", ""},
                                    {"warning", ""},
                                    {"backend", ""},
                                    {"backend_domid", 0},
                                    {"exclusive", true}});
    CHECK(rows[1]["state"] == "failed");
    CHECK(rows[1]["mode"] == "ro");
    CHECK(rows[1]["error"] == "in use\x1b[2J");
    CHECK(rows[2]["state"] == "closing");
    CHECK(rows[2]["error"] == "ring-ref is \"x\"");
    CHECK(rows[2]["warning"] == "deleted\n");

    const std::string table = list(bed.context, {});
    CHECK(table == "DOMAIN  ID  VDEV     STATE      TARGET  MODE  NAME  PDEV\n"
                   "demo    5   0:0:0:0  connected  ram     rw    a     ram:1M\n"
                   "demo    5   0:0:0:1  failed     ram     ro    -     ram:2M\n"
                   "    0:0:0:1: in use\\x1b[2J\n"
                   "demo    5   2:0:0:0  closing    ram     rw    -     ram:3M\n"
                   "    2:0:0:0: ring-ref is \"x\"\n"
                   "    2:0:0:0: deleted\\x0a\n");
    CHECK(bed.failure([&] {
                 list(bed.context, {"nobody", ListForm::table});
             })
              .code() == ExitCode::not_found);
}

TEST_CASE("list goes by address, in whatever order the LUNs came") {
    VerbBed bed;
    bed.context.patience = 0ms;
    create(bed.context, bed.config("'ram:1M,0:0:10:0', 'ram:2M,0:0:2:0', 'ram:3M,0:0:0:1'"));
    const auto rows = nlohmann::json::parse(list(bed.context, {"demo", ListForm::json}));
    REQUIRE(rows.size() == 3);
    CHECK(rows[0]["vdev"] == "0:0:0:1");
    CHECK(rows[1]["vdev"] == "0:0:2:0");
    CHECK(rows[2]["vdev"] == "0:0:10:0");
}

TEST_CASE("list --plain has a line for each LUN, whatever is in the store") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    bed.set(back + "/vscsi-devs/dev-0/warning", "a\tb\nc");
    CHECK(
        list(bed.context, {{}, ListForm::plain}) ==
        "demo\t5\t0\t0:0:0:0\tram:1M\tram\tconnected\t-\trw\t-\t-\t-\ta\\x09b\\x0ac\t-\t0\tyes\n");
}

TEST_CASE("list says what is shared, and with what word") {
    VerbBed bed;
    bed.context.patience = 0ms;
    create(bed.context, bed.config("'file:" + bed.image("a") + ",0:0:0:0,exclusive=no'"));
    CHECK(bed.get(back + "/vscsi-devs/dev-0/exclusive") == "no");
    const auto rows = nlohmann::json::parse(list(bed.context, {"demo", ListForm::json}));
    CHECK(rows[0]["exclusive"] == false);
    CHECK_THAT(list(bed.context, {}), Catch::Contains("  rw,shared  "));
    CHECK_THAT(list(bed.context, {{}, ListForm::plain}), Catch::EndsWith("\tno\n"));
    CHECK_THAT(show(bed.context, {"demo", ""},
                    [](unsigned, const std::string&) { return std::vector<std::string>(); }),
               Catch::Contains("read and write, shared with all that say exclusive=no"));
}

TEST_CASE("list shows paths that are no UTF-8, and its JSON stays UTF-8") {
    VerbBed bed;
    bed.demo("2", "4", "3");
    bed.set(back + "/vscsi-devs/dev-0/p-dev", "file:/srv/gr\xc3\xbc\xff");
    CHECK_THAT(list(bed.context, {}), Catch::Contains("file:/srv/gr\xc3\xbc\\xff\n"));
    const auto rows =
        nlohmann::json::parse(list(bed.context, {{}, ListForm::json})); // throws if it is not
    CHECK(rows[0]["pdev"] == "file:/srv/gr\xc3\xbc\xef\xbf\xbd");
}

TEST_CASE("list shows what a device was that is gone") {
    VerbBed bed;
    bed.demo("2", "4", "3");
    const auto target = [&] {
        return nlohmann::json::parse(list(bed.context, {{}, ListForm::json}))[0]["target"];
    };
    CHECK(target() == "ram");
    bed.set(back + "/vscsi-devs/dev-0/p-dev", "/dev/pvscsi-no-such-device");
    CHECK(target() == "ram");
    bed.set(back + "/vscsi-devs/dev-0/target", "sg");
    CHECK(target() == "sg");
    bed.set(back + "/vscsi-devs/dev-0/p-dev", "nonsense");
    CHECK(target() == "unknown");
}

TEST_CASE("list shows the state of each stage") {
    VerbBed bed;
    const auto [b, lun, shown] =
        GENERATE(table<std::string, std::string, std::string>({{"2", "3", "waiting"},
                                                               {"6", "3", "waiting"},
                                                               {"2", "1", "initialising"},
                                                               {"6", "1", "initialising"},
                                                               {"2", "5", "closing"},
                                                               {"1", "1", "initialising"},
                                                               {"4", "3", "initialised"},
                                                               {"4", "4", "connected"},
                                                               {"7", "4", "connected"},
                                                               {"8", "5", "closing"},
                                                               {"5", "4", "closing"},
                                                               {"6", "4", "waiting"},
                                                               {"4", "6", "failed"},
                                                               {"x", "4", "unknown"}}));
    bed.demo(b, "4", lun);
    if (lun == "6")
        bed.set(back + "/vscsi-devs/dev-0/error", "it is in use");
    CAPTURE(b, lun);
    CHECK(nlohmann::json::parse(list(bed.context, {{}, ListForm::json}))[0]["state"] == shown);
}

TEST_CASE("list has no LUN that the guest has let go of, and removes it where it may be") {
    VerbBed bed;
    const auto b = GENERATE(as<std::string>(), "4", "7");
    bed.demo(b, "4", "6");
    const auto rows = nlohmann::json::parse(list(bed.context, {{}, ListForm::json}));
    const bool settled = b == "4";
    CHECK(rows.size() == (settled ? 0 : 1));
    CHECK(bed.has(back + "/vscsi-devs/dev-0/state") == !settled);
}

TEST_CASE("list warns of a vhost that has an error and no LUNs to tell it with") {
    VerbBed bed;
    bed.demo("2", "1", "2");
    (void)list(bed.context, {});
    CHECK(bed.warnings.empty());
    bed.set("/local/domain/0/backend/vscsi/5/9/state", "2");
    bed.set("/local/domain/0/backend/vscsi/5/9/frontend-id", "5");
    bed.set("/local/domain/0/backend/vscsi/5/9/error", "the port is being made");
    (void)list(bed.context, {});
    CHECK(bed.warnings ==
          std::vector<std::string>{"domain 'demo' has no LUNs of vhost 9: the port is being made"});
}

TEST_CASE("list survives nodes that make no sense") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    bed.set("/local/domain/0/backend/vscsi/nonsense/0/state", "4");
    bed.set("/local/domain/0/backend/vscsi/99999999/0/state", "4");
    bed.set("/local/domain/0/backend/vscsi/5/9/state", "4");
    bed.set(back + "/vscsi-devs/other", "x");
    bed.set(back + "/vscsi-devs/dev-7/state", "4");
    bed.set(back + "/vscsi-devs/dev-0/p-dev", "\xff\xfe");
    const auto rows = nlohmann::json::parse(list(bed.context, {{}, ListForm::json}));
    REQUIRE(rows.size() == 1);
    CHECK(rows[0]["target"] == "unknown");
}
