// The grammar of `vscsi=` by table: every form that is taken, and each mistake with the message
// that an administrator gets.
#include "backend/toolstack/served.hpp"
#include "backend/toolstack/vscsi_config.hpp"
#include "tests/unit/refused_entries.hpp"

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

std::vector<std::string> messages(const std::vector<std::string>& entries) {
    std::vector<std::string> lines;
    for (const Remark& mistake : parse_vscsi(entries).mistakes)
        lines.push_back(to_string(mistake));
    return lines;
}

} // namespace

TEST_CASE("every form of an entry is understood") {
    const auto row = GENERATE(
        Taken{"/dev/sg3,0:0:0:0", "/dev/sg3", "0:0:0:0", false, ""},
        Taken{"/dev/disk/by-id/scsi-3600,0:0:1:0,ro", "/dev/disk/by-id/scsi-3600", "0:0:1:0", true,
              ""},
        Taken{"file:/srv/a.img,0:0:0:0", "file:/srv/a.img", "0:0:0:0", false, ""},
        Taken{"iso:/srv/a.iso,0:0:2:0,name=cd", "iso:/srv/a.iso", "0:0:2:0", false, "cd"},
        Taken{"ram:64M,1:0:0:254", "ram:64M", "1:0:0:254", false, ""},
        Taken{"null:1T,4294967295:0:63:0", "null:1T", "4294967295:0:63:0", false, ""},
        Taken{"ram:64M,0:0:0:0,ro,name=a.b_c-9", "ram:64M", "0:0:0:0", true, "a.b_c-9"},
        Taken{"ram:64M,0:0:0:0,name=x,ro", "ram:64M", "0:0:0:0", true, "x"},
        Taken{"  ram:64M ,\t0:0:0:0 , ro ", "ram:64M", "0:0:0:0", true, ""},
        Taken{"ram:64M,00:0:01:0", "ram:64M", "0:0:1:0", false, ""},
        Taken{"1:0:2:3,0:0:0:0", "1:0:2:3", "0:0:0:0", false, ""},
        Taken{"/dev/disk/by-path/pci-0000:00:1f.2-ata-1,0:0:0:0",
              "/dev/disk/by-path/pci-0000:00:1f.2-ata-1", "0:0:0:0", false, ""},
        Taken{"naa.5000C500A1B2C3D4:16383,0:0:0:0", "naa.5000C500A1B2C3D4:16383", "0:0:0:0", false,
              ""},
        Taken{"iscsi://[fe80::1]:3260/eui.02004567A425678D/7,0:0:0:0",
              "iscsi://[fe80::1]:3260/eui.02004567A425678D/7", "0:0:0:0", false, ""},
        Taken{"fc.500507680120a1b2:3,0:0:0:0,ro", "fc.500507680120a1b2:3", "0:0:0:0", true, ""},
        Taken{"fc.50:05:07:68:01:20:A1:B2:3@0x500507680120a1b3,0:0:0:0",
              "fc.50:05:07:68:01:20:A1:B2:3@0x500507680120a1b3", "0:0:0:0", false, ""},
        Taken{"/dev/nst0,0:0:0:0,Domain-0,ro,name=t", "/dev/nst0", "0:0:0:0", true, "t"},
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

TEST_CASE("each mistake is told with what is wrong and what would be right") {
    STATIC_REQUIRE(test::refused_entries.size() >= 200);
    for (const test::RefusedEntry& row : test::refused_entries) {
        CAPTURE(row.entry);
        const auto list = parse_vscsi({row.entry});
        CHECK(list.luns.empty());
        REQUIRE(list.mistakes.size() == 1);
        const Remark& mistake = list.mistakes[0];
        CHECK(mistake.entry == 1);
        CHECK(mistake.text == row.text);
        CHECK_THAT(mistake.reason, Catch::Contains(row.reason));
        CHECK_THAT(mistake.remedy, Catch::Contains(row.remedy));
    }
}

TEST_CASE("every form of the tables is understood as its example says") {
    for (const config::PdevForm& form : config::pdev_forms()) {
        CAPTURE(form.form);
        const char* const vdev = form.kind == config::PdevKind::vport ? ",host" : ",0:0:0:0";
        const auto list = parse_vscsi({std::string(form.example) + vdev});
        REQUIRE(list.luns.size() == 1);
        CHECK(list.luns[0].pdev.kind == form.kind);
    }
    for (const config::OptionForm& form : config::option_forms()) {
        CAPTURE(form.name);
        const std::string device = form.name == "vport" ? "fc.500507680120a1b2:0" : "/dev/sg0";
        const std::string entry = device + ",0:0:0:0," + std::string(form.example);
        const auto list = parse_vscsi({entry});
        REQUIRE(list.luns.size() == 1);
        CHECK(form.is_set(list.luns[0]));
        CHECK(list.luns[0].backend.empty());
        // Twice is a mistake, whatever it is; so is a value that is missing or too many.
        CHECK(parse_vscsi({entry + "," + std::string(form.example)}).mistakes.size() == 1);
        const std::string name(form.name);
        CHECK(parse_vscsi({"/dev/sg0,0:0:0:0," + name + "="}).mistakes.size() == 1);
        CHECK(parse_vscsi({"/dev/sg0,0:0:0:0," + name + (form.value.empty() ? "=1" : "")})
                  .mistakes.size() == 1);
    }
}

TEST_CASE("all that a port of the guest's own sees is a vhost of its own") {
    const auto list = parse_vscsi({"vport:50:05:07:68:01:20:a1:b2:0x500507680120A1B3,host,ro",
                                   "vport:auto,3:0:0:0,feature-host"});
    REQUIRE(list.mistakes.empty());
    CHECK(list.luns.at(0).pdev.name == "500507680120a1b2:500507680120a1b3");
    CHECK(list.luns.at(0).vdev.host == 0);
    CHECK(list.luns.at(0).whole_host);
    CHECK(list.luns.at(1).vdev.host == 3);
    const std::string text = to_entry(list.luns[1]);
    CHECK(text == "vport:auto,3:0:0:0,feature-host");
    for (const char* const other : {"vport:500507680120a1b2:500507680120a1b3,1:0:0:0,feature-host",
                                    "ram:1M,0:0:5:0", "vport:auto,host"}) {
        CAPTURE(other);
        CHECK_FALSE(
            parse_vscsi({"vport:500507680120a1b2:500507680120a1b3,host", other}).mistakes.empty());
    }
}

TEST_CASE("what each option says is taken") {
    const auto list =
        parse_vscsi({"fc.500507680120a1b2:0,0:0:0:0,storage,ro,name=a,queue-depth=256,"
                     "timeout=172800,exclusive=no,policy=audit:p,"
                     "vport=500507680120A1B2:500507680120a1b3"});
    REQUIRE(list.mistakes.empty());
    const Lun& lun = list.luns.at(0);
    CHECK(lun.backend == "storage");
    CHECK(lun.read_only);
    CHECK(lun.name == "a");
    CHECK(lun.queue_depth == 256u);
    CHECK(lun.timeout == 172800u);
    CHECK(lun.exclusive == false);
    CHECK(lun.policy == "audit:p");
    CHECK(lun.vport == "500507680120a1b2:500507680120a1b3");
    CHECK(!lun.whole_host);
}

TEST_CASE("a whole host adapter is asked for in two ways") {
    for (const char* const entry :
         {"1:0:2:0,host", "1:0:2:0,host,ro,timeout=3", "/dev/sda,1:0:0:0,feature-host",
          "naa.5000c500a1b2c3d4:0,1:2:3:4,feature-host,exclusive=no"}) {
        CAPTURE(entry);
        const auto list = parse_vscsi({entry});
        REQUIRE(list.luns.size() == 1);
        CHECK(gives_whole_host(list.luns));
        CHECK(list.luns[0].vdev.host == 1);
        CHECK(to_entry(list.luns[0]) == entry);
    }
    CHECK(messages({"1:0:0:0,host", "2:0:0:0,host", "/dev/sg0,3:0:0:0"}).empty());
    CHECK_FALSE(gives_whole_host(parse_vscsi({"1:0:2:0,1:0:0:0"}).luns));
    CHECK_FALSE(gives_whole_host({}));
}

TEST_CASE("what a whole host adapter can't have") {
    for (const auto& [entry, expected] :
         {std::pair{"/dev/sg0,host", "'host': this PDEV does not say which number"},
          {"naa.5000c500a1b2c3d4:0,host", "'host': this PDEV does not say which number"},
          {"1:0:0:0,host,name=a", "'name=a': all units of the adapter would have one name"},
          {"1:0:0:0,host,storage", "'storage': the units that come and go there"},
          {"/dev/sg0,0:0:0:0,storage,feature-host", "'storage': the units that come and go"}}) {
        CAPTURE(entry);
        const auto said = messages({entry});
        REQUIRE(said.size() == 1);
        CHECK_THAT(said[0], Catch::Contains(expected));
    }
}

TEST_CASE("what a vhost has one of can't differ between its entries") {
    CHECK_THAT(messages({"/dev/sg0,0:0:0:0", "/dev/sg1,0:0:0:1,feature-host"})[0],
               Catch::Contains("entry 1 has the same vhost"));
    CHECK_THAT(messages({"/dev/sg0,0:0:0:0,feature-host", "/dev/sg1,0:0:0:1"})[0],
               Catch::Contains("entry 1 gives a whole host adapter by this vhost"));
    CHECK_THAT(messages({"1:0:0:0,host", "1:0:0:1,host"})[0],
               Catch::Contains("entry 1 gives a whole host adapter by this vhost"));
    CHECK_THAT(messages({"/dev/sg0,0:0:0:0,storage", "/dev/sg1,0:0:0:1"})[0],
               Catch::Contains("entry 1 has another backend domain on the same vhost"));
    CHECK(messages({"/dev/sg0,0:0:0:0,storage", "/dev/sg1,1:0:0:0"}).empty());
    // One node's name on two domains is two devices.
    CHECK(messages({"/dev/sg0,0:0:0:0,storage", "/dev/sg0,1:0:0:0"}).empty());
}

TEST_CASE("what this version does not serve is said, and nothing else") {
    struct Row {
        const char* entry;
        const char* expected; ///< empty: it is served
    };
    const auto row = GENERATE(
        Row{"/dev/sg0,0:0:0:0,ro,name=a,queue-depth=8,timeout=30,exclusive=yes", ""},
        Row{"/dev/sg0,0:0:0:0,exclusive=no", ""}, Row{"1:0:2:0,0:0:0:0,Domain-0", ""},
        Row{"naa.5000c500a1b2c3d4:0,0:0:0:0,0", ""},
        Row{"iscsi://user@h/iqn.x/0,0:0:0:0,ro,timeout=30", ""},
        Row{"fc.500507680120a1b2:0,0:0:0:0", ""}, Row{"1:0:0:0,host", ""},
        Row{"/dev/sg0,0:0:0:0,feature-host", ""}, Row{"/dev/sg0,0:0:0:0,policy=safe", ""},
        Row{"ram:1M,0:0:0:0,policy=audit:disk", ""},
        Row{"fc.500507680120a1b2:0,0:0:0:0,vport=auto", ""}, Row{"ram:1M,0:0:0:0,storage", ""});
    CAPTURE(row.entry);
    const auto list = parse_vscsi({row.entry});
    REQUIRE(list.mistakes.empty());
    const auto remarks = find_unserved(list.luns);
    if (*row.expected == '\0') {
        CHECK(remarks.empty());
    } else {
        REQUIRE(remarks.size() == 1);
        CHECK_THAT(to_string(remarks[0]),
                   Catch::StartsWith("entry 1: ") && Catch::Contains(row.expected));
    }
}

TEST_CASE("what an entry says can be said again") {
    for (const std::string entry :
         {"ram:1M,0:0:0:0", "file:/srv/a b.img,4294967295:0:1:7,storage,ro,name=a.b",
          "/dev/sg0,1:0:0:0,4,queue-depth=8,timeout=30",
          "/dev/sg0,1:0:0:0,exclusive=no,policy=audit:tape",
          "fc.500507680120a1b2:5,1:0:0:0,vport=auto@5001438000000001"})
        CHECK(to_entry(parse_vscsi({entry}).luns.at(0)) == entry);
    CHECK(to_entry(parse_vscsi({" iso:/a.iso , 0:0:0:0 , name=cd "}).luns.at(0)) ==
          "iso:/a.iso,0:0:0:0,name=cd");
}

TEST_CASE("all mistakes of a list are told at once, in order, with the entry's number") {
    const auto lines = messages({"ram:0,0:0:0", "ram:1M,0:0:0:0", "file:x,0:0:0:1,oops=1"});
    REQUIRE(lines.size() == 4);
    CHECK(lines[0] == "entry 1: 'ram:0': the size is zero; expected a size such as 64M or 1G "
                      "(K, M, G, T are powers of 1024)");
    CHECK(lines[1] ==
          "entry 1: '0:0:0': VDEV has 3 of 4 numbers; expected h:c:t:l in decimal, such as "
          "0:0:1:0");
    CHECK_THAT(lines[2], Catch::StartsWith("entry 3: 'file:x': the path is relative"));
    CHECK_THAT(lines[3], Catch::StartsWith("entry 3: 'oops=1': this option is not known"));
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
        "entry 3: 'file:/a': entry 1 uses the same backing; expected another backing, 'ro' on "
        "both, or 'exclusive=no' on both if the guests keep each other from harm"};
    CHECK_THAT(messages({"file:/a,0:0:0:0", "ram:1M,0:0:0:1", "file:/a,0:0:0:2"}),
               Catch::Equals(same_backing));
    CHECK_THAT(messages({"file:/a,0:0:0:0,ro", "ram:1M,0:0:0:1", "file:/a,0:0:0:2"}),
               Catch::Equals(same_backing));
    CHECK(messages({"/dev/sg1,0:0:0:0", "/dev/sg1,0:0:0:1"}).size() == 1);
    // By two ports of the guest's it is two paths to one unit; by one it is the same path twice.
    const std::string first = "fc.500507680120a1b2:5,0:0:0:0,vport=auto@5001438000000001";
    CHECK(messages({first, "fc.500507680120a1b2:5,0:0:1:0,vport=auto@5001438000000003"}).empty());
    CHECK(messages({first, "fc.500507680120A1B2:5,0:0:1:0,vport=auto@50:01:43:80:00:00:00:01"})
              .size() == 1);
    CHECK(messages({"iso:/a,0:0:0:0", "file:/a,0:0:0:1"}).size() == 1);
    CHECK(messages({"1:0:2:0,0:0:0:0", "01:0:2:0,0:0:0:1"}).size() == 1);
    CHECK(messages({"naa.5000c500a1b2c3d4:0,0:0:0:0", "naa.5000C500A1B2C3D4:0,0:0:0:1"}).size() ==
          1);
    CHECK(messages({"naa.5000c500a1b2c3d4:0,0:0:0:0", "naa.5000c500a1b2c3d4:1,0:0:0:1"}).empty());
    CHECK(messages({"iscsi://H/iqn.x/1,0:0:0:0", "iscsi://h/iqn.X/1,0:0:0:1"}).size() == 1);
    // A target's name is its own, whoever logs in to it and wherever.
    CHECK(messages({"iscsi://h/iqn.x/1,0:0:0:0", "iscsi://user@h/iqn.x/1,0:0:0:1"}).size() == 1);
    CHECK(messages({"iscsi://h/iqn.x/1,0:0:0:0", "iscsi://other:3261/iqn.x/1,0:0:0:1"}).size() ==
          1);
    CHECK(messages({"iscsi://h/iqn.x/1,0:0:0:0", "iscsi://h/iqn.x/2,0:0:0:1"}).empty());
    // The same number in another vhost is another unit.
    CHECK(messages({"ram:1M,0:0:0:0", "ram:1M,1:0:0:0"}).empty());
    CHECK(messages({"iso:/a,0:0:0:0", "iso:/a,0:0:1:0"}).empty());
    CHECK(messages({"file:/a,0:0:0:0,ro", "file:/a,0:0:1:0,ro"}).empty());
}

TEST_CASE("a backing is shared by entries that all say so, or all only read") {
    struct Row {
        const char* first;
        const char* second;
        bool allowed;
    };
    const auto row =
        GENERATE(Row{"", ",exclusive=no", false}, Row{",exclusive=yes", "", false},
                 Row{",exclusive=yes", ",exclusive=no", false},
                 Row{",exclusive=no", ",exclusive=no", true}, Row{",ro", ",exclusive=no", false},
                 Row{",ro", ",ro", true}, Row{",ro,exclusive=no", ",exclusive=no", true},
                 Row{",ro,exclusive=no", ",ro", true}, Row{",ro,exclusive=no", "", false});
    CAPTURE(row.first, row.second);
    const std::string backing = GENERATE("file:/a", "/dev/sg1", "1:0:2:0");
    for (const bool turned : {false, true}) {
        const std::string one = turned ? row.second : row.first;
        const std::string other = turned ? row.first : row.second;
        CHECK(messages({backing + ",0:0:0:0" + one, backing + ",0:0:0:1" + other}).empty() ==
              row.allowed);
    }
}

TEST_CASE("an entry that is written again says who may share") {
    const auto again = [](const char* entry) { return to_entry(parse_vscsi({entry}).luns.at(0)); };
    CHECK(again("file:/a,0:0:0:0,exclusive=no,ro") == "file:/a,0:0:0:0,ro,exclusive=no");
    CHECK(again("file:/a,0:0:0:0,exclusive=yes") == "file:/a,0:0:0:0");
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
