// pvscsictl against a real store: show, wait and the verbs of xm.
#include "tests/support/verb_bed.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace pvscsi;
using namespace pvscsi::ctl;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

std::vector<std::string> no_counts(unsigned, const std::string&) {
    return {};
}

} // namespace

TEST_CASE("show tells all that is known of a domain's LUNs, of one, and of one by its name") {
    VerbBed bed;
    bed.context.patience = 0ms;
    create(bed.context, bed.config("'ram:1M,0:0:0:0,name=logs,queue-depth=4,policy=audit:disk', "
                                   "'ram:2M,1:0:0:0,ro'"));
    bed.set(back + "/state", "4");
    bed.set(front + "/state", "4");
    bed.set(back + "/vscsi-devs/dev-0/state", "4");
    bed.set(back + "/vscsi-devs/dev-0/warning", "old\n");
    bed.set(back + "/vscsi-devs/dev-0/timeout", "30");
    const auto counts = [](unsigned domid, const std::string& vdev) {
        CHECK(domid == 5);
        return vdev == "0:0:0:0" ? std::vector<std::string>{"7 commands"}
                                 : std::vector<std::string>();
    };
    const std::string first =
        "0:0:0:0 of domain 5 'demo': connected\n"
        "  entry        ram:1M\n"
        "  name         logs\n"
        "  served as    ram, read and write\n"
        "  queue depth  4\n"
        "  timeout      at most 30 s\n"
        "  policy       audit:disk\n"
        "  vhost        0; the guest is at connected, the backend is at connected\n"
        "               7 commands\n"
        "  warning      old\\x0a\n";
    const std::string all = show(bed.context, {"demo", ""}, counts);
    CHECK_THAT(all, Catch::StartsWith(first + "\n1:0:0:0 of domain 5 'demo': "));
    CHECK_THAT(all, Contains("  served as    ram, read only\n"));
    CHECK(show(bed.context, {"demo", "0:0:0:0"}, counts) == first);
    CHECK(show(bed.context, {"5", "logs"}, counts) == first);
    CHECK(show(bed.context, {"logs", ""}, counts) == first);
}

TEST_CASE("show says what there is instead of what it does not find") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    const auto why = [&](const std::string& what, const std::string& lun) {
        return bed.failure(ExitCode::not_found, [&] { show(bed.context, {what, lun}, no_counts); });
    };
    CHECK_THAT(why("nobody", ""), Contains("there is no domain 'nobody'"));
    CHECK_THAT(why("nobody", "0:0:0:0"), Contains("there is no domain 'nobody'"));
    CHECK_THAT(why("demo", "3:0:0:0"), Contains("has no LUN 3:0:0:0"));
    destroy(bed.context, "demo");
}

TEST_CASE("wait returns at once when all is connected, or one that is asked for") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    CHECK(wait(bed.context, {"demo", "", false}).empty());
    attach(bed.context, "demo", "ram:1M,1:0:0:0"); // nobody takes it up
    CHECK(wait(bed.context, {"demo", "0:0:0:0", false}).empty());
    bed.set(back + "/vscsi-devs/dev-0/name", "data");
    CHECK(wait(bed.context, {"demo", "data", false}).empty());
    CHECK_THAT(bed.failure(ExitCode::timed_out,
                           [&] {
                               wait(bed.context, {"demo", "data", true});
                           }),
               Contains("0:0:0:0 is connected"));
    const auto late = bed.failure(ExitCode::timed_out, [&] {
        wait(bed.context, {"demo", "", false});
    });
    CHECK_THAT(late, Contains("1:0:0:0 is initialising"));
}

TEST_CASE("wait sees what comes meanwhile") {
    VerbBed bed;
    bed.demo("4", "4", "3");
    bed.context.patience = 20s;
    auto other = bed.host.connect();
    std::thread guest([&] {
        std::this_thread::sleep_for(20ms);
        static_cast<void>(other.write(back + "/vscsi-devs/dev-0/state", "4"));
    });
    CHECK(wait(bed.context, {"demo", "", false}).empty());
    guest.join();
}

TEST_CASE("wait ends with what has failed, and when time is over") {
    VerbBed bed;
    bed.demo("4", "4", "6");
    bed.set(back + "/vscsi-devs/dev-0/error", "no such file");
    const auto failed = bed.failure(ExitCode::failed, [&] {
        wait(bed.context, {"demo", "", false});
    });
    CHECK_THAT(failed, Contains("0:0:0:0 (ram:1M) has failed: no such file"));
    const auto missing = bed.failure(ExitCode::timed_out, [&] {
        wait(bed.context, {"demo", "9:0:0:0", false});
    });
    CHECK_THAT(missing, Contains("there is no 9:0:0:0"));
}

