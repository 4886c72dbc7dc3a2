// Whole host adapters: what units one has, in a tree that looks like sysfs, and a vhost's LUNs that
// follow them. The test is the guest and the daemon's other half.
#include "backend/host_mode.hpp"
#include "backend/toolstack/host_check.hpp"
#include "backend/toolstack/host_units.hpp"
#include "tests/support/store_host.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <fstream>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::toolstack;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

namespace {

/// /sys with SCSI units.
struct Tree {
    test::Folder folder;
    fs::path sys = folder.path("sys");

    void host(unsigned number, const std::string& device = "pci") const {
        const std::string name = "host" + std::to_string(number);
        const fs::path place = sys / "devices" / device / name;
        fs::create_directories(place);
        const fs::path link = sys / "class" / "scsi_host" / name;
        fs::create_directories(link);
        fs::remove(link / "device");
        fs::create_directory_symlink(place, link / "device");
        fs::create_directories(sys / "bus" / "scsi" / "devices" / name);
    }
    void unit(const std::string& address, const std::string& sg) const {
        const fs::path device = sys / "bus" / "scsi" / "devices" / address;
        fs::create_directories(device / "scsi_generic" / sg);
        std::ofstream(device / "type") << "0\n";
        fs::create_directories(sys / "class" / "scsi_generic" / sg);
        fs::create_directory_symlink(device, sys / "class" / "scsi_generic" / sg / "device");
    }
    void remove(const std::string& address, const std::string& sg) const {
        fs::remove_all(sys / "class" / "scsi_generic" / sg);
        fs::remove_all(sys / "bus" / "scsi" / "devices" / address);
    }
    [[nodiscard]] std::string place(unsigned number, const std::string& device = "pci") const {
        return fs::canonical(sys / "devices" / device / ("host" + std::to_string(number)));
    }
};

Lun entry(const std::string& text) {
    return parse_vscsi({text}).luns.at(0);
}

Texts names_of(const HostUnits& units) {
    Texts names;
    for (const Lun& lun : units.luns)
        names.push_back(lun.pdev_text + " " + to_string(lun.vdev));
    return names;
}

/// A guest 5 with the host adapter 2 as vhost 7.
struct Bed : Tree {
    test::StoreHost host_of_store;
    hv::XsStore store = host_of_store.connect();
    boost::asio::io_context control{1};
    std::shared_ptr<HostMode> mode =
        std::make_shared<HostMode>(control, store, DomId{0}, nullptr, sys, 1ms);
    const Vhost vhost{DomId{0}, DomId{5}, DevId{7}};
    const std::string b = vhost.back(), f = vhost.front();

    Bed() {
        host(2);
        host_of_store.add_guest(DomId{5});
        REQUIRE(write_vhost(store, hv::no_transaction, vhost, {}));
        set(b + "/host", "2:0:0:0,7:0:0:0,feature-host,ro,queue-depth=4");
        set(b + "/host-place", place(2));
        states("2", "1");
        mode->look();
    }
    void set(const std::string& path, const std::string& value) {
        REQUIRE(store.write(path, value));
    }
    std::string get(const std::string& path) { return store.read(path).value_or("-"); }
    std::string dev(unsigned number, const std::string& node) {
        return get(vhost.back_lun(number) + "/" + node);
    }
    void states(const std::string& back, const std::string& front) {
        set(b + "/state", back);
        set(f + "/state", front);
    }
    /// The daemon and the guest have done what B's state asks for.
    void all_at(const std::string& state) {
        const auto now = read_vhost(store, hv::no_transaction, vhost);
        REQUIRE(now);
        for (const LunEntry& lun : (*now)->luns)
            if (lun.state == xenbus::State::initialising)
                set(vhost.back_lun(lun.number) + "/state", state);
            else if (lun.state == xenbus::State::closing)
                set(vhost.back_lun(lun.number) + "/state", "6");
    }
    Texts luns() {
        const auto now = read_vhost(store, hv::no_transaction, vhost);
        REQUIRE(now);
        REQUIRE(*now);
        Texts texts;
        for (const LunEntry& lun : (*now)->luns)
            texts.push_back(lun.pdev + " " + lun.vdev + " " + xenbus::to_node(lun.state));
        return texts;
    }
    /// A few looks; more change nothing.
    void turn() {
        for (int i = 0; i < 10; ++i) {
            control.restart();
            control.run_one_for(100ms);
        }
    }
};

} // namespace

