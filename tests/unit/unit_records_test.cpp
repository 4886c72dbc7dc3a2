// An unstable name that leads to another unit than before is refused, whatever happened between.
#include "backend/unit_records.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

using namespace pvscsi;
using backend::UnitRecords;

namespace {

struct Bed {
    test::Folder folder;
    /// A new one each time: the daemon was restarted, or the host.
    UnitRecords records() const { return UnitRecords(folder.path("units")); }
    void same(const std::string& unit, const std::string& pdev = "/dev/sdb",
              const std::string& vdev = "0:0:0:0", const std::string& domain = "demo") const {
        records().require_same(domain, vdev, pdev, unit);
    }
};

} // namespace

TEST_CASE("the unit that a name first led to is the only one it may lead to") {
    const Bed bed;
    bed.same("naa.1");
    CHECK_NOTHROW(bed.same("naa.1"));
    CHECK_THROWS_WITH(
        bed.same("naa.2"),
        "/dev/sdb leads to the unit naa.2, and led to naa.1 when the domain was given "
        "it; name the unit you mean by a link in /dev/disk/by-id, or say 'pvscsictl accept demo "
        "0:0:0:0' if this one is right");
    CHECK_THROWS(bed.same("naa.2")); // it was not recorded by the refusal
    CHECK_NOTHROW(bed.same("naa.1"));
}

TEST_CASE("each address of each domain has a record of its own") {
    const Bed bed;
    bed.same("naa.1");
    bed.same("naa.2", "/dev/sdb", "0:0:0:1");
    bed.same("naa.3", "/dev/sdb", "0:0:0:0", "other");
    bed.same("naa.4", "/dev/sdb", "0:0:0:0", "../x/\xff");
    CHECK_THROWS(bed.same("naa.2"));
    CHECK_THROWS(bed.same("naa.1", "/dev/sdb", "0:0:0:0", "other"));
    CHECK_THROWS(bed.same("naa.1", "/dev/sdb", "0:0:0:0", "../x/\xff"));
    CHECK_NOTHROW(bed.same("naa.1"));
    CHECK_NOTHROW(bed.same("naa.2", "/dev/sdb", "0:0:0:1"));
    CHECK(std::filesystem::exists(bed.folder.path("units/%2e%2e%2fx%2f%ff")));
}

TEST_CASE("another entry, a detach and a deleted file begin anew") {
    const Bed bed;
    bed.same("naa.1");
    SECTION("another name in the entry") {
        bed.same("naa.2", "/dev/sdc");
        CHECK_THROWS(bed.same("naa.1", "/dev/sdc"));
    }
    SECTION("detached and attached again") {
        bed.records().forget("demo", "0:0:0:0");
        bed.records().forget("demo", "0:0:0:7");
        bed.records().forget("none", "0:0:0:0");
        CHECK_NOTHROW(bed.same("naa.2"));
    }
    SECTION("the file is gone") {
        REQUIRE(::unlink(bed.folder.path("units/demo").c_str()) == 0);
        CHECK_NOTHROW(bed.same("naa.2"));
    }
}

TEST_CASE("a damaged file is refused, for it may have said another unit") {
    const Bed bed;
    bed.same("naa.1");
    const std::string whole = "0:0:0:1\tnaa.2\t/dev/sdb\n";
    const auto line = GENERATE("nonsense\n", "0:0:0:2\tcut\n", "0:0:0:2\t\t/dev/sdc\n",
                               "\tnaa.1\t/dev/sdc\n", "0:0:0:2\tnaa.1\t\n", "\n",
                               "0:0:0:2\tnaa.1\t/dev/sd", "0:0:0:2\tnaa.1\t/dev/sdc\t\n");
    CAPTURE(line);
    bed.folder.file("units/demo", whole + line);
    CHECK_THROWS_WITH(
        bed.same("naa.2", "/dev/sdb", "0:0:0:1"),
        Catch::StartsWith("line 2 of " + bed.folder.path("units/demo") + " is damaged") &&
            Catch::Contains("'pvscsictl accept' of the domain if"));
    CHECK_THROWS(bed.same("naa.9", "/dev/sdd", "0:0:0:3"));
    CHECK_NOTHROW(bed.records().forget("demo", "0:0:0:1")); // only a warning
    bed.folder.file("units/demo", whole);
    CHECK_THROWS(bed.same("naa.3", "/dev/sdb", "0:0:0:1"));
    CHECK_NOTHROW(bed.same("naa.2", "/dev/sdb", "0:0:0:1"));
}

TEST_CASE("a unit without a name is not the one that had a name") {
    const Bed bed;
    bed.same(""); // never known: nothing to compare
    bed.same("");
    bed.same("naa.1");
    CHECK_THROWS_WITH(bed.same(""),
                      Catch::StartsWith("/dev/sdb leads to a unit without a name of its own, and "
                                        "led to naa.1"));
    CHECK_NOTHROW(bed.same("naa.1"));
    CHECK_NOTHROW(bed.same("", "/dev/sdc")); // another entry
    CHECK_NOTHROW(bed.same("naa.2"));        // and again another one
}

TEST_CASE("a unit that can't be recorded is not served") {
    const Bed bed;
    SECTION("no folder") {
        bed.folder.file("units", "in the way");
    }
    SECTION("no file") {
        std::filesystem::create_directories(bed.folder.path("units/demo"));
    }
    CHECK_THROWS(bed.same("naa.1"));
    CHECK_NOTHROW(bed.records().forget("demo", "0:0:0:0"));
}

TEST_CASE("a stop in the middle of writing leaves the record as it was") {
    const Bed bed;
    bed.same("naa.1");
    bed.folder.file("units/demo.new", "0:0:0:0\tnaa.9\t/dev/");
    CHECK_THROWS(bed.same("naa.2"));
    CHECK_NOTHROW(bed.same("naa.1"));
    CHECK_NOTHROW(bed.same("naa.2", "/dev/sdb", "0:0:0:1"));
    CHECK_NOTHROW(bed.same("naa.1"));
}
