// The grammar of `vscsi=` by table: every form that is taken, and each mistake with the message
// that an administrator gets.
#include "backend/toolstack/vscsi_config.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::toolstack;

namespace {

struct Taken {
    const char* entry;
    const char* pdev;
    const char* vdev;
    bool read_only;
    const char* name;
};

struct Refused {
    const char* entry;
    const char* text;   ///< the offending part, whole
    const char* reason; ///< part of it
    const char* remedy; ///< part of it
};

void check_refused(const Refused& row) {
    CAPTURE(row.entry);
    const auto list = parse_vscsi({row.entry});
    REQUIRE(list.mistakes.size() == 1);
    const Remark& mistake = list.mistakes[0];
    CHECK(mistake.entry == 1);
    CHECK(mistake.text == row.text);
    CHECK_THAT(mistake.reason, Catch::Contains(row.reason));
    CHECK_THAT(mistake.remedy, Catch::Contains(row.remedy));
    CHECK(list.luns.empty());
}

std::vector<std::string> messages(const std::vector<std::string>& entries) {
    std::vector<std::string> lines;
    for (const Remark& mistake : parse_vscsi(entries).mistakes)
        lines.push_back(to_string(mistake));
    return lines;
}

const std::string long_name(65, 'n');
const std::string long_name_entry = "ram:1M,0:0:0:0,name=" + long_name;
const std::string long_name_option = "name=" + long_name;

} // namespace

TEST_CASE("every form of an entry is understood") {
    const auto row =
        GENERATE(Taken{"/dev/sg3,0:0:0:0", "/dev/sg3", "0:0:0:0", false, ""},
                 Taken{"/dev/disk/by-id/scsi-3600,0:0:1:0,ro", "/dev/disk/by-id/scsi-3600",
                       "0:0:1:0", true, ""},
                 Taken{"file:/srv/a.img,0:0:0:0", "file:/srv/a.img", "0:0:0:0", false, ""},
                 Taken{"iso:/srv/a.iso,0:0:2:0,name=cd", "iso:/srv/a.iso", "0:0:2:0", false, "cd"},
                 Taken{"ram:64M,1:0:0:254", "ram:64M", "1:0:0:254", false, ""},
                 Taken{"null:1T,4294967295:0:63:0", "null:1T", "4294967295:0:63:0", false, ""},
                 Taken{"ram:64M,0:0:0:0,ro,name=a.b_c-9", "ram:64M", "0:0:0:0", true, "a.b_c-9"},
                 Taken{"ram:64M,0:0:0:0,name=x,ro", "ram:64M", "0:0:0:0", true, "x"},
                 Taken{"  ram:64M ,\t0:0:0:0 , ro ", "ram:64M", "0:0:0:0", true, ""},
                 Taken{"ram:64M,00:0:01:0", "ram:64M", "0:0:1:0", false, ""},
                 Taken{"file:/srv/a b:c,0:0:0:0", "file:/srv/a b:c", "0:0:0:0", false, ""});
    CAPTURE(row.entry);
    const auto list = parse_vscsi({row.entry});
    REQUIRE(list.mistakes.empty());
    REQUIRE(list.luns.size() == 1);
    const Lun& lun = list.luns[0];
    CHECK(lun.entry == 1);
    CHECK(lun.pdev_text == row.pdev);
    CHECK(to_string(lun.vdev) == row.vdev);
    CHECK(lun.read_only == row.read_only);
    CHECK(lun.name == row.name);
    CHECK(list.warnings.empty());
}

