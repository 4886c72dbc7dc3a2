// The engine of the embedded host's store: who may do what, what fails and what it leaves behind.
#include "tests/unit/store_clients.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi::test;

TEST_CASE("a write makes missing parents, with empty values") {
    Store s;
    REQUIRE(s.toolstack.write("/a/b/c", "x"));
    CHECK(s.toolstack.read("/a/b/c").value() == "x");
    CHECK(s.toolstack.read("/a/b").value().empty());
    CHECK(s.toolstack.list("/a").value().names == std::vector<std::string>{"b"});
    CHECK(failure(s.toolstack.read("/a/c")) == ENOENT);
    CHECK(failure(s.toolstack.list("/a/c")) == ENOENT);
    CHECK(failure(s.toolstack.permissions("/a/c")) == ENOENT);
}

TEST_CASE("mkdir leaves a node that is there alone") {
    Store s;
    REQUIRE(s.toolstack.write("/a", "x"));
    REQUIRE(s.toolstack.mkdir("/a"));
    CHECK(s.toolstack.read("/a").value() == "x");
    REQUIRE(s.toolstack.mkdir("/b"));
    CHECK(s.toolstack.read("/b").value().empty());
}

TEST_CASE("remove takes everything below, and minds only a missing parent") {
    Store s;
    REQUIRE(s.toolstack.write("/a/b/c", "x"));
    REQUIRE(s.toolstack.remove("/a"));
    CHECK(failure(s.toolstack.read("/a/b/c")) == ENOENT);
    CHECK(s.toolstack.remove("/a"));
    CHECK(failure(s.toolstack.remove("/a/b")) == ENOENT);
    CHECK(failure(s.toolstack.remove("/")) == EINVAL);
}

TEST_CASE("paths that are none are refused") {
    Store s;
    for (const std::string path :
         {"", "//", "/a//b", "/a/", "/a b", "/a.b", "/a\n", "/\xc3\xa4", "a//b", "a/"}) {
        INFO(path);
        CHECK(failure(s.toolstack.write(path, "")) == EINVAL);
        CHECK(failure(s.toolstack.read(path)) == EINVAL);
        CHECK(failure(s.toolstack.watch(path, "t")) == EINVAL);
    }
    CHECK(failure(s.toolstack.write("/a" + std::string(3071, 'x'), "")) == EINVAL);
    CHECK(s.toolstack.write("/" + std::string(3071, 'x'), ""));
    CHECK(failure(s.toolstack.write(std::string(2049, 'x'), "")) == EINVAL);
    CHECK(s.toolstack.write(std::string(2048, 'x'), ""));
    CHECK(failure(s.toolstack.write("@releaseDomain", "")) == EINVAL);
    CHECK(s.toolstack.write("/a-Z_9@/b", ""));
}

TEST_CASE("a relative path is below the domain's home") {
    Store s;
    REQUIRE(s.a.write("data/x", "1"));
    CHECK(s.toolstack.read("/local/domain/1/data/x").value() == "1");
    CHECK(s.a.read("data/x").value() == "1");
    CHECK(failure(s.b.read("data/x")) == ENOENT);
    REQUIRE(s.toolstack.write("here", "0"));
    CHECK(s.toolstack.read("/local/domain/0/here").value() == "0");
}

TEST_CASE("new nodes inherit permissions, and a guest owns what it makes") {
    Store s;
    REQUIRE(s.toolstack.mkdir("/shared"));
    REQUIRE(s.toolstack.set_permissions("/shared", {none(dom0), open_to(alice), readable(bob)}));
    REQUIRE(s.toolstack.write("/shared/by0", ""));
    CHECK(s.toolstack.permissions("/shared/by0").value() ==
          StorePermissions{none(dom0), open_to(alice), readable(bob)});
    REQUIRE(s.a.write("/shared/x/y", ""));
    for (const auto* path : {"/shared/x", "/shared/x/y"})
        CHECK(s.toolstack.permissions(path).value() ==
              StorePermissions{none(alice), open_to(alice), readable(bob)});
}

TEST_CASE("the first entry is for all others, a later one for its domain alone") {
    Store s;
    REQUIRE(s.toolstack.write("/n", "v"));
    const auto set = [&](StorePermissions p) { REQUIRE(s.toolstack.set_permissions("/n", p)); };

    set({none(dom0)});
    CHECK(failure(s.a.read("/n")) == EACCES);
    CHECK(failure(s.a.write("/n", "")) == EACCES);
    set({readable(dom0)});
    CHECK(s.a.read("/n").value() == "v");
    CHECK(failure(s.a.write("/n", "")) == EACCES);
    set({writable(dom0)});
    CHECK(failure(s.a.read("/n")) == EACCES);
    CHECK(s.a.write("/n", "v"));
    set({readable(dom0), none(alice)}); // the entry counts even if it gives less
    CHECK(failure(s.a.read("/n")) == EACCES);
    CHECK(s.b.read("/n").value() == "v");
    set({none(alice)});
    CHECK(s.a.write("/n", "v"));
    CHECK(s.a.set_permissions("/n", {none(alice), readable(bob)}));
    CHECK(s.b.read("/n").value() == "v");
}

TEST_CASE("whether a node exists is told only to who may see its parent") {
    Store s;
    REQUIRE(s.toolstack.write("/hidden/there", ""));
    CHECK(failure(s.a.read("/hidden/there")) == EACCES);
    CHECK(failure(s.a.read("/hidden/not-there")) == EACCES);
    CHECK(failure(s.a.remove("/hidden/not-there")) == EACCES);
    CHECK(failure(s.a.mkdir("/hidden/not-there")) == EACCES);
    REQUIRE(s.toolstack.set_permissions("/hidden", {readable(dom0)}));
    CHECK(failure(s.a.read("/hidden/not-there")) == ENOENT);
    CHECK(failure(s.a.write("/hidden/not-there", "")) == EACCES);
}

TEST_CASE("permissions are the owner's to change, ownership is dom0's") {
    Store s;
    REQUIRE(s.toolstack.write("/n", ""));
    REQUIRE(s.toolstack.set_permissions("/n", {none(dom0), open_to(alice)}));
    CHECK(failure(s.a.set_permissions("/n", {open_to(alice)})) == EACCES);
    REQUIRE(s.a.write("mine", ""));
    CHECK(failure(s.a.set_permissions("mine", {none(bob)})) == EPERM);
    CHECK(failure(s.a.set_permissions("mine", {})) == EINVAL);
    CHECK(failure(s.a.set_permissions("none", {none(alice)})) == ENOENT);
    CHECK(s.toolstack.set_permissions("/local/domain/1/mine", {none(bob)}));
    CHECK(failure(s.a.read("mine")) == EACCES);
}

TEST_CASE("an unknown domain cannot own a node, and gets no rights in advance") {
    Store s;
    REQUIRE(s.a.write("n", ""));
    CHECK(failure(s.toolstack.set_permissions("/local/domain/1/n", {none(nobody)})) == ENOENT);
    REQUIRE(s.a.set_permissions("n", {none(alice), readable(nobody), readable(bob)}));
    CHECK(s.a.permissions("n").value() == StorePermissions{none(alice), readable(bob)});
    s.tree.add_domain(nobody);
    REQUIRE(s.a.set_permissions("n", {none(alice), readable(nobody)}));
    CHECK(s.a.permissions("n").value() == StorePermissions{none(alice), readable(nobody)});
}
