// What lasts of devices, in trees that look like /sys and udev's database.
#include "backend/unit_identity.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

using namespace pvscsi;
namespace fs = std::filesystem;

namespace {

struct Host {
    test::Folder folder;
    devices::Roots roots{folder.path("sys"), folder.path("proc"), folder.path("run"),
                         folder.path("dev")};
    const fs::path disk = roots.sys / "devices" / "disk";

    Host() {
        fs::create_directories(roots.dev);
        fs::create_directories(roots.sys / "dev" / "block");
        write(disk / "dev", "240:0");
        write(disk / "part" / "dev", "240:1");
        write(disk / "part" / "partition", "1");
        fs::create_directory_symlink(disk, roots.sys / "dev" / "block" / "240:0");
        fs::create_directory_symlink(disk / "part", roots.sys / "dev" / "block" / "240:1");
    }
    static void write(const fs::path& file, const std::string& text) {
        fs::create_directories(file.parent_path());
        std::ofstream(file) << text << "\n";
    }
    [[nodiscard]] std::string identity(unsigned minor) const {
        const std::string node = roots.dev / std::to_string(minor);
        if (!fs::exists(node))
            REQUIRE(::mknod(node.c_str(), S_IFBLK | 0600, makedev(240, minor)) == 0);
        return backend::lasting_identity(node, roots);
    }
};

bool can_make_nodes() {
    if (::geteuid() == 0)
        return true;
    WARN("skipped: only root makes device nodes");
    return false;
}

} // namespace

TEST_CASE("each kind of device is known by what lasts of it") {
    if (!can_make_nodes())
        return;
    const Host host;
    struct Row {
        const char* file;
        const char* text;
        const char* identity;
    };
    const auto row =
        GENERATE(Row{"dm/uuid", "LVM-abc", "dm LVM-abc"}, Row{"md/uuid", "1:2:3:4", "md 1:2:3:4"},
                 Row{"wwid", "eui.0025385b61b0a1c2", "eui.0025385b61b0a1c2"},
                 Row{"serial", "root-disk", "serial root-disk"},
                 Row{"loop/backing_file", "/srv/a\tb.img", "loop /srv/a?b.img"},
                 Row{"device/wwid", "naa.5000c500a1b2c3d4", "naa.5000c500a1b2c3d4"});
    CAPTURE(row.file);
    CHECK(host.identity(0).empty());
    CHECK(host.identity(1).empty());
    Host::write(host.roots.run / "udev" / "data" / "b240:1", "E:ID_PART_ENTRY_UUID=0b0c-01");
    CHECK(host.identity(1) == "partuuid 0b0c-01");
    Host::write(host.disk / row.file, row.text);
    CHECK(host.identity(0) == row.identity);
    CHECK(host.identity(1) == std::string(row.identity) + "-part1");
    CHECK(host.identity(2).empty());
}

TEST_CASE("a RAID's UUID is udev's to tell where the kernel does not") {
    if (!can_make_nodes())
        return;
    const Host host;
    Host::write(host.roots.run / "udev" / "data" / "b240:0", "S:md/home\nE:MD_UUID=1:2:3:4\nI:1");
    CHECK(host.identity(0) == "md 1:2:3:4");
}

TEST_CASE("a SCSI device without a designator has its serial number") {
    const Host host;
    // Every machine has this node: it plays a tape.
    const fs::path device = host.roots.sys / "dev" / "char" / "1:3" / "device";
    const fs::path folder = host.roots.sys / "class" / "scsi_generic" / "sg7" / "device";
    fs::create_directories(device / "scsi_generic" / "sg7");
    const auto identity = [&] { return backend::lasting_identity("/dev/null", host.roots); };
    CHECK(identity().empty());
    Host::write(folder / "vendor", "ACME    ");
    Host::write(folder / "model", "Tape");
    CHECK(identity().empty());
    fs::create_directories(folder);
    const std::string page("\0\x80\0\x06  X123", 10);
    std::ofstream(folder / "vpd_pg80", std::ios::binary) << page;
    CHECK(identity() == "serial ACME Tape X123");
    std::ofstream(folder / "vpd_pg80", std::ios::binary) << std::string("\0\x80\0\x02  ", 6);
    CHECK(identity().empty());
    Host::write(folder / "wwid", "naa.1");
    CHECK(identity() == "naa.1");
}

TEST_CASE("a link of one's own to a kernel's name is as good as that") {
    const Host host;
    const auto by_number = [&](const std::string& path) {
        return backend::goes_by_number(*config::parse_pdev("file:" + path), host.roots);
    };
    const auto link = [&](const char* name, const fs::path& to) {
        fs::create_symlink(to, host.folder.path(name));
        return host.folder.path(name);
    };
    CHECK(by_number("/dev/sdb"));
    CHECK(by_number(link("direct", host.roots.dev / "sdb")));
    CHECK(by_number(link("twice", "direct")));
    CHECK(by_number(link("relative", "dev/./sdb1")));
    CHECK_FALSE(by_number(link("by-id", host.roots.dev / "disk" / "by-id" / "x")));
    CHECK_FALSE(by_number(link("circle", "circle")));
    CHECK_FALSE(by_number(host.folder.image("a.img", 512)));
    CHECK_FALSE(by_number(link("image", "a.img")));
    CHECK_FALSE(by_number("/srv/none"));
}
