// The rules D1 to D7 of common/hypervisor/contract.md, on the embedded host.
#include "tests/support/child.hpp"
#include "tests/support/embedded_host.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <poll.h>
#include <string>

using namespace pvscsi;
using namespace pvscsi::hv;
using test::Child;
using test::EmbeddedHost;
using test::Talk;

namespace {

std::string node(DomId domain, const std::string& name) {
    return "/local/domain/" + std::to_string(domain.value()) + name;
}

} // namespace

TEST_CASE("D1 a domain is found until it is destroyed") {
    EmbeddedHost host;
    const auto domains = host.domains();
    const DomainInfo demo = domains->create("demo", "", "");
    CHECK(demo.name == "demo");
    CHECK(demo.id != DomId{0});
    REQUIRE(domains->find("demo"));
    CHECK(domains->find("demo")->id == demo.id);
    REQUIRE(domains->find(std::to_string(demo.id.value())));
    CHECK(domains->find(std::to_string(demo.id.value()))->name == "demo");
    CHECK_FALSE(domains->find("dem"));
    CHECK_FALSE(domains->find("4711"));
    CHECK_FALSE(domains->find("99999999999"));
    CHECK_FALSE(domains->find(""));
    const auto list = domains->list();
    REQUIRE(list.size() == 2);
    CHECK(list[0].name == "Domain-0");
    CHECK(list[1].id == demo.id);
    domains->unpause(demo.id);
    domains->destroy(demo.id);
    CHECK_FALSE(domains->find("demo"));
    CHECK(domains->list().size() == 1);
    CHECK_THROWS_AS(domains->destroy(demo.id), std::system_error);
    CHECK_THROWS_AS(domains->unpause(demo.id), std::system_error);
    CHECK_THROWS_AS(domains->destroy(DomId{0}), std::system_error);
    CHECK_THROWS_AS(host.open(demo.id), std::system_error);
}

TEST_CASE("D2 domain names are unique and plain") {
    EmbeddedHost host;
    const auto domains = host.domains();
    (void)domains->create("web-1.example_a+b", "", "");
    CHECK_THROWS_WITH(domains->create("web-1.example_a+b", "", ""), Catch::Contains("taken"));
    CHECK_THROWS_WITH(domains->create("Domain-0", "", ""), Catch::Contains("taken"));
    for (const std::string& name : {std::string(), std::string("17"), std::string("a/b"),
                                    std::string("a b"), std::string("a\nb"), std::string(129, 'x'),
                                    std::string("\xc3\xa4"), std::string("a\0b", 3)})
        CHECK_THROWS_WITH(domains->create(name, "", ""), Catch::Contains("a name has"));
    CHECK_NOTHROW(domains->create(std::string(128, 'x'), "", ""));
}

TEST_CASE("D3 ids are not used again at once") {
    EmbeddedHost host;
    const auto domains = host.domains();
    DomId last{0};
    for (int i = 0; i < 20; ++i) {
        const DomainInfo domain = domains->create("again", "", "");
        CHECK(domain.id > last);
        last = domain.id;
        domains->destroy(domain.id);
    }
}

TEST_CASE("D4 a domain outlives its programs") {
    EmbeddedHost host;
    const auto domains = host.domains();
    const DomId guest = domains->create("guest", "", "").id;
    const auto program = [&](Talk& talk) {
        const auto hypervisor = host.open(guest);
        const bool wrote = hypervisor->open_store()->write("data/left", "behind").has_value();
        talk.say(wrote && hypervisor->self() == guest);
        talk.hear();
    };
    for (int i = 0; i < 3; ++i) {
        Child first(program);
        Child second(program);
        CHECK(first.hear() == 1);
        CHECK(second.hear() == 1);
    }
    CHECK(domains->find("guest"));
    CHECK(host.open()->open_store()->read(node(guest, "/data/left")).value() == "behind");
}

