// The embedded host's store as its clients see it: libxenstore over the Unix sockets.
#include "tests/support/store_host.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using pvscsi::test::StoreHost;
using pvscsi::test::wait_event;

namespace {
constexpr DomId guest{7};

std::error_code code(std::errc error) {
    return std::make_error_code(error);
}
} // namespace

TEST_CASE("values, lists and permissions come back as they were written") {
    const StoreHost host;
    auto store = host.connect();
    const std::string binary("a\0b\xff", 4);
    REQUIRE(store.write("/test/value", binary));
    CHECK(store.read("/test/value").value() == binary);
    REQUIRE(store.mkdir("/test/dir"));
    CHECK(store.list("/test").value() == std::vector<std::string>{"dir", "value"});
    CHECK(store.read("/test/none").error() == code(std::errc::no_such_file_or_directory));
    CHECK(store.write(std::string("/test/a\0b", 9), "").error() ==
          code(std::errc::invalid_argument));
    REQUIRE(store.remove("/test"));
    CHECK(store.read("/test/value").error() == code(std::errc::no_such_file_or_directory));
}

TEST_CASE("a directory longer than a message is listed whole") {
    const StoreHost host;
    auto store = host.connect();
    std::vector<std::string> names;
    for (int i = 1000; i < 2000; ++i)
        names.push_back("a-child-with-a-long-name-" + std::to_string(i));
    for (const auto& name : names)
        REQUIRE(store.write("/many/" + name, "x"));
    CHECK(store.list("/many").value() == names);
}

TEST_CASE("a guest speaks as the domain of its socket") {
    StoreHost host;
    host.add_guest(guest);
    auto dom0 = host.connect();
    auto store = host.connect(guest);
    REQUIRE(store.write("device/state", "1"));
    CHECK(dom0.read("/local/domain/7/device/state").value() == "1");
    CHECK(store.read("/local/domain/7/device/state").value() == "1");
    CHECK(dom0.permissions("/local/domain/7/device/state").value() ==
          std::vector<hv::StorePermission>{{guest, false, false}});
    CHECK(store.write("/local/domain/0/x", "1").error() == code(std::errc::permission_denied));
    CHECK(dom0.domain_exists(guest));
    CHECK_FALSE(dom0.domain_exists(DomId{8}));
    CHECK(store.domain_exists(DomId{8})); // it is not told
}

TEST_CASE("watches fire once at registration and then for each change") {
    StoreHost host;
    host.add_guest(guest);
    auto dom0 = host.connect();
    auto store = host.connect(guest);
    REQUIRE(store.watch("device", "token"));
    CHECK(wait_event(store).path == "device");
    REQUIRE(dom0.write("/local/domain/7/device/a", "1"));
    const auto event = wait_event(store);
    CHECK(event.path == "device/a");
    CHECK(event.token == "token");
    for (int i = 0; i < 3; ++i) { // it was read, so the same one comes again
        REQUIRE(dom0.write("/local/domain/7/device/a", "2"));
        CHECK(wait_event(store).path == "device/a");
    }
    REQUIRE(store.unwatch("device", "token"));
    CHECK(store.unwatch("device", "token").error() == code(std::errc::no_such_file_or_directory));
}

TEST_CASE("a released domain loses its connections, and dom0 is told") {
    StoreHost host;
    host.add_guest(guest);
    auto dom0 = host.connect();
    auto store = host.connect(guest);
    REQUIRE(store.write("x", "1"));
    REQUIRE(dom0.watch("@releaseDomain", "gone"));
    CHECK(wait_event(dom0).path == "@releaseDomain");
    host.release(guest);
    CHECK(wait_event(dom0).path == "@releaseDomain");
    CHECK_FALSE(dom0.domain_exists(guest));
    CHECK(store.read("x").error() == code(std::errc::io_error));
    CHECK(store.read("x").error() == code(std::errc::io_error));
}

TEST_CASE("a store that dies is EIO for those connected") {
    StoreHost host;
    auto plain = host.connect();
    auto watching = host.connect();
    REQUIRE(watching.watch("/x", "t"));
    host.stop();
    for (int i = 0; i < 3; ++i) {
        CHECK(plain.read("/").error() == code(std::errc::io_error));
        CHECK(watching.read("/").error() == code(std::errc::io_error));
    }
    CHECK_THROWS_AS(host.connect(), std::system_error);
}
