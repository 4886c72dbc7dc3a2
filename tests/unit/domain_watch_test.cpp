// Domains that appear are given the LUNs of their file, once and by the right file.
#include "backend/domain_watch.hpp"
#include "backend/guest_devices.hpp"
#include "tests/support/no_files.hpp"
#include "tests/support/store_host.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/unreliable_store.hpp"

#include <catch2/catch.hpp>

#include <fstream>

using namespace pvscsi;
using namespace pvscsi::backend;

namespace {

const std::string uuid = "6f0a4fe2-0d3c-4c41-9d0a-c5e5a5b05b4d";
const std::string other_uuid = "11111111-2222-3333-4444-555555555555";

struct Bed {
    test::StoreHost host;
    test::Folder folder;
    hv::XsStore store = host.connect();
    test::UnreliableStore seen{store}; ///< by the watch
    boost::asio::io_context control{1};
    std::shared_ptr<DomainWatch> watch = std::make_shared<DomainWatch>(
        control, seen, DomId{0}, std::vector<std::string>{folder.path("*.cfg")});

    void define(const std::string& name, const std::string& vscsi, const std::string& id = "") {
        folder.file(name + ".cfg", "name = \"demo\"\n" +
                                       (id.empty() ? "" : "uuid = \"" + id + "\"\n") + "vscsi = [" +
                                       vscsi + "]\n");
    }
    /// As xl does: `device` last, then it is introduced.
    void start(std::uint16_t number, const std::string& name = "demo",
               const std::string& id = uuid) {
        const std::string home = "/local/domain/" + std::to_string(number);
        host.add_guest(DomId{number});
        set(home + "/name", name);
        set(home + "/vm", "/vm/" + id);
        REQUIRE(store.mkdir(home + "/device"));
    }
    void end(std::uint16_t number) {
        REQUIRE(store.remove("/local/domain/" + std::to_string(number)));
        host.release(DomId{number});
    }
    void set(const std::string& path, const std::string& value) {
        REQUIRE(store.write(path, value));
    }
    /// One that keeps `devices` as well.
    void start_daemon(GuestDevices& devices) {
        watch = std::make_shared<DomainWatch>(control, seen, DomId{0},
                                              std::vector<std::string>{folder.path("*.cfg")},
                                              std::string{}, &devices);
    }
    /// A device that is named as its guest is.
    void given(const std::string& name) const {
        std::filesystem::create_directory(folder.path("given"));
        std::ofstream(folder.path("given/" + name)) << "0:0:0:0 " + name + "\n";
    }
    [[nodiscard]] bool is_given(const std::string& name) const {
        return std::filesystem::exists(folder.path("given/" + name));
    }
    static std::string back(int number) {
        return "/local/domain/0/backend/vscsi/" + std::to_string(number);
    }
    std::string pdev(int number, const std::string& vhost = "0") {
        return store.read(back(number) + "/" + vhost + "/vscsi-devs/dev-0/p-dev").value_or("-");
    }
};

} // namespace

TEST_CASE("a domain that appears gets what its file says, each vhost for itself") {
    Bed bed;
    bed.define("a", "'ram:1M,0:0:0:0', 'ram:2M,3:0:0:0,ro'");
    bed.start(5);
    bed.start(6, "other", other_uuid);
    bed.watch->look();
    CHECK(bed.pdev(5) == "ram:1M");
    CHECK(bed.pdev(5, "3") == "ram:2M");
    CHECK(bed.store.read(bed.back(5) + "/3/vscsi-devs/dev-0/mode") == "r");
    CHECK(bed.store.read("/local/domain/5/device/vscsi/0/backend") == bed.back(5) + "/0");
    CHECK(bed.pdev(6) == "-");
}

TEST_CASE("a domain is given its LUNs once in its life") {
    Bed bed;
    bed.define("a", "'ram:1M,0:0:0:0'");
    bed.start(5);
    bed.watch->look();
    REQUIRE(bed.store.remove(bed.back(5)));
    bed.watch->look();
    CHECK(bed.pdev(5) == "-");
}

TEST_CASE("a domain that migrates gets the LUNs of the one that it was") {
    Bed bed;
    bed.define("a", "'ram:1M,0:0:0:0'");
    bed.start(5, "demo--incoming");
    bed.watch->look();
    CHECK(bed.pdev(5) == "ram:1M");
    CHECK(bed.store.read(bed.back(5) + "/0/domain") == "demo");
}

TEST_CASE("after a reboot it has another number and the same LUNs") {
    Bed bed;
    bed.define("a", "'ram:1M,0:0:0:0'");
    bed.start(5);
    bed.watch->look();
    bed.end(5);
    bed.start(6);
    bed.watch->look();
    CHECK(bed.pdev(6) == "ram:1M");
    // The first number again, with what its dead owner has left behind.
    bed.define("a", "'ram:4M,0:0:0:0'");
    bed.end(6);
    bed.start(5, "demo", other_uuid);
    bed.watch->look();
    CHECK(bed.pdev(5) == "ram:4M");
}