TEST_CASE("a host adapter's units are those with its number, at equal addresses") {
    const Tree tree;
    tree.host(2);
    tree.host(20);
    for (const auto& [address, sg] : {std::pair{"2:0:10:0", "sg1"},
                                      {"2:0:9:1", "sg2"},
                                      {"2:1:0:65535", "sg3"},
                                      {"20:0:0:0", "sg4"},
                                      {"2:0:0:65536", "sg5"},
                                      {"2:0:70000:0", "sg6"}})
        tree.unit(address, sg);
    fs::create_directories(tree.sys / "bus" / "scsi" / "devices" / "target2:0:10");
    fs::create_directories(tree.sys / "bus" / "scsi" / "devices" / "2:0:1:0"); // without sg node
    const Lun given = entry("2:0:0:0,host,ro,timeout=9");
    const auto host = host_of(given, tree.sys);
    REQUIRE(host);
    CHECK(host->number == 2);
    const auto units = units_of(*host, given, tree.sys);
    CHECK(names_of(units) ==
          Texts{"2:0:9:1 2:0:9:1", "2:0:10:0 2:0:10:0", "2:1:0:65535 2:1:0:65535"});
    CHECK(units.beyond == Texts{"2:0:0:65536", "2:0:70000:0"});
    for (const Lun& lun : units.luns) {
        CHECK(lun.read_only);
        CHECK(lun.timeout == 9u);
        CHECK_FALSE(lun.whole_host);
    }
    // Another vhost's number than the adapter's.
    CHECK(names_of(units_of(*host, entry("2:0:0:0,7:0:0:0,feature-host"), tree.sys)).front() ==
          "2:0:9:1 7:0:9:1");
}

TEST_CASE("an adapter that is not there, or another one by its number, has no units") {
    const Tree tree;
    const Lun given = entry("2:0:0:0,host");
    const auto none = host_of(given, tree.sys);
    REQUIRE_FALSE(none);
    CHECK(none.error().reason == "there is no host adapter 2");
    CHECK_FALSE(host_of(entry("/dev/no-such-node,2:0:0:0,feature-host"), tree.sys));
    tree.host(2);
    tree.unit("2:0:0:0", "sg0");
    const auto host = host_of(given, tree.sys);
    REQUIRE(host);
    CHECK(units_of(*host, given, tree.sys).luns.size() == 1);
    tree.host(2, "usb");
    CHECK(units_of(*host, given, tree.sys).luns.empty());
    CHECK(units_of({2, ""}, given, tree.sys).luns.empty());
}

TEST_CASE("a check of a whole adapter says that it is not there, or what is left out") {
    const Tree tree;
    const devices::Roots roots{tree.sys, tree.folder.path("proc"), tree.folder.path("run")};
    const std::vector luns{entry("2:0:0:0,host")};
    const auto mistakes = check_backings(luns, roots);
    REQUIRE(mistakes.size() == 1);
    CHECK(mistakes[0].reason == "there is no host adapter 2");
    CHECK(left_out_of_hosts(luns, roots).empty());
    tree.host(2);
    tree.unit("2:0:0:0", "sg-that-is-not-there");
    tree.unit("2:0:0:70000", "sg1");
    CHECK(check_backings(luns, roots).empty());
    const auto left_out = left_out_of_hosts(luns, roots);
    REQUIRE(left_out.size() == 2);
    CHECK(left_out[0].text == "2:0:0:70000");
    CHECK(left_out[1].text == "2:0:0:0");
    CHECK(left_out[1].reason.starts_with("the guest is not given it: "));
}

TEST_CASE("units that come before a guest is connected are there, those that go are not") {
    Bed bed;
    bed.unit("2:0:0:0", "sg0");
    bed.unit("2:0:1:0", "sg1");
    bed.turn();
    CHECK(bed.luns() == Texts{"2:0:0:0 7:0:0:0 1", "2:0:1:0 7:0:1:0 1"});
    CHECK(bed.dev(0, "mode") == "r");
    CHECK(bed.dev(0, "queue-depth") == "4");
    CHECK(bed.get(bed.b + "/state") == "2");
    bed.remove("2:0:0:0", "sg0");
    bed.turn();
    CHECK(bed.luns() == Texts{"2:0:1:0 7:0:1:0 1"});
    // A number is not used again.
    bed.unit("2:0:0:0", "sg0");
    bed.turn();
    CHECK(bed.dev(2, "v-dev") == "7:0:0:0");
}

