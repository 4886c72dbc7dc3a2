// Which devices are guests' is told to udev by files, which outlive daemon and boot.
#include "backend/guest_devices.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <fstream>

using namespace pvscsi;
using backend::GuestDevices;

namespace fs = std::filesystem;

namespace {

/// Nodes that every machine has play SCSI devices: their numbers lead to sg nodes in this sysfs.
struct Bed {
    test::Folder folder;
    Bed() {
        be_unit("1:3", "sg7", "naa.6001405aa\n");               // /dev/null
        be_unit("1:5", "sg8", "t10.ATA     QEMU*DISK   01 \n"); // /dev/zero
        be_unit("1:7", "sg9", "naa.600/x\n");                   // /dev/full
    }
    void be_unit(const std::string& number, const std::string& sg, const std::string& wwid) const {
        fs::create_directories(
            folder.path("sys/dev/char/" + number + "/device/scsi_generic/" + sg));
        fs::create_directories(folder.path("sys/class/scsi_generic/" + sg + "/device"));
        std::ofstream(folder.path("sys/class/scsi_generic/" + sg + "/device/wwid")) << wwid;
    }
    /// A new one each time: the daemon was restarted, or the host.
    [[nodiscard]] GuestDevices devices() const {
        return GuestDevices(folder.path("given"), folder.path("sys"));
    }
    [[nodiscard]] bool is_guests(const std::string& name) const {
        return fs::exists(folder.path("given/" + name));
    }
};

} // namespace

TEST_CASE("a device is a guest's from when it is served until it is detached") {
    const Bed bed;
    bed.devices().add("demo", "0:0:0:0", "/dev/null");
    CHECK(bed.is_guests("naa.6001405aa"));
    bed.devices().add("demo", "0:0:0:0", "/dev/null"); // the next daemon opens it again
    bed.devices().remove("demo", "0:0:0:1");
    bed.devices().remove("other", "0:0:0:0");
    CHECK(bed.is_guests("naa.6001405aa"));
    bed.devices().remove("demo", "0:0:0:0");
    CHECK_FALSE(bed.is_guests("naa.6001405aa"));
}

TEST_CASE("a device of two guests is one's when the other lets go of it") {
    const Bed bed;
    bed.devices().add("a", "0:0:0:0", "/dev/null");
    bed.devices().add("b b", "0:0:0:0", "/dev/null");
    bed.devices().remove("a", "0:0:0:0");
    CHECK(bed.is_guests("naa.6001405aa"));
    bed.devices().remove("b b", "0:0:0:0");
    CHECK_FALSE(bed.is_guests("naa.6001405aa"));
}

TEST_CASE("an address that leads to another device lets go of the first") {
    const Bed bed;
    auto devices = bed.devices();
    devices.add("demo", "0:0:0:0", "/dev/null");
    devices.add("demo", "0:0:0:0", "/dev/zero");
    CHECK_FALSE(bed.is_guests("naa.6001405aa"));
    CHECK(bed.is_guests("t10.ATA     QEMU_DISK   01")); // as udev writes it
    devices.add("demo", "0:0:0:0", "ram:1M");
    CHECK(fs::is_empty(bed.folder.path("given")));
}

TEST_CASE("a device of two guests stays when nobody knows one of them any more") {
    const Bed bed;
    bed.devices().add("a", "0:0:0:0", "/dev/null");
    bed.devices().add("b", "0:0:0:0", "/dev/null");
    bed.devices().keep_if([](const std::string& name) { return name == "b"; });
    CHECK(bed.is_guests("naa.6001405aa"));
    bed.devices().keep_if([](const std::string&) { return false; });
    CHECK_FALSE(bed.is_guests("naa.6001405aa"));
}

TEST_CASE("devices of domains that nobody knows any more are this host's again") {
    const Bed bed;
    bed.devices().add("demo", "0:0:0:0", "/dev/null");
    bed.devices().add("gone", "0:0:0:0", "/dev/zero");
    bed.devices().keep_if([](const std::string& name) { return name == "demo"; });
    CHECK(bed.is_guests("naa.6001405aa"));
    CHECK_FALSE(bed.is_guests("t10.ATA     QEMU_DISK   01"));
}

TEST_CASE("what has no name that udev could tell has no file") {
    const Bed bed;
    const auto devices = bed.devices();
    CHECK(devices.file_name("/dev/null") == "naa.6001405aa");
    for (const char* const pdev : {"/dev/full", "/dev/random", "/dev/nowhere", "ram:1M", "null:1M",
                                   "file:/dev/null", "iso:/dev/null", ""})
        CHECK_FALSE(devices.file_name(pdev));
}

TEST_CASE("a file that is damaged, or cannot be written, does no harm") {
    const Bed bed;
    fs::create_directory(bed.folder.path("given"));
    std::ofstream(bed.folder.path("given/naa.1.new")) << "0:0:0:0 demo\n"; // a daemon died at it
    std::ofstream(bed.folder.path("given/naa.2")) << "\nx y\n";            // one line can be read
    bed.devices().add("demo", "0:0:0:0", "/dev/null");
    CHECK_FALSE(bed.is_guests("naa.1.new"));
    CHECK(bed.is_guests("naa.2"));
    CHECK(bed.is_guests("naa.6001405aa"));

    const Bed full;
    std::ofstream(full.folder.path("given")) << "a file in the folder's place";
    auto devices = full.devices();
    devices.add("demo", "0:0:0:0", "/dev/null");
    devices.remove("demo", "0:0:0:0");
    CHECK(fs::is_regular_file(full.folder.path("given")));
}
