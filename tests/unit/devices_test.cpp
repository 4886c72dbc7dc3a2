// The host's devices and who uses them, in trees that look like /sys, /proc and /run.
#include "backend/devices/catalogue.hpp"
#include "backend/devices/openers.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <fstream>

using namespace pvscsi;
namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

namespace {

struct Host {
    test::Folder folder;
    devices::Roots roots{folder.path("sys"), folder.path("proc"), folder.path("run")};
    fs::path dev = folder.path("dev");

    void write(const fs::path& file, const std::string& text) const {
        fs::create_directories(file.parent_path());
        std::ofstream(file) << text << "\n";
    }
    /// A block device; `of`: the disk that it is a partition of.
    void block(const std::string& name, const std::string& number, const std::string& size,
               const std::string& of = "") const {
        const fs::path place =
            of.empty() ? roots.sys / "block" / name : roots.sys / "block" / of / name;
        write(place / "dev", number);
        write(place / "size", size);
        write(place / "ro", "0");
        if (!of.empty())
            write(place / "partition", "1");
        fs::create_directories(roots.sys / "class" / "block");
        fs::create_directory_symlink(place, roots.sys / "class" / "block" / name);
    }
    void scsi(const std::string& address, const std::string& sg, const std::string& type,
              const std::string& wwid, const std::string& node_kind,
              const std::string& node) const {
        const fs::path device = roots.sys / "devices" / address;
        write(device / "type", type);
        write(device / "vendor", "ACME    ");
        write(device / "model", "Model " + sg + "   ");
        if (!wwid.empty())
            write(device / "wwid", wwid);
        if (!node.empty())
            fs::create_directories(device / node_kind / node);
        fs::create_directories(roots.sys / "class" / "scsi_generic" / sg);
        fs::create_directory_symlink(device, roots.sys / "class" / "scsi_generic" / sg / "device");
        if (node_kind == "block")
            fs::create_directories(roots.sys / "block" / node / "device" / "scsi_generic");
    }
    void hold(const std::string& held, const std::string& holder) const {
        fs::create_directories(roots.sys / "class" / "block" / held / "holders" / holder);
    }
    Texts users(const std::string& disk) const { return devices::users_of_disk(disk, roots); }
};

} // namespace

TEST_CASE("a disk that nobody uses has no users") {
    const Host host;
    host.block("sda", "8:0", "2048");
    host.write(host.roots.proc / "self" / "mountinfo", "25 1 8:16 / / rw - ext4 /dev/sdb rw");
    host.write(host.roots.proc / "swaps", "Filename Type Size Used Priority");
    CHECK(host.users("sda").empty());
    CHECK(host.users("no-such-disk").empty());
}

TEST_CASE("mounts of a disk and of its partitions are its users") {
    const Host host;
    host.block("sda", "8:0", "2048");
    host.block("sda1", "8:1", "1024", "sda");
    host.block("sda2", "8:2", "512", "sda");
    host.write(host.roots.proc / "self" / "mountinfo",
               "25 1 8:1 / /srv/my\\040disk rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw\n"
               "26 1 0:44 /sub /data rw - btrfs /dev/sda2 rw,subvol=/sub\n"
               "27 1 0:45 / /proc rw - proc proc rw\n"
               "broken");
    CHECK(host.users("sda") == Texts{"sda1: mounted at /srv/my disk", "sda2: mounted at /data"});
}

TEST_CASE("swap is a user") {
    const Host host;
    host.block("sda", "8:0", "2048");
    host.block("sda3", "8:3", "512", "sda");
    host.write(host.roots.proc / "swaps", "Filename Type Size Used Priority\n"
                                          "/dev/sda3               partition 7812 0 -2");
    CHECK(host.users("sda") == Texts{"sda3: swap"});
}

TEST_CASE("holders are users, by what they are") {
    const Host host;
    host.block("sda", "8:0", "2048");
    const auto [uuid, name, text] = GENERATE(
        table<std::string, std::string, std::string>({{"LVM-abc", "vg-root", "LVM volume vg-root"},
                                                      {"mpath-3600", "mpatha", "multipath mpatha"},
                                                      {"CRYPT-LUKS2-x", "safe", "encrypted safe"},
                                                      {"", "linear", "device mapper linear"}}));
    host.hold("sda", "dm-0");
    host.write(host.roots.sys / "class" / "block" / "dm-0" / "dm" / "uuid", uuid);
    host.write(host.roots.sys / "class" / "block" / "dm-0" / "dm" / "name", name);
    CHECK(host.users("sda") == Texts{text});
}

TEST_CASE("a RAID is a holder") {
    const Host host;
    host.block("sda", "8:0", "2048");
    host.hold("sda", "md0");
    host.hold("sda", "bcache0");
    CHECK(host.users("sda") == Texts{"bcache0", "RAID md0"});
}

