// PDEV texts: every form that is taken, and each kind of mistake with its message.
#include "common/config/pdev.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::config;

namespace {

struct Taken {
    const char* text;
    PdevKind kind;
    const char* path;
    std::uint64_t size;
};

struct Refused {
    const char* text;
    const char* reason; ///< part of it
    const char* remedy; ///< part of it
};

} // namespace

TEST_CASE("every form of PDEV is understood") {
    const auto row =
        GENERATE(Taken{"/dev/sg3", PdevKind::device, "/dev/sg3", 0},
                 Taken{"/dev/disk/by-id/wwn-0x5000c500", PdevKind::device,
                       "/dev/disk/by-id/wwn-0x5000c500", 0},
                 Taken{"file:/srv/a.img", PdevKind::file, "/srv/a.img", 0},
                 Taken{"file:/srv/with: colon", PdevKind::file, "/srv/with: colon", 0},
                 Taken{"iso:/srv/a.iso", PdevKind::iso, "/srv/a.iso", 0},
                 Taken{"ram:512", PdevKind::ram, "", 512}, Taken{"ram:1K", PdevKind::ram, "", 1024},
                 Taken{"ram:64M", PdevKind::ram, "", 64ull << 20},
                 Taken{"ram:64m", PdevKind::ram, "", 64ull << 20},
                 Taken{"null:1G", PdevKind::null, "", 1ull << 30},
                 Taken{"null:3T", PdevKind::null, "", 3ull << 40},
                 Taken{"null:4194304T", PdevKind::null, "", 1ull << 62});
    CAPTURE(row.text);
    const auto pdev = parse_pdev(row.text);
    REQUIRE(pdev);
    CHECK(pdev->kind == row.kind);
    CHECK(pdev->path == row.path);
    CHECK(pdev->size == row.size);
}

TEST_CASE("a unit of an iSCSI target is its name, its LUN and who asks") {
    const auto pdev = parse_pdev("iscsi://Web-1@SAN.example:3261/IQN.2003-01.x:y/300");
    REQUIRE_FALSE(pdev); // RFC 7143 4.2.7.1: the form is in lower case
    const auto unit = parse_pdev("iscsi://Web-1@SAN.example:3261/iqn.2003-01.X:y/300");
    REQUIRE(unit);
    CHECK(unit->kind == PdevKind::iscsi);
    CHECK(unit->user == "Web-1");
    CHECK(unit->portal == "san.example:3261");
    CHECK(unit->name == "iqn.2003-01.x:y");
    CHECK(unit->address.lun == 300);
    CHECK(parse_pdev("iscsi://[fe80::1]/eui.0123/0")->user.empty());
    CHECK(unserved(PdevKind::iscsi).empty());
}

TEST_CASE("a wrong PDEV is refused with what would be right") {
    const auto row = GENERATE(
        Refused{"", "PDEV is missing", "/dev/NODE"}, Refused{"sda", "no form", "file:PATH"},
        Refused{"disk:/srv/a", "no form", "file:PATH"},
        Refused{"FILE:/srv/a", "no form", "file:PATH"},
        Refused{"file:", "path is missing", "absolute"},
        Refused{"file:a.img", "relative", "absolute"},
        Refused{"iso:./a.iso", "relative", "absolute"},
        Refused{"file:/srv/", "directory", "path of a file"},
        Refused{"/dev/", "directory", "path of a file"},
        Refused{"/srv/a.img", "outside /dev", "file:PATH"},
        Refused{"file:/srv/a\nb", "control character", "printable"},
        Refused{"ram:", "size is missing", "64M"}, Refused{"ram:0", "zero", "64M"},
        Refused{"ram:0G", "zero", "64M"}, Refused{"ram:511", "multiple of 512", "512"},
        Refused{"null:1000", "multiple of 512", "512"}, Refused{"ram:-1", "not a size", "64M"},
        Refused{"ram:1.5G", "not a size", "64M"}, Refused{"ram:1GB", "not a size", "64M"},
        Refused{"ram:1GiB", "not a size", "64M"}, Refused{"ram: 1G", "not a size", "64M"},
        Refused{"ram:1X", "unit of the size", "powers of 1024"},
        Refused{"ram:1 ", "unit of the size", "powers of 1024"},
        Refused{"null:4194305T", "too large", "4194304T"},
        Refused{"null:99999999999999999999", "too large", "4194304T"});
    CAPTURE(row.text);
    const auto pdev = parse_pdev(row.text);
    REQUIRE_FALSE(pdev);
    CHECK_THAT(pdev.error().reason, Catch::Contains(row.reason));
    CHECK_THAT(pdev.error().remedy, Catch::Contains(row.remedy));
}

TEST_CASE("names that the kernel gives anew with each boot are known") {
    const auto unstable = [](const char* text) { return is_unstable(*parse_pdev(text)); };
    for (const char* const text :
         {"1:0:2:0",          "/dev/sg0",      "/dev/sda",   "/dev/sdab1",       "/dev/st0",
          "/dev/nst1",        "/dev/nst0a",    "/dev/sr0",   "/dev/scd0",        "/dev/sch0",
          "/dev/bsg/1:0:0:0", "/dev/./sdb",    "/dev//sdb",  "/dev/disk/../sdb", "/dev/sdb1",
          "/dev/cdrom",       "/dev/dvdrw1",   "/dev/dm-3",  "/dev/md127",       "/dev/nvme0n1p2",
          "/dev/vda",         "/dev/xvdb1",    "/dev/loop0", "file:/dev/sdb",    "file:/dev//loop3",
          "iso:/dev/sr0",     "iso:/dev/cdrom"}) {
        CAPTURE(text);
        CHECK(unstable(text));
    }
    for (const char* const text :
         {"/dev/disk/by-id/scsi-3600", "/dev/disk/by-path/pci-0", "/dev/vg/sda", "/dev/mapper/sda",
          "/dev/sg", "/dev/sd1", "/dev/tape/by-id/x", "file:/srv/sda", "ram:1M", "/dev/md/home",
          "naa.5000c500a1b2c3d4:0", "/dev/loop-control", "/dev/nvme-fabrics", "/dev/cdroms",
          "iso:/srv/dev/sr0", "file:/dev/disk/by-id/nvme-x"}) {
        CAPTURE(text);
        CHECK_FALSE(unstable(text));
    }
}

TEST_CASE("detours in a path lead nowhere else") {
    const auto path = [](const char* text) { return parse_pdev(text)->path; };
    CHECK(path("/dev/./sdb") == "/dev/sdb");
    CHECK(path("/dev//sdb") == "/dev/sdb");
    CHECK(path("file://srv/./a//b") == "/srv/a/b");
    CHECK(path("file:/srv/../a.img") == "/srv/../a.img"); // /srv may be a link
    CHECK(path("file:/srv/.a/..b") == "/srv/.a/..b");
    CHECK(backing_key(*parse_pdev("file:/srv//a")) == backing_key(*parse_pdev("file:/srv/a")));
}
