// Watches of the embedded host's store: what fires, for whom, with which path.
#include "tests/unit/store_clients.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi::test;
using pvscsi::DomId;

TEST_CASE("a watch fires at registration, then for changes at or below its path") {
    Store s;
    REQUIRE(s.toolstack.watch("/a/b", "t"));
    CHECK(s.toolstack.take() == Events{"/a/b|t"});
    REQUIRE(s.toolstack.write("/a/b/c", "1")); // not for the parents it makes
    CHECK(s.toolstack.take() == Events{"/a/b/c|t"});
    REQUIRE(s.toolstack.write("/a/b", "1"));
    CHECK(s.toolstack.take() == Events{"/a/b|t"});
    REQUIRE(s.toolstack.mkdir("/a/b/d"));
    CHECK(s.toolstack.take() == Events{"/a/b/d|t"});
    REQUIRE(s.toolstack.mkdir("/a/b/d"));
    REQUIRE(s.toolstack.write("/a/bc", "1"));
    REQUIRE(s.toolstack.write("/a", "1"));
    CHECK(s.toolstack.take() == Events{});
    REQUIRE(s.toolstack.set_permissions("/a/b/d", {readable(dom0)}));
    CHECK(s.toolstack.take() == Events{"/a/b/d|t"});
    REQUIRE(s.toolstack.unwatch("/a/b", "t"));
    REQUIRE(s.toolstack.write("/a/b", "2"));
    CHECK(s.toolstack.take() == Events{});
}

TEST_CASE("when a parent goes, a watch is told of its own node and of none that was not there") {
    Store s;
    REQUIRE(s.toolstack.write("/a/b/c", "1"));
    REQUIRE(s.toolstack.watch("/a", "top"));
    REQUIRE(s.toolstack.watch("/a/b", "middle"));
    REQUIRE(s.toolstack.watch("/a/b/c", "leaf"));
    REQUIRE(s.toolstack.watch("/a/b/x", "other"));
    s.toolstack.take();
    REQUIRE(s.toolstack.remove("/a"));
    CHECK(s.toolstack.take() == Events{"/a/b/c|leaf", "/a/b|middle", "/a|top"});
    REQUIRE(s.toolstack.remove("/a"));
    CHECK(s.toolstack.take() == Events{});
}

TEST_CASE("a relative watch gives relative events") {
    Store s;
    REQUIRE(s.a.watch("device", "t"));
    CHECK(s.a.take() == Events{"device|t"});
    REQUIRE(s.toolstack.write("/local/domain/1/device/x", "1"));
    CHECK(s.a.take() == Events{"device/x|t"});
    REQUIRE(s.a.watch("/local/domain/1/device", "absolute"));
    CHECK(s.a.take() == Events{"/local/domain/1/device|absolute"});
    REQUIRE(s.a.unwatch("/local/domain/1/device", "t")); // one node, however it is called
    REQUIRE(s.toolstack.write("/local/domain/1/device/x", "2"));
    CHECK(s.a.take() == Events{"/local/domain/1/device/x|absolute"});
}

TEST_CASE("the same watch twice and one that is not there are errors") {
    Store s;
    REQUIRE(s.a.watch("/x", "t"));
    CHECK(failure(s.a.watch("/x", "t")) == EEXIST);
    CHECK(s.a.watch("/x", "u"));
    CHECK(s.b.watch("/x", "t"));
    CHECK(failure(s.a.unwatch("/x", "v")) == ENOENT);
    CHECK(failure(s.a.unwatch("/y", "t")) == ENOENT);
}

TEST_CASE("an event is for who may read the node or its parent, before or after") {
    Store s;
    REQUIRE(s.toolstack.write("/n/secret", "1"));
    REQUIRE(s.a.watch("/n", "t"));
    s.a.take();
    REQUIRE(s.toolstack.write("/n/secret", "2"));
    CHECK(s.a.take() == Events{});

    REQUIRE(s.toolstack.set_permissions("/n/secret", {none(dom0), readable(alice)}));
    CHECK(s.a.take() == Events{"/n/secret|t"});
    REQUIRE(s.toolstack.write("/n/secret", "3"));
    CHECK(s.a.take() == Events{"/n/secret|t"});
    REQUIRE(s.toolstack.set_permissions("/n/secret", {none(dom0)})); // told of the loss
    CHECK(s.a.take() == Events{"/n/secret|t"});
    REQUIRE(s.toolstack.remove("/n/secret"));
    CHECK(s.a.take() == Events{});

    REQUIRE(s.toolstack.set_permissions("/n", {readable(dom0)}));
    CHECK(s.a.take() == Events{"/n|t"});
    REQUIRE(s.toolstack.write("/n/new", ""));
    REQUIRE(s.toolstack.set_permissions("/n/new", {none(dom0)}));
    CHECK(s.a.take() == Events{"/n/new|t", "/n/new|t"});
    REQUIRE(s.toolstack.remove("/n/new"));
    CHECK(s.a.take() == Events{"/n/new|t"});
}

TEST_CASE("domains coming and going are dom0's to see, or whom it lets") {
    Store s;
    for (Client* client : {&s.toolstack, &s.a}) {
        REQUIRE(client->watch("@introduceDomain", "in"));
        REQUIRE(client->watch("@releaseDomain", "out"));
        CHECK(client->take() == Events{"@introduceDomain|in", "@releaseDomain|out"});
    }
    s.tree.introduce_domain(DomId{5});
    s.tree.introduce_domain(DomId{5});
    CHECK(s.toolstack.take() == Events{"@introduceDomain|in"});
    s.tree.release_domain(DomId{5});
    s.tree.release_domain(DomId{5});
    CHECK(s.toolstack.take() == Events{"@releaseDomain|out"});
    CHECK(s.a.take() == Events{});

    CHECK(failure(s.a.set_permissions("@releaseDomain", {readable(alice)})) == EACCES);
    CHECK(failure(s.toolstack.set_permissions("@other", {readable(alice)})) == EINVAL);
    CHECK(failure(s.toolstack.set_permissions("@releaseDomain", {none(nobody)})) == ENOENT);
    REQUIRE(s.toolstack.set_permissions("@releaseDomain", {none(dom0), readable(alice)}));
    s.tree.add_domain(DomId{6}); // never introduced: nothing to tell
    s.tree.release_domain(DomId{6});
    CHECK(s.a.take() == Events{});
    s.tree.introduce_domain(DomId{6});
    s.tree.release_domain(DomId{6});
    CHECK(s.a.take() == Events{"@releaseDomain|out"});
}

TEST_CASE("reset ends watches and transactions") {
    Store s;
    REQUIRE(s.a.watch("x", "t"));
    const auto txn = s.a.begin().value();
    s.a.take();
    s.a.reset();
    REQUIRE(s.a.write("x", "1"));
    CHECK(s.a.take() == Events{});
    CHECK(failure(s.a.read("x", txn)) == ENOENT);
    CHECK(failure(s.a.commit(txn)) == ENOENT);
}