TEST_CASE("a wrong PDEV is the entry's mistake") {
    check_refused(
        GENERATE(Refused{",0:0:0:0", "", "PDEV is missing", "/dev/NODE"},
                 Refused{" ,0:0:0:0", "", "PDEV is missing", "/dev/NODE"},
                 Refused{"sda,0:0:0:0", "sda", "no form", "file:PATH"},
                 Refused{"disk:/a,0:0:0:0", "disk:/a", "no form", "file:PATH"},
                 Refused{"phy:/dev/sda,0:0:0:0", "phy:/dev/sda", "no form", "/dev/NODE"},
                 Refused{"File:/a,0:0:0:0", "File:/a", "no form", "file:PATH"},
                 Refused{"file:,0:0:0:0", "file:", "path is missing", "absolute"},
                 Refused{"iso:,0:0:0:0", "iso:", "path is missing", "absolute"},
                 Refused{"file:a.img,0:0:0:0", "file:a.img", "relative", "absolute"},
                 Refused{"iso:../a.iso,0:0:0:0", "iso:../a.iso", "relative", "absolute"},
                 Refused{"file:/srv/,0:0:0:0", "file:/srv/", "directory", "file"},
                 Refused{"/dev/,0:0:0:0", "/dev/", "directory", "file"},
                 Refused{"/srv/a.img,0:0:0:0", "/srv/a.img", "outside /dev", "file:PATH"},
                 Refused{"file:/a\x01,0:0:0:0", "file:/a\x01", "control character", "printable"},
                 Refused{"ram:,0:0:0:0", "ram:", "size is missing", "64M"},
                 Refused{"ram:0,0:0:0:0", "ram:0", "zero", "64M"},
                 Refused{"null:0K,0:0:0:0", "null:0K", "zero", "64M"},
                 Refused{"ram:100,0:0:0:0", "ram:100", "multiple of 512", "512"},
                 Refused{"ram:-64M,0:0:0:0", "ram:-64M", "not a size", "64M"},
                 Refused{"ram:0x1000,0:0:0:0", "ram:0x1000", "not a size", "64M"},
                 Refused{"ram:64MB,0:0:0:0", "ram:64MB", "not a size", "64M"},
                 Refused{"ram:64P,0:0:0:0", "ram:64P", "unit of the size", "1024"},
                 Refused{"null:9999999T,0:0:0:0", "null:9999999T", "too large", "4194304T"},
                 Refused{"ram:99999999999999999999,0:0:0:0", "ram:99999999999999999999",
                         "too large", "4194304T"},
                 Refused{"1:0:2:0,0:0:0:0", "1:0:2:0", "h:c:t:l is not supported", "/dev/NODE"},
                 Refused{"naa.600140512345678a:0,0:0:0:0", "naa.600140512345678a:0",
                         "not supported", "/dev/NODE"},
                 Refused{"iscsi://h/iqn.2003-01.x/0,0:0:0:0", "iscsi://h/iqn.2003-01.x/0", "iSCSI",
                         "/dev/NODE"},
                 Refused{"fc.500507680120a1b2:0,0:0:0:0", "fc.500507680120a1b2:0", "Fibre Channel",
                         "/dev/NODE"}));
}

