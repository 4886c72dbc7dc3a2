// What lies on what, in trees that look like /sys, with nodes that the test makes (as root).
#include "backend/devices/layers.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

using namespace pvscsi;
using devices::layers_of;
using devices::overlap;
namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

namespace {

struct Host {
    test::Folder folder;
    devices::Roots roots{folder.path("sys"), folder.path("proc"), folder.path("run"),
                         folder.path("dev")};

    static void write(const fs::path& file, const std::string& text) {
        fs::create_directories(file.parent_path());
        std::ofstream(file) << text << "\n";
    }
    [[nodiscard]] std::string node(const std::string& name) const { return roots.dev / name; }
    /// A block device with its node; `of`: the disk that it is a partition of.
    void block(const std::string& name, unsigned major, unsigned minor,
               const std::string& of = "") const {
        const std::string number = std::to_string(major) + ":" + std::to_string(minor);
        const fs::path place =
            of.empty() ? roots.sys / "block" / name : roots.sys / "block" / of / name;
        write(place / "dev", number);
        if (!of.empty())
            write(place / "partition", "1");
        for (const char* links : {"class/block", "dev/block"})
            fs::create_directories(roots.sys / links);
        fs::create_directory_symlink(place, roots.sys / "class" / "block" / name);
        fs::create_directory_symlink(place, roots.sys / "dev" / "block" / number);
        fs::create_directories(roots.dev);
        REQUIRE(::mknod(node(name).c_str(), S_IFBLK | 0600, makedev(major, minor)) == 0);
    }
    /// The unit of a disk, also with a tape's node, as an sg node's name is the real one's.
    void unit(const std::string& disk, const std::string& sg, const std::string& address,
              const std::string& wwid, unsigned minor) const {
        const fs::path device = roots.sys / "devices" / address;
        write(device / "wwid", wwid);
        fs::create_directories(device / "scsi_generic" / sg);
        fs::create_directories(device / "block" / disk);
        fs::create_directory_symlink(device, roots.sys / "block" / disk / "device");
        fs::create_directories(roots.sys / "class" / "scsi_generic" / sg);
        fs::create_directory_symlink(device, roots.sys / "class" / "scsi_generic" / sg / "device");
        const fs::path tape = roots.sys / "dev" / "char" / ("9:" + std::to_string(minor));
        fs::create_directories(tape);
        fs::create_directory_symlink(device, tape / "device");
        REQUIRE(::mknod(node("st-of-" + sg).c_str(), S_IFCHR | 0600, makedev(9, minor)) == 0);
    }
    void loop(const std::string& name, const std::string& file, const std::string& offset = "0",
              const std::string& read_only = "0") const {
        const fs::path place = roots.sys / "block" / name;
        write(place / "loop" / "backing_file", file);
        write(place / "loop" / "offset", offset);
        write(place / "loop" / "sizelimit", "0");
        write(place / "ro", read_only);
    }
    [[nodiscard]] bool overlapping(const std::string& a, const std::string& b) const {
        const auto first = layers_of(a, roots);
        const auto second = layers_of(b, roots);
        CHECK(overlap(first, second) == overlap(second, first));
        return overlap(first, second);
    }
    [[nodiscard]] bool nodes(const std::string& a, const std::string& b) const {
        return overlapping(node(a), node(b));
    }
};

/// Nodes are root's to make.
bool can_make_nodes() {
    if (::geteuid() == 0)
        return true;
    WARN("skipped: only root makes device nodes");
    return false;
}

} // namespace

TEST_CASE("a partition is part of its disk, by whichever node, and of no other partition") {
    if (!can_make_nodes())
        return;
    const Host host;
    host.block("sda", 8, 0);
    host.block("sda1", 8, 1, "sda");
    host.block("sda2", 8, 2, "sda");
    host.unit("sda", "sg0", "1:0:0:0", "naa.1", 0);
    host.block("sdb", 8, 16);
    host.unit("sdb", "sg1", "2:0:0:0", "naa.1", 1); // another path
    host.block("sdc", 8, 32);
    host.unit("sdc", "sg2", "1:0:0:1", "naa.1", 2); // another LUN of that name
    CHECK(host.nodes("sda", "sda"));
    CHECK(host.nodes("sda", "sda1"));
    CHECK_FALSE(host.nodes("sda1", "sda2"));
    CHECK(host.nodes("sda", "st-of-sg0"));
    CHECK(host.nodes("sda1", "st-of-sg0"));
    CHECK(host.nodes("sda1", "st-of-sg1"));
    CHECK(host.nodes("sda1", "sdb"));
    CHECK_FALSE(host.nodes("sda1", "sdc"));
    CHECK_FALSE(host.nodes("sda1", "st-of-sg2"));
    const auto disk = layers_of(host.node("sda"), host.roots);
    CHECK(disk.own_sg_nodes == std::set<std::string>{"/dev/sg0"});
    CHECK(disk.under_sg_nodes.empty());
    const auto part = layers_of(host.node("sda1"), host.roots);
    CHECK(part.own_sg_nodes.empty());
    CHECK(part.under_sg_nodes == std::set<std::string>{"/dev/sg0"});
    CHECK(layers_of(host.node("none"), host.roots).own.empty());
}

