// Units named by their address or by their own name, in a tree that looks like /sys.
#include "backend/targets/sg/resolve.hpp"
#include "tests/support/fake_fc.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend;
namespace fs = std::filesystem;

namespace {

struct Sysfs {
    test::Folder folder;

    /// `sg` may be empty: the sg driver is not loaded.
    void add(const std::string& address, const std::string& sg, const std::string& wwid) const {
        const fs::path device = fs::path(folder.path("bus/scsi/devices")) / address;
        fs::create_directories(device);
        if (!wwid.empty())
            std::ofstream(device / "wwid") << wwid << "\n";
        if (sg.empty())
            return;
        fs::create_directories(device / "scsi_generic" / sg);
        fs::create_directories(folder.path("class/scsi_generic/" + sg));
        fs::create_directory_symlink(device, folder.path("class/scsi_generic/" + sg + "/device"));
    }
    std::string find(const char* text) const {
        const auto found = path_of(config::parse_pdev(text).value(), folder.path(""));
        return found ? *found : found.error().reason + "; expected " + found.error().remedy;
    }
};

} // namespace

TEST_CASE("a unit is found by its address and by its name") {
    const Sysfs sysfs;
    sysfs.add("1:0:2:0", "sg4", "naa.5000c500a1b2c3d4");
    sysfs.add("1:0:2:1", "sg5", "naa.5000c500a1b2c3d4");
    sysfs.add("1:0:3:0", "sg6", "t10.ATA     QEMU HARDDISK");
    sysfs.add("11:0:2:0", "sg7", "");
    sysfs.add("2:0:0:0", "", "naa.5000c500a1b2c3d5");
    sysfs.add("target1:0:2", "", "");
    CHECK(sysfs.find("1:0:2:0") == "/dev/sg4");
    CHECK(sysfs.find("01:0:2:1") == "/dev/sg5");
    CHECK(sysfs.find("11:0:2:0") == "/dev/sg7");
    CHECK(sysfs.find("naa.5000C500A1B2C3D4:0") == "/dev/sg4");
    CHECK(sysfs.find("naa.5000c500a1b2c3d4:1") == "/dev/sg5");
    CHECK_THAT(sysfs.find("1:0:2:2"), Catch::StartsWith("there is no SCSI device at this address"));
    CHECK_THAT(sysfs.find("naa.5000c500a1b2c3d4:2"), Catch::StartsWith("no SCSI device here has"));
    CHECK_THAT(sysfs.find("naa.5000c500a1b2c3d4:2"), Catch::Contains("LIO"));
    CHECK_THAT(sysfs.find("2:0:0:0"),
               Catch::StartsWith("the unit has no sg node; expected the sg"));
    CHECK_THAT(sysfs.find("naa.5000c500a1b2c3d5:0"), Catch::StartsWith("the unit has no sg node"));
}

TEST_CASE("several paths to one unit are not chosen from") {
    const Sysfs sysfs;
    sysfs.add("1:0:0:0", "sg1", "naa.5000c500a1b2c3d4");
    sysfs.add("2:0:0:0", "sg2", "naa.5000c500a1b2c3d4");
    CHECK(sysfs.find("naa.5000c500a1b2c3d4:0") ==
          "several paths lead to this unit: /dev/sg1, /dev/sg2; expected one of them, as "
          "/dev/disk/by-path/...");
    CHECK(sysfs.find("1:0:0:0") == "/dev/sg1");
}

TEST_CASE("what the kernel has read of a unit's identification is there as it is") {
    const Sysfs sysfs;
    sysfs.add("1:0:2:0", "sg4", "naa.ab01");
    sysfs.add("1:0:2:1", "sg5", "");
    const std::string page{"\x00\x83\x00\x06\x01\x03\x00\x02\xab\n", 10};
    std::ofstream(sysfs.folder.path("bus/scsi/devices/1:0:2:0/vpd_pg83")) << page;
    const auto bytes = identification_of("/dev/sg4", sysfs.folder.path(""));
    CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) == page);
    CHECK(identification_of("/dev/sg5", sysfs.folder.path("")).empty());
    CHECK(identification_of("/dev/sg6", sysfs.folder.path("")).empty());
    CHECK(have_kernel_look_again("/dev/sg4") ==
          "have the kernel look again (echo 1 > /sys/class/scsi_generic/sg4/device/rescan)");
}

TEST_CASE("a host without SCSI devices has none") {
    const Sysfs sysfs;
    CHECK_THAT(sysfs.find("1:0:2:0"), Catch::StartsWith("there is no SCSI device"));
    CHECK_THAT(sysfs.find("naa.5000c500a1b2c3d4:0"), Catch::StartsWith("no SCSI device here"));
}

TEST_CASE("other forms lead where they say") {
    const Sysfs sysfs;
    CHECK(sysfs.find("file:/srv/a") == "/srv/a");
    CHECK(sysfs.find("/dev/sg0") == "/dev/sg0");
    CHECK(sysfs.find("ram:1M").empty());
}

TEST_CASE("a unit's own name is the one that the kernel has read") {
    const Sysfs sysfs;
    sysfs.add("1:0:2:0", "sg4", "naa.5000c500a1b2c3d4");
    sysfs.add("1:0:3:0", "sg6", "t10.ATA     QEMU HARDDISK   ");
    sysfs.add("1:0:4:0", "sg7", "");
    CHECK(unit_name("/dev/sg4", sysfs.folder.path("")) == "naa.5000c500a1b2c3d4");
    CHECK(unit_name("/dev/sg6", sysfs.folder.path("")) == "t10.ATA     QEMU HARDDISK");
    CHECK(unit_name("/dev/sg7", sysfs.folder.path("")).empty());
    CHECK(unit_name("/dev/sg8", sysfs.folder.path("")).empty());
}

TEST_CASE("the other paths to a unit have its name and its LUN") {
    const Sysfs sysfs;
    sysfs.add("1:0:2:0", "sg4", "naa.5000c500a1b2c3d4");
    sysfs.add("2:0:2:0", "sg12", "naa.5000c500a1b2c3d4");
    sysfs.add("3:0:0:0", "sg6", "naa.5000c500a1b2c3d4");
    sysfs.add("1:0:2:1", "sg5", "naa.5000c500a1b2c3d4");
    sysfs.add("1:0:3:0", "sg7", "");
    sysfs.add("1:0:4:0", "sg8", "");
    const auto others = [&](const char* node) { return other_paths(node, sysfs.folder.path("")); };
    CHECK(others("/dev/sg4") == std::vector<std::string>{"/dev/sg12", "/dev/sg6"});
    CHECK(others("/dev/sg5").empty());
    CHECK(others("/dev/sg7").empty()); // nobody can tell
    CHECK(others("/dev/sg99").empty());
}

TEST_CASE("a unit is found by the Fibre Channel port that has it") {
    test::FakeFc fc;
    fc.add_port(1, "5001438000000001:5001438000000000");
    const std::string target = fc.add_remote(1, "5005076800000001:5005076800000000");
    fc.add_unit(target, 3, "sg4");
    const auto find = [&](const char* text) {
        const auto found = path_of(config::parse_pdev(text).value(), fc.sys());
        return found ? *found : found.error().reason;
    };
    CHECK(find("fc.50:05:07:68:00:00:00:01:3") == "/dev/sg4");
    CHECK(find("fc.5005076800000001:3@5001438000000001") == "/dev/sg4");
    CHECK_THAT(find("fc.5005076800000001:4"), Catch::Contains("shows this port no LUN 4"));
}