TEST_CASE("a connected guest is told of units that come and go") {
    Bed bed;
    bed.unit("2:0:0:0", "sg0");
    bed.turn();
    bed.all_at("4");
    bed.states("4", "4");
    bed.turn();
    CHECK(bed.get(bed.b + "/state") == "4"); // nothing is new
    bed.unit("2:0:1:0", "sg1");
    bed.turn();
    CHECK(bed.luns() == Texts{"2:0:0:0 7:0:0:0 4", "2:0:1:0 7:0:1:0 1"});
    CHECK(bed.get(bed.b + "/state") == "7");
    // While that goes on nothing else is begun.
    bed.remove("2:0:0:0", "sg0");
    bed.turn();
    CHECK(bed.dev(0, "state") == "4");
    bed.all_at("4");
    bed.states("4", "4");
    bed.turn();
    CHECK(bed.luns() == Texts{"2:0:0:0 7:0:0:0 5", "2:0:1:0 7:0:1:0 4"});
    CHECK(bed.get(bed.b + "/state") == "7");
    bed.all_at("4");
    bed.states("4", "4");
    bed.turn();
    CHECK(bed.luns() == Texts{"2:0:1:0 7:0:1:0 4"});
    CHECK(bed.get(bed.b + "/state") == "4");
    CHECK(bed.get(bed.vhost.front_lun(0) + "/state") == "-");
}

TEST_CASE("a guest that connects does not wait for a unit that has gone") {
    Bed bed;
    bed.unit("2:0:0:0", "sg0");
    bed.unit("2:0:1:0", "sg1");
    bed.turn();
    bed.states("2", "3");
    bed.remove("2:0:0:0", "sg0");
    bed.unit("2:0:2:0", "sg2");
    bed.turn();
    CHECK(bed.luns() == Texts{"2:0:1:0 7:0:1:0 1"});
    CHECK(bed.get(bed.b + "/state") == "2");
    bed.all_at("4");
    bed.states("4", "4");
    bed.turn();
    CHECK(bed.luns() == Texts{"2:0:1:0 7:0:1:0 4", "2:0:2:0 7:0:2:0 1"});
    CHECK(bed.get(bed.b + "/state") == "7");
}

TEST_CASE("a unit that failed while the guest had it is taken from the guest when it goes") {
    Bed bed;
    bed.unit("2:0:0:0", "sg0");
    bed.turn();
    bed.states("4", "4");
    bed.set(bed.vhost.back_lun(0) + "/state", "6");
    bed.set(bed.vhost.back_lun(0) + "/error", "this host uses it: swap");
    bed.unit("2:0:1:0", "sg1");
    bed.turn();
    CHECK(bed.dev(0, "state") == "6"); // left out, and shown
    bed.all_at("4");
    bed.states("4", "4");
    bed.remove("2:0:0:0", "sg0");
    bed.turn();
    CHECK(bed.dev(0, "state") == "5");
    bed.all_at("4");
    bed.states("4", "4");
    bed.turn();
    CHECK(bed.luns() == Texts{"2:0:1:0 7:0:1:0 4"});
    CHECK(bed.get(bed.b + "/state") == "4");
}

TEST_CASE("when the adapter goes all of its units go, and another one is not followed") {
    Bed bed;
    bed.unit("2:0:0:0", "sg0");
    bed.turn();
    CHECK(bed.luns().size() == 1);
    bed.host(2, "usb");
    bed.unit("2:0:5:0", "sg5");
    bed.turn();
    CHECK(bed.luns().empty());
}

TEST_CASE("ordinary vhosts and damaged nodes are let alone") {
    Bed bed;
    SECTION("detached as a whole") {
        REQUIRE(bed.store.remove(bed.b + "/host"));
    }
    SECTION("no entry") {
        bed.set(bed.b + "/host", "nonsense");
    }
    SECTION("no address") {
        bed.set(bed.b + "/host", "/dev/sg0,7:0:0:0,feature-host");
    }
    bed.unit("2:0:0:0", "sg0");
    bed.turn();
    CHECK(bed.luns().empty());
}
