// Dom0's daemon and domains that serve in its place: guests wait for them, and are cleared away
// with them.
#include "backend/domain_watch.hpp"
#include "backend/driver_domains.hpp"
#include "tests/support/store_host.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend;

namespace {

struct Bed {
    test::StoreHost host;
    test::Folder folder;
    hv::XsStore store = host.connect();
    boost::asio::io_context control{1};
    DriverDomains driver_domains{store, DomId{0}};
    std::shared_ptr<DomainWatch> watch = std::make_shared<DomainWatch>(
        control, store, DomId{0}, std::vector<std::string>{folder.path("*.cfg")});

    explicit Bed(const std::string& vscsi = "'ram:1M,0:0:0:0,storage', 'ram:2M,1:0:0:0'") {
        folder.file("demo.cfg", "name = \"demo\"\nvscsi = [" + vscsi + "]\n");
    }
    static std::string home(int number) { return "/local/domain/" + std::to_string(number); }
    static std::string back(int backend, int guest) {
        return home(backend) + "/backend/vscsi/" + std::to_string(guest);
    }
    void start(std::uint16_t number, const std::string& name) {
        host.add_guest(DomId{number});
        set(home(number) + "/name", name);
        set(home(number) + "/vm", "/vm/" + name);
        REQUIRE(store.mkdir(home(number) + "/device"));
    }
    void end(std::uint16_t number) {
        REQUIRE(store.remove(home(number)));
        host.release(DomId{number});
    }
    /// Dom0's daemon is told of domains.
    void look() {
        driver_domains.look();
        watch->look();
    }
    void set(const std::string& path, const std::string& value) {
        REQUIRE(store.write(path, value));
    }
    std::string get(const std::string& path) { return store.read(path).value_or("-"); }
    bool has(const std::string& path) { return store.read(path).has_value(); }
    std::string pdev(int backend, int guest, const std::string& vhost) {
        return get(back(backend, guest) + "/" + vhost + "/vscsi-devs/dev-0/p-dev");
    }
};

} // namespace

TEST_CASE("a guest gets its LUNs when the domain that is to serve is there, and all of them") {
    Bed bed;
    SECTION("it was there first") {
        bed.start(4, "storage");
        bed.start(5, "demo");
    }
    SECTION("it comes later") {
        bed.start(5, "demo");
        bed.look();
        CHECK(bed.pdev(0, 5, "1") == "-");
        bed.start(4, "storage");
    }
    bed.look();
    CHECK(bed.pdev(4, 5, "0") == "ram:1M");
    CHECK(bed.pdev(0, 5, "1") == "ram:2M");
    CHECK(bed.get("/local/domain/5/device/vscsi/0/backend-id") == "4");
    CHECK(bed.get(bed.back(4, 5) + "/0/domain") == "demo");
}

TEST_CASE("LUNs of driver domains are given once, too") {
    Bed bed("'ram:1M,0:0:0:0,storage'");
    bed.start(4, "storage");
    bed.start(5, "demo");
    bed.look();
    REQUIRE(bed.store.remove(bed.back(4, 5) + "/0/vscsi-devs/dev-0"));
    bed.watch = std::make_shared<DomainWatch>(bed.control, bed.store, DomId{0},
                                              std::vector<std::string>{bed.folder.path("*.cfg")});
    bed.look();
    CHECK(bed.pdev(4, 5, "0") == "-");
}

TEST_CASE("what a dead guest had is removed below every domain that serves") {
    Bed bed;
    bed.start(4, "storage");
    bed.start(5, "demo");
    bed.look();
    bed.end(5);
    bed.look();
    CHECK_FALSE(bed.has(bed.back(4, 5)));
    // Another daemon finds it as well, and a living guest's nodes stay.
    bed.start(6, "demo");
    bed.look();
    bed.end(6);
    bed.start(7, "demo");
    DriverDomains(bed.store, DomId{0}).look();
    bed.watch->look();
    CHECK_FALSE(bed.has(bed.back(4, 6)));
    CHECK(bed.pdev(4, 7, "0") == "ram:1M");
}

TEST_CASE("a driver domain that comes back serves what it served, as it was then") {
    Bed bed("'ram:1M,0:0:0:0,storage', 'ram:2M,0:0:0:1,storage,name=b'");
    bed.start(4, "storage");
    bed.start(5, "demo");
    bed.look();
    const toolstack::Vhost vhost{DomId{4}, DomId{5}, DevId{0}};
    REQUIRE(toolstack::forget_lun(bed.store, hv::no_transaction, vhost, 0)); // detached
    bed.set("/local/domain/5/device/vscsi/0/state", "4");
    bed.set("/local/domain/5/device/vscsi/0/ring-ref", "8");
    bed.end(4);
    bed.look();
    CHECK(bed.get("/local/domain/5/device/vscsi/0/backend-id") == "4");

    SECTION("under its name") {
        bed.start(9, "storage");
        bed.look();
        CHECK(bed.get(bed.back(9, 5) + "/0/vscsi-devs/dev-0/p-dev") == "ram:2M");
        CHECK(bed.get(bed.back(9, 5) + "/0/vscsi-devs/dev-0/name") == "b");
        CHECK_FALSE(bed.has(bed.back(9, 5) + "/0/vscsi-devs/dev-1"));
        CHECK(bed.get("/local/domain/5/device/vscsi/0/backend") == bed.back(9, 5) + "/0");
        CHECK(bed.get("/local/domain/5/device/vscsi/0/backend-id") == "9");
        CHECK(bed.get("/local/domain/5/device/vscsi/0/state") == "1");
        CHECK_FALSE(bed.has("/local/domain/5/device/vscsi/0/ring-ref"));
        CHECK(bed.get("/local/domain/5/pvscsi/0/backend-id") == "9");
    }
    SECTION("not another one") {
        bed.start(9, "other");
        bed.look();
        CHECK_FALSE(bed.has(bed.back(9, 5)));
        CHECK(bed.get("/local/domain/5/device/vscsi/0/state") == "4");
    }
}

TEST_CASE("a driver domain that was named by its number is not waited for") {
    Bed bed("'ram:1M,0:0:0:0,4'");
    bed.start(4, "storage");
    bed.start(5, "demo");
    bed.look();
    CHECK(bed.pdev(4, 5, "0") == "ram:1M");
    bed.end(4);
    bed.start(9, "storage");
    bed.look();
    CHECK_FALSE(bed.has(bed.back(9, 5)));
}