TEST_CASE("a volume lies on its disks, and is none of their other volumes") {
    if (!can_make_nodes())
        return;
    const Host host;
    host.block("sda", 8, 0);
    host.unit("sda", "sg0", "1:0:0:0", "naa.1", 0);
    host.block("sda1", 8, 1, "sda");
    host.block("sda2", 8, 2, "sda");
    host.block("md0", 9, 0);
    host.block("dm-0", 253, 0);
    host.block("dm-1", 253, 1);
    fs::create_directories(host.roots.sys / "block" / "md0" / "slaves" / "sda1");
    for (const char* volume : {"dm-0", "dm-1"})
        fs::create_directories(host.roots.sys / "block" / volume / "slaves" / "md0");
    CHECK(host.nodes("dm-0", "md0"));
    CHECK(host.nodes("dm-0", "sda1"));
    CHECK(host.nodes("dm-0", "sda"));
    CHECK(host.nodes("dm-0", "st-of-sg0"));
    CHECK_FALSE(host.nodes("dm-0", "dm-1"));
    CHECK_FALSE(host.nodes("dm-0", "sda2"));
    // A sysfs that goes in circles ends as well.
    fs::create_directories(host.roots.sys / "block" / "sda" / "slaves" / "dm-0");
    CHECK(host.nodes("dm-0", "sda"));
}

TEST_CASE("a loop device is its file, or lies on it") {
    if (!can_make_nodes())
        return;
    const Host host;
    const auto image = host.folder.image("a.img", 4096);
    const auto other = host.folder.image("b.img", 4096);
    REQUIRE(::link(image.c_str(), host.folder.path("linked").c_str()) == 0);
    for (unsigned i = 0; i < 5; ++i)
        host.block("loop" + std::to_string(i), 7, i);
    host.block("loop0p1", 259, 0, "loop0");
    host.loop("loop0", image);
    host.loop("loop1", host.folder.path("linked"));
    host.loop("loop2", image, "512");
    host.loop("loop3", image, "1024");
    host.loop("loop4", host.node("loop0"));
    CHECK(host.overlapping(image, host.folder.path("linked")));
    CHECK(host.overlapping(image, host.node("loop0")));
    CHECK(host.overlapping(image, host.node("loop0p1")));
    CHECK(host.overlapping(image, host.node("loop2")));
    CHECK(host.overlapping(image, host.node("loop4")));
    CHECK_FALSE(host.overlapping(other, host.node("loop0")));
    CHECK(host.nodes("loop0", "loop1"));
    CHECK(host.nodes("loop0", "loop2"));
    CHECK_FALSE(host.nodes("loop2", "loop3"));
    CHECK(host.nodes("loop4", "loop0"));
    const auto whole = layers_of(host.node("loop0"), host.roots);
    REQUIRE(whole.own_files.size() == 1);
    CHECK(whole.own_files.begin()->second == image);
    CHECK(layers_of(host.node("loop2"), host.roots).own_files.empty());
    CHECK(layers_of(host.node("loop2"), host.roots).under_files.size() == 1);
}

TEST_CASE("the users of an image are the loop devices on it and what uses these") {
    const Host host;
    const auto image = host.folder.image("a.img", 4096);
    const auto users = [&](bool reads_only = false) {
        return devices::users_of_file(image, reads_only, host.roots);
    };
    CHECK(users().empty());
    const fs::path place = host.roots.sys / "class" / "block" / "loop3";
    Host::write(place / "dev", "7:3");
    Host::write(place / "ro", "0");
    Host::write(place / "loop" / "backing_file", image);
    CHECK(users() == Texts{"loop device loop3"});
    Host::write(host.roots.proc / "self" / "mountinfo", "25 1 7:3 / /mnt rw - ext4 /dev/loop3 rw");
    CHECK(users() == Texts{"loop device loop3 (mounted at /mnt)"});
    CHECK(users(true) == Texts{"loop device loop3 (mounted at /mnt)"});
    Host::write(place / "ro", "1");
    CHECK(users(true).empty());
    CHECK(users().size() == 1);
    Host::write(place / "loop" / "backing_file", image + " (deleted)"); // another file by now
    CHECK(users().empty());
    Host::write(host.roots.proc / "swaps",
                "Filename Type Size Used Priority\n" + image + " file 7812 0 -2");
    CHECK(users() == Texts{"swap"});
    CHECK(users(true) == Texts{"swap"});
}