TEST_CASE("a wrong VDEV is the entry's mistake") {
    check_refused(GENERATE(
        Refused{"ram:1M", "ram:1M", "no VDEV", "PDEV,VDEV"},
        Refused{"", "", "no VDEV", "PDEV,VDEV"},
        Refused{"0:0:0:0", "0:0:0:0", "no VDEV", "PDEV,VDEV"},
        Refused{"ram:1M,", "", "VDEV is missing", "0:0:1:0"},
        Refused{"ram:1M, ", "", "VDEV is missing", "0:0:1:0"},
        Refused{"ram:1M,0:0:0", "0:0:0", "3 of 4 numbers", "h:c:t:l"},
        Refused{"ram:1M,0", "0", "1 of 4 numbers", "h:c:t:l"},
        Refused{"ram:1M,0:0:0:0:0", "0:0:0:0:0", "5 of 4 numbers", "h:c:t:l"},
        Refused{"ram:1M,:0:0:0", ":0:0:0", "vhost number is missing", "h:c:t:l"},
        Refused{"ram:1M,0::0:0", "0::0:0", "channel is missing", "h:c:t:l"},
        Refused{"ram:1M,0:0::0", "0:0::0", "target is missing", "h:c:t:l"},
        Refused{"ram:1M,0:0:0:", "0:0:0:", "LUN is missing", "h:c:t:l"},
        Refused{"ram:1M,a:0:0:0", "a:0:0:0", "vhost number is not a decimal", "4294967295"},
        Refused{"ram:1M,0:-1:0:0", "0:-1:0:0", "channel is not a decimal", "65535"},
        Refused{"ram:1M,0:0:0x1:0", "0:0:0x1:0", "target is not a decimal", "65535"},
        Refused{"ram:1M,0:0:0:+1", "0:0:0:+1", "LUN is not a decimal", "65535"},
        Refused{"ram:1M,0:0:0:1.0", "0:0:0:1.0", "LUN is not a decimal", "65535"},
        Refused{"ram:1M,4294967296:0:0:0", "4294967296:0:0:0", "vhost number is out of range",
                "4294967295"},
        Refused{"ram:1M,0:65536:0:0", "0:65536:0:0", "channel is out of range", "65535"},
        Refused{"ram:1M,0:0:65536:0", "0:0:65536:0", "target is out of range", "65535"},
        Refused{"ram:1M,0:0:0:65536", "0:0:0:65536", "LUN is out of range", "65535"},
        Refused{"ram:1M,0:0:0:99999999999999999999", "0:0:0:99999999999999999999",
                "LUN is out of range", "65535"},
        Refused{"ram:1M,0:0:0 :0", "0:0:0 :0", "blanks", "h:c:t:l"},
        Refused{"ram:1M,0:0:0 0:0", "0:0:0 0:0", "target is not a decimal", "65535"},
        Refused{"ram:1M,host", "host", "whole host adapter is not supported", "h:c:t:l"},
        Refused{"/dev/sg0,Host", "Host", "1 of 4 numbers", "h:c:t:l"}));
}

TEST_CASE("a wrong option is the entry's mistake") {
    check_refused(GENERATE(
        Refused{"ram:1M,0:0:0:0,", "", "empty option", "no comma"},
        Refused{"ram:1M,0:0:0:0,,ro", "", "empty option", "no comma"},
        Refused{"ram:1M,0:0:0:0,RO", "RO", "not known", "'ro' or 'name=NAME'"},
        Refused{"ram:1M,0:0:0:0,readonly", "readonly", "not known", "'ro'"},
        Refused{"ram:1M,0:0:0:0,rw", "rw", "no option for writing", "nothing"},
        Refused{"ram:1M,0:0:0:0,w", "w", "no option for writing", "nothing"},
        Refused{"ram:1M,0:0:0:0,ro,ro", "ro", "twice", "once"},
        Refused{"ram:1M,0:0:0:0,name", "name", "not known", "name=NAME"},
        Refused{"ram:1M,0:0:0:0,name=", "name=", "name is missing", "name=NAME"},
        Refused{"ram:1M,0:0:0:0,name=a,name=b", "name=b", "second name", "one name"},
        Refused{"ram:1M,0:0:0:0,name=a b", "name=a b", "other characters", "data-1"},
        Refused{"ram:1M,0:0:0:0,name=a/b", "name=a/b", "other characters", "data-1"},
        Refused{"ram:1M,0:0:0:0,name=a=b", "name=a=b", "other characters", "data-1"},
        Refused{long_name_entry.c_str(), long_name_option.c_str(), "too long", "64"},
        Refused{"ram:1M,0:0:0:0,feature-host", "feature-host", "not supported by this version",
                "'ro'"},
        Refused{"ram:1M,0:0:0:0,policy=safe", "policy=safe", "not supported by this version",
                "'ro'"},
        Refused{"ram:1M,0:0:0:0,vport=1", "vport=1", "not supported by this version", "'ro'"},
        Refused{"ram:1M,0:0:0:0,queue-depth=4", "queue-depth=4", "not supported by this version",
                "'ro'"},
        Refused{"ram:1M,0:0:0:0,timeout=9", "timeout=9", "not supported by this version", "'ro'"},
        Refused{"ram:1M,0:0:0:0,exclusive=yes", "exclusive=yes", "not supported by this version",
                "'ro'"},
        Refused{"ram:1M,0:0:0:0,domU-storage", "domU-storage", "backend domain", "'ro'"}));
}