TEST_CASE("wait does not take a unit that is being detached for failed, nor nonsense for gone") {
    VerbBed bed;
    bed.demo("4", "4", "6"); // without a reason
    bed.failure(ExitCode::timed_out, [&] { wait(bed.context, {"demo", "", false}); });
    bed.failure(ExitCode::configuration, [&] { wait(bed.context, {"demo", "0:0", true}); });
    bed.failure(ExitCode::not_found, [&] { wait(bed.context, {"demo", "junk", true}); });
}

TEST_CASE("wait --gone waits for the nodes to go") {
    VerbBed bed;
    bed.demo("2", "1", "1");
    bed.failure(ExitCode::timed_out, [&] { wait(bed.context, {"demo", "", true}); });
    CHECK(wait(bed.context, {"demo", "7:0:0:0", true}).empty());
    detach(bed.context, "demo", "0:0:0:0", false);
    CHECK(wait(bed.context, {"demo", "", true}).empty());
}

TEST_CASE("set changes what may be changed, all of it or nothing") {
    VerbBed bed;
    bed.context.patience = 0ms;
    create(bed.context, bed.config("'ram:1M,0:0:0:0,name=a', 'ram:1M,0:0:0:1,name=b'"));
    const std::string lun = back + "/vscsi-devs/dev-0";
    CHECK_THAT(set(bed.context, "demo", "a", {"name=c", "queue-depth=3"}), Contains("0:0:0:0"));
    CHECK(bed.get(lun + "/name") == "c");
    CHECK(bed.get(lun + "/queue-depth") == "3");
    set(bed.context, "demo", "0:0:0:0", {"queue-depth=", "name="});
    CHECK_FALSE(bed.has(lun + "/queue-depth"));
    CHECK_FALSE(bed.has(lun + "/name"));

    const auto why = [&](const std::string& which, std::vector<std::string> options,
                         ExitCode code) {
        const auto said = bed.failure(code, [&] { set(bed.context, "demo", which, options); });
        CHECK_FALSE(bed.has(lun + "/queue-depth"));
        CHECK_FALSE(bed.has(lun + "/name"));
        return said;
    };
    const auto wrong = ExitCode::configuration;
    CHECK_THAT(why("0:0:0:0", {"queue-depth=2", "name=b"}, ExitCode::failed),
               Contains("taken by 0:0:0:1"));
    CHECK_THAT(why("0:0:0:0", {"queue-depth=2", "timeout=3"}, wrong), Contains("no SCSI device"));
    CHECK_THAT(why("0:0:0:0", {"queue-depth=2", "ro"}, wrong), Contains("'ro' cannot be set"));
    CHECK_THAT(why("0:0:0:0", {"name"}, wrong), Contains("'name' cannot be set"));
    CHECK_THAT(why("0:0:0:0", {"queue-depth=0"}, wrong), Contains("1 to 256"));
    CHECK_THAT(why("0:0:0:0", {"name=x", "name=y"}, wrong), Contains("given twice"));
    CHECK_THAT(why("0:0:0:0", {"name=0:0:0:1"}, wrong), Contains("'.', '_' and '-'"));
    attach(bed.context, "demo", "ram:1M,3:0:0:0,name=far");
    CHECK_THAT(why("0:0:0:0", {"name=far"}, ExitCode::failed), Contains("taken by 3:0:0:0"));
    bed.failure(ExitCode::failed, [&] { attach(bed.context, "demo", "ram:1M,4:0:0:0,name=far"); });
    CHECK_THAT(why("0:0:7:0", {"name=x"}, ExitCode::not_found), Contains("no LUN 0:0:7:0"));
}

TEST_CASE("scsi-list has the columns of xm") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    CHECK(scsi_list(bed.context, {"demo"}) ==
          "Idx BE  state host  phy-hctl   phy   vir-hctl   devstate\n"
          "0   0   4     0     ram:1M     -     0:0:0:0    4   \n");
    detach(bed.context, "demo", "0:0:0:0", true);
    CHECK(scsi_list(bed.context, {"demo"}).empty());
    bed.failure(ExitCode::not_found, [&] { scsi_list(bed.context, {"nobody"}); });
}

TEST_CASE("the arguments of scsi-attach are an entry") {
    CHECK(legacy_entry("/dev/sdb", "0:0:0:0", "") == "/dev/sdb,0:0:0:0");
    CHECK(legacy_entry("/dev/sdb", "0:0:0:0", "storage") == "/dev/sdb,0:0:0:0,storage");
    CHECK(legacy_entry("1:0:0:0", "host,feature-host", "") == "1:0:0:0,host,feature-host");
    CHECK(legacy_entry("/dev/sdb", "0:0:0:0,ro", "2") == "/dev/sdb,0:0:0:0,2,ro");
}