TEST_CASE("devices stay the guest's while it runs or a file names it") {
    Bed bed;
    bed.given("defined");
    bed.given("running");
    bed.given("gone");
    GuestDevices devices(bed.folder.path("given"));
    bed.start_daemon(devices);
    bed.folder.file("a.cfg", "name = \"defined\"\nvscsi = [ 'a mistake' ]\n");
    bed.start(5, "running");
    SECTION("but are not given up while that can't be told") {
        bed.seen.unreadable = "/local/domain/5/name";
        bed.watch->look();
        CHECK(bed.is_given("gone"));
        return;
    }
    bed.watch->look();
    CHECK(bed.is_given("defined"));
    CHECK(bed.is_given("running"));
    CHECK_FALSE(bed.is_given("gone"));
    bed.host.release(DomId{5}); // its nodes are still there
    bed.watch->look();
    CHECK(bed.is_given("defined"));
    CHECK_FALSE(bed.is_given("running"));
}

TEST_CASE("devices stay the guest's if its file came while no domain did") {
    Bed bed;
    bed.given("demo");
    GuestDevices devices(bed.folder.path("given"));
    bed.start(5);
    SECTION("it ran already, and ends") {
        bed.start_daemon(devices);
        bed.watch->look();
        bed.define("a", "'ram:1M,0:0:0:0'");
        bed.end(5);
    }
    SECTION("the daemon starts, and no domain runs") {
        bed.end(5);
        bed.define("a", "'ram:1M,0:0:0:0'");
        bed.start_daemon(devices);
    }
    bed.watch->look();
    CHECK(bed.is_given("demo"));
    std::filesystem::remove(bed.folder.path("a.cfg"));
    bed.watch->look();
    CHECK_FALSE(bed.is_given("demo"));
}

TEST_CASE("vhosts that are there already are left alone") {
    Bed bed;
    bed.define("a", "'ram:1M,0:0:0:0'");
    bed.start(5);
    SECTION("pvscsictl's, for this life of the domain") {
        bed.set(bed.back(5) + "/1/vm", "/vm/" + uuid);
    }
    SECTION("another toolstack's") {
        bed.set(bed.back(5) + "/1/frontend", "/local/domain/5/device/vscsi/1");
    }
    bed.watch->look();
    CHECK(bed.pdev(5) == "-");
}

TEST_CASE("vhosts that cannot be looked at are not taken for none, and left alone") {
    Bed bed;
    bed.define("a", "'ram:1M,0:0:0:0'");
    bed.start(5);
    const std::string frontend = bed.back(5) + "/1/frontend";
    bed.set(frontend, "/local/domain/5/device/vscsi/1");
    bed.set(bed.back(5) + "/1/vm", "/vm/" + uuid);
    bed.seen.unreadable = bed.back(5) + GENERATE("", "/1/vm");
    bed.watch->look();
    CHECK(bed.pdev(5) == "-");
    CHECK(bed.store.read(frontend));
    CHECK(bed.seen.open_transactions == 0);
}

TEST_CASE("a domain without a name yet is looked at again, by itself") {
    Bed bed;
    bed.define("a", "'ram:1M,0:0:0:0'");
    bed.host.add_guest(DomId{5});
    bed.watch->look();
    CHECK(bed.pdev(5) == "-");
    bed.set("/local/domain/5/name", "demo");
    bed.set("/local/domain/5/vm", "/vm/" + uuid);
    REQUIRE(bed.store.mkdir("/local/domain/5/device"));
    bed.control.run(); // ends when it has nothing more to wait for
    CHECK(bed.pdev(5) == "ram:1M");
}

TEST_CASE("a domain whose file cannot be read for now gets its LUNs once it can be") {
    Bed bed;
    bed.define("a", "'ram:1M,0:0:0:0'");
    bed.start(5);
    {
        const test::NoFiles no_files;
        bed.watch->look();
    }
    CHECK(bed.pdev(5) == "-");
    bed.control.run(); // ends when it has nothing more to wait for
    CHECK(bed.pdev(5) == "ram:1M");
}

TEST_CASE("a domain that never gets a name is given up") {
    Bed bed;
    bed.host.add_guest(DomId{5});
    bed.watch->look();
    CHECK(bed.control.run() == 50);
}

TEST_CASE("a domain that two files name gets nothing, and the others theirs") {
    Bed bed;
    bed.define("a", "'ram:1M,0:0:0:0'");
    bed.define("b", "'ram:2M,0:0:0:0'");
    bed.folder.file("c.cfg", "name = 'other'\nvscsi = [ 'ram:3M,0:0:0:0' ]\n");
    bed.start(5);
    bed.start(6, "other", other_uuid);
    bed.watch->look();
    CHECK(bed.pdev(5) == "-");
    CHECK(bed.pdev(6) == "ram:3M");
}

TEST_CASE("the domain that serves and what is no domain are passed by") {
    Bed bed;
    bed.define("a", "'ram:1M,0:0:0:0'");
    for (const std::string name : {"0", "nonsense", "70000"}) {
        const std::string home = "/local/domain/" + name;
        bed.set(home + "/name", "demo");
        bed.set(home + "/vm", "/vm/" + uuid);
        REQUIRE(bed.store.mkdir(home + "/device"));
    }
    bed.watch->look();
    CHECK(!bed.store.list("/local/domain/0/backend"));
}