TEST_CASE("all mistakes of a list are told at once, in order, with the entry's number") {
    const auto lines = messages({"ram:0,0:0:0", "ram:1M,0:0:0:0", "file:x,0:0:0:1,oops"});
    REQUIRE(lines.size() == 4);
    CHECK(lines[0] == "entry 1: 'ram:0': the size is zero; expected a size such as 64M or 1G "
                      "(K, M, G, T are powers of 1024)");
    CHECK(lines[1] ==
          "entry 1: '0:0:0': VDEV has 3 of 4 numbers; expected h:c:t:l in decimal, such as "
          "0:0:1:0");
    CHECK_THAT(lines[2], Catch::StartsWith("entry 3: 'file:x': the path is relative"));
    CHECK_THAT(lines[3], Catch::StartsWith("entry 3: 'oops': this option is not known"));
}

TEST_CASE("what is used twice is refused") {
    CHECK_THAT(messages({"ram:1M,0:0:0:0", "ram:2M,0:0:0:0"}),
               Catch::Equals(std::vector<std::string>{
                   "entry 2: '0:0:0:0': entry 1 has this VDEV already; expected an address of its "
                   "own for each entry"}));
    CHECK_THAT(messages({"ram:1M,0:0:0:0,name=a", "ram:1M,0:0:0:1,name=a"}),
               Catch::Equals(std::vector<std::string>{
                   "entry 2: 'name=a': entry 1 has this name; expected a name of its own, or "
                   "none"}));
    const std::vector<std::string> same_backing{
        "entry 3: 'file:/a': entry 1 uses the same backing; expected another backing, or 'ro' on "
        "both"};
    CHECK_THAT(messages({"file:/a,0:0:0:0", "ram:1M,0:0:0:1", "file:/a,0:0:0:2"}),
               Catch::Equals(same_backing));
    CHECK_THAT(messages({"file:/a,0:0:0:0,ro", "ram:1M,0:0:0:1", "file:/a,0:0:0:2"}),
               Catch::Equals(same_backing));
    CHECK(messages({"/dev/sg1,0:0:0:0", "/dev/sg1,0:0:0:1"}).size() == 1);
    CHECK(messages({"iso:/a,0:0:0:0", "file:/a,0:0:0:1"}).size() == 1);
    // The same number in another vhost is another unit.
    CHECK(messages({"ram:1M,0:0:0:0", "ram:1M,1:0:0:0"}).empty());
    CHECK(messages({"iso:/a,0:0:0:0", "iso:/a,0:0:1:0"}).empty());
    CHECK(messages({"file:/a,0:0:0:0,ro", "file:/a,0:0:1:0,ro"}).empty());
}

TEST_CASE("what Linux' frontend does not announce is worth a warning, no more") {
    const auto list = parse_vscsi({"ram:1M,0:1:64:255", "ram:1M,0:0:63:254"});
    CHECK(list.mistakes.empty());
    CHECK(list.luns.size() == 2);
    REQUIRE(list.warnings.size() == 3);
    CHECK_THAT(list.warnings[0].reason, Catch::Contains("channel 0 only"));
    CHECK_THAT(list.warnings[1].reason, Catch::Contains("targets up to 63"));
    CHECK_THAT(list.warnings[2].reason, Catch::Contains("LUNs up to 254"));
}

TEST_CASE("a message cannot write to the terminal") {
    CHECK_THAT(messages({"file:/a\x1b[2J,0:0:0:0"})[0], Catch::Contains("'file:/a\\x1b[2J'"));
}