TEST_CASE("D5 a domain's nodes come and go with it") {
    EmbeddedHost host;
    const auto domains = host.domains();
    const auto store = host.open()->open_store();
    REQUIRE(store->watch("@releaseDomain", "gone"));
    const DomId guest = domains->create("guest", "", "").id;
    CHECK(store->domain_exists(guest));
    CHECK(store->read(node(guest, "/name")).value() == "guest");
    CHECK(store->read(node(guest, "/domid")).value() == std::to_string(guest.value()));
    const std::string vm = store->read(node(guest, "/vm")).value();
    CHECK(vm.starts_with("/vm/"));
    CHECK(vm.size() == 4 + 36);
    CHECK(store->read(vm + "/name").value() == "guest");
    CHECK(store->read(vm + "/uuid").value() == vm.substr(4));
    const StorePermission dom0{DomId{0}};
    const StorePermission readable{guest, true, false};
    const StorePermission owner{guest};
    CHECK(store->permissions(node(guest, "")).value() == std::vector{dom0, readable});
    CHECK(store->permissions(node(guest, "/device")).value() == std::vector{dom0, readable});
    CHECK(store->permissions(node(guest, "/data")).value() == std::vector{owner});
    CHECK(store->permissions(node(guest, "/control/shutdown")).value() == std::vector{owner});
    {
        const auto own = host.open(guest)->open_store();
        CHECK(own->read("name").value() == "guest");
        CHECK(own->write("name", "other").error() == std::errc::permission_denied);
        CHECK(own->mkdir("device/vscsi").error() == std::errc::permission_denied);
        CHECK(own->write("data/x", "1"));
    }
    while (store->next_event()) // the event of registration
        continue;
    domains->destroy(guest);
    pollfd entry{store->fd(), POLLIN, 0};
    REQUIRE(::poll(&entry, 1, 10000) == 1);
    const auto event = store->next_event();
    REQUIRE(event);
    CHECK(event->token == "gone");
    CHECK_FALSE(store->domain_exists(guest));
    CHECK(store->read(node(guest, "")).error() == std::errc::no_such_file_or_directory);
    CHECK(store->read(vm).error() == std::errc::no_such_file_or_directory);
}

TEST_CASE("D5 a domain has the UUID it is given, or a random one") {
    EmbeddedHost host;
    const auto domains = host.domains();
    const auto store = host.open()->open_store();
    const auto vm_of = [&](DomId guest) { return store->read(node(guest, "/vm")).value(); };
    const std::string uuid = "4A2b91d4-9bf9-4a26-8d3c-0f9c0bb1f8aE";
    const std::string path = "/vm/4a2b91d4-9bf9-4a26-8d3c-0f9c0bb1f8ae";
    const DomId first = domains->create("first", "", uuid).id;
    CHECK(vm_of(first) == path);
    CHECK(store->read(path + "/uuid").value() == path.substr(4));
    CHECK(store->read(path + "/name").value() == "first");
    CHECK_THROWS_WITH(domains->create("second", "", path.substr(4)),
                      Catch::Contains("another domain has the UUID"));
    domains->destroy(first);
    CHECK_FALSE(store->read(path));
    CHECK(vm_of(domains->create("second", "", uuid).id) == path);
    CHECK(vm_of(domains->create("third", "", "").id) != vm_of(domains->create("4th", "", "").id));
    for (const std::string wrong :
         {"x", "4a2b91d4-9bf9-4a26-8d3c-0f9c0bb1f8a", "4a2b91d4-9bf9-4a26-8d3c-0f9c0bb1f8aee",
          "4a2b91d4-9bf9-4a26-8d3c-0f9c0bb1f8ag", "4a2b91d4/9bf9-4a26-8d3c-0f9c0bb1f8ae"})
        CHECK_THROWS_WITH(domains->create("fifth", "", wrong),
                          Catch::Contains("a UUID has 8-4-4-4-12"));
    CHECK_FALSE(domains->find("fifth"));
}

TEST_CASE("D6 destroying a domain ends its programs' connections") {
    EmbeddedHost host;
    const auto domains = host.domains();
    const DomId guest = domains->create("guest", "", "").id;
    const auto inside = host.open(guest);
    const auto store = inside->open_store();
    const auto sharer = inside->open_grant_sharer();
    const auto shared = sharer->share(DomId{0}, 1, Access::read_write);
    const auto channel = inside->alloc_unbound(DomId{0});
    REQUIRE(shared);
    REQUIRE(channel);
    domains->destroy(guest);
    CHECK_FALSE(inside->alloc_unbound(DomId{0}));
    CHECK(sharer->share(DomId{0}, 1, Access::read_write).error() == GrantStatus::unavailable);
    CHECK_FALSE(store->read("name"));
    (*channel)->notify();
    CHECK_FALSE(host.open()->bind_interdomain(guest, (*channel)->port()));
    // An id that comes later is another domain.
    const DomId next = domains->create("guest", "", "").id;
    CHECK(next != guest);
}

TEST_CASE("D7 only dom0 rules over domains") {
    EmbeddedHost host;
    const DomId guest = host.domains()->create("guest", "", "").id;
    const auto as_guest = [&] {
        // A guest's own socket in the place of dom0's.
        return open_domains({host.dir() + "/dom/" + std::to_string(guest.value()), DomId{0}});
    }();
    const auto not_allowed = [](auto&& call) {
        try {
            call();
        } catch (const std::system_error& e) {
            return e.code() == std::errc::operation_not_permitted;
        }
        return false;
    };
    CHECK(not_allowed([&] { (void)as_guest->create("other", "", ""); }));
    CHECK(not_allowed([&] { as_guest->destroy(guest); }));
    CHECK(not_allowed([&] { (void)as_guest->list(); }));
    CHECK(not_allowed([&] { (void)as_guest->find("guest"); }));
    CHECK(host.domains()->list().size() == 2);
}