TEST_CASE("devices are listed by address, with their names, sizes and users") {
    const Host host;
    host.block("sda", "8:0", "2048");
    host.scsi("10:0:0:1", "sg0", "0", "naa.5000c500a1b2c3d4", "block", "sda");
    host.scsi("2:0:0:0", "sg1", "1", "", "scsi_tape", "st0");
    host.scsi("2:0:0:1", "sg2", "8", "", "", "");
    host.scsi("11:0:0:1", "sg3", "0", "naa.5000c500a1b2c3d4", "", "");
    host.scsi("11:0:0:2", "sg4", "13", "naa.5000c500a1b2c3d4", "", "");
    host.block("dm-1", "253:1", "4096");
    host.write(host.roots.sys / "block" / "dm-1" / "dm" / "name", "vg-data");
    host.block("vda", "254:0", "8");
    host.block("zram0", "252:0", "8");
    host.block("loop0", "7:0", "0");
    host.write(host.roots.run / "udev" / "data" / "b8:0", "S:disk/by-id/x\nE:ID_FS_TYPE=ext4\nI:1");
    host.write(host.dev / "sda", "");
    fs::create_directories(host.dev / "disk" / "by-id");
    fs::create_symlink("../../sda", host.dev / "disk" / "by-id" / "wwn-0x5000c500a1b2c3d4");
    fs::create_symlink("../../sda", host.dev / "disk" / "by-id" / "scsi-35000");
    host.write(host.roots.proc / "self" / "mountinfo", "25 1 8:0 / /mnt rw - ext4 /dev/sda rw");

    const auto list = devices::list_devices(host.roots, host.dev);
    Texts nodes;
    for (const auto& device : list)
        nodes.push_back(device.node + " " + device.kind + " " + device.address);
    REQUIRE(nodes == Texts{"/dev/sg1 tape 2:0:0:0", "/dev/sg2 changer 2:0:0:1",
                           "/dev/sg0 disk 10:0:0:1", "/dev/sg3 disk 11:0:0:1",
                           "/dev/sg4 enclosure 11:0:0:2", "/dev/mapper/vg-data volume ",
                           "/dev/vda disk "});
    CHECK(list[0].nodes == Texts{"sg1", "st0"});
    CHECK(list[0].size == 0);
    CHECK(list[2].vendor == "ACME");
    CHECK(list[2].model == "Model sg0");
    CHECK(list[2].size == 1 << 20);
    CHECK(list[2].nodes == Texts{"sg0", "sda"});
    CHECK(list[2].content == "ext4");
    CHECK(list[2].users == Texts{"mounted at /mnt"});
    CHECK(list[2].link == (host.dev / "disk" / "by-id" / "scsi-35000").string());
    CHECK(list[2].paths == Texts{"/dev/sg3"}); // the enclosure is another LUN
    CHECK(list[5].size == 4096 * 512);
}

TEST_CASE("a unit is used if another path to it is") {
    const Host host;
    host.block("sda", "8:0", "2048");
    host.block("sdb", "8:16", "2048");
    host.scsi("1:0:0:1", "sg0", "0", "naa.5000c500a1b2c3d4", "block", "sda");
    host.scsi("2:0:0:1", "sg1", "0", "naa.5000c500a1b2c3d4", "block", "sdb");
    host.scsi("2:0:0:2", "sg2", "13", "naa.5000c500a1b2c3d4", "", "");
    const auto users = [&](const std::string& sg) {
        return devices::users_of_unit("/dev/" + sg, host.roots, host.dev);
    };
    CHECK(users("sg0").empty());
    host.write(host.roots.proc / "self" / "mountinfo", "25 1 8:16 / /mnt rw - ext4 /dev/sdb rw");
    CHECK(users("sg1") == Texts{"mounted at /mnt"});
    CHECK(users("sg0") == Texts{"by its other path sg1: mounted at /mnt"});
    CHECK(users("sg2").empty()); // the enclosure is another LUN
}

namespace {

/// A tape whose nodes are /dev/zero and /dev/null, for a test can't make devices.
struct TapeHost : Host {
    explicit TapeHost(const std::string& type = "1") {
        scsi("2:0:0:0", "sg1", type, "", "scsi_tape", "nst0");
        const fs::path unit = roots.sys / "devices" / "2:0:0:0";
        write(unit / "scsi_tape" / "nst0" / "dev", "1:3");
        write(unit / "scsi_generic" / "sg1" / "dev", "1:5");
    }
    void process(const std::string& pid, const std::string& name, const std::string& file) const {
        write(roots.proc / pid / "comm", name);
        fs::create_directories(roots.proc / pid / "fd");
        fs::create_symlink("/dev/full", roots.proc / pid / "fd" / "0");
        fs::create_symlink(file, roots.proc / pid / "fd" / "7");
    }
    [[nodiscard]] Texts openers() const { return devices::openers_of_unit("/dev/sg1", roots); }
};

} // namespace

TEST_CASE("programs that have a tape open are named, by whichever node") {
    const TapeHost host;
    CHECK(host.openers().empty());
    host.process("812", "mt", "/dev/null");
    host.process("813", "sg_logs", "/dev/zero");
    host.process("814", "cat", "/dev/full");
    host.process("815", "bash", "/etc/hostname");
    host.process("816", "gone", "/no/such/file");
    host.process("817", "pvscsid", "/dev/zero");
    host.process("self", "mt", "/dev/null");
    fs::create_directories(host.roots.proc / "818"); // may not be looked at
    CHECK(host.openers() == Texts{"mt (pid 812) has nst0 open", "sg_logs (pid 813) has sg1 open"});
    const auto list = devices::list_devices(host.roots, host.dev);
    REQUIRE(list.size() == 1);
    CHECK(list.front().users == host.openers());
}

TEST_CASE("a changer is guarded like a tape, a disk's sg node is not") {
    for (const auto& [type, guarded] : {std::pair{"8", true}, {"0", false}, {"5", false}}) {
        const TapeHost host(type);
        host.process("812", "mtx", "/dev/zero");
        CHECK(host.openers().empty() != guarded);
        CHECK_FALSE(devices::is_held("/dev/zero", host.roots)); // no unit's node
    }
}
