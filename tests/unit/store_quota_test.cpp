// What an unprivileged domain may use of the embedded host's store, and what is left of a domain
// that dies.
#include "tests/unit/store_clients.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi::test;
using pvscsi::DomId;
using pvscsi::hv::host::StoreQuota;

TEST_CASE("a guest owns so many nodes and no more, dom0 as many as it likes") {
    Store s({.nodes = 10});
    for (int i = 0; i < 8; ++i) // its home and "d" are two
        REQUIRE(s.a.write("d/" + std::to_string(i), ""));
    CHECK(failure(s.a.write("d/8", "")) == ENOSPC);
    CHECK(failure(s.a.mkdir("x/y")) == ENOSPC);
    CHECK(failure(s.a.read("x")) == ENOENT); // not half of it either
    CHECK(s.a.write("d/7", "again"));
    REQUIRE(s.a.remove("d/7"));
    CHECK(s.a.write("d/9", ""));
    REQUIRE(s.toolstack.set_permissions("/local/domain/1/d/9", {none(bob)}));
    CHECK(s.a.write("d/10", "")); // not its own any more
    for (int i = 0; i < 50; ++i)
        REQUIRE(s.toolstack.write("/n/" + std::to_string(i), ""));
    CHECK(s.b.write("x", ""));
}

TEST_CASE("the number of nodes holds for transactions, alone and together") {
    Store s({.nodes = 4});
    const auto one = s.a.begin().value();
    const auto two = s.a.begin().value();
    REQUIRE(s.a.write("one/a", "", one));
    REQUIRE(s.a.write("/local/domain/1/one/b", "", one));
    CHECK(failure(s.a.write("one/c", "", one)) == ENOSPC);
    CHECK(failure(s.a.commit(one)) == ENOMEM); // it is not what was meant to be

    REQUIRE(s.a.write("two", "", two));
    REQUIRE(s.a.abort(two));
    // Two that fit alone and do not touch the same nodes.
    REQUIRE(s.toolstack.mkdir("/p"));
    REQUIRE(s.toolstack.mkdir("/q"));
    for (const auto* path : {"/p", "/q"})
        REQUIRE(s.toolstack.set_permissions(path, {none(dom0), open_to(alice)}));
    const auto p = s.a.begin().value();
    const auto q = s.a.begin().value();
    REQUIRE(s.a.write("/p/x/y", "", p));
    REQUIRE(s.a.write("/q/x/y", "", q));
    CHECK(s.a.commit(p));
    CHECK(failure(s.a.commit(q)) == ENOSPC);
    CHECK(failure(s.a.read("/q/x")) == ENOENT);
}

TEST_CASE("a guest's node has a size, its list of children too") {
    Store s;
    CHECK(failure(s.a.write("n", std::string(2048, 'x'))) == ENOSPC);
    CHECK(failure(s.a.read("n")) == ENOENT);
    const std::size_t most = 2047 - 24 - 8; // without the header and one permission
    REQUIRE(s.a.write("n", std::string(most, 'x')));
    CHECK(failure(s.a.write("n", std::string(most + 1, 'y'))) == ENOSPC);
    CHECK(s.a.read("n").value() == std::string(most, 'x'));
    CHECK(s.toolstack.write("/local/domain/1/n", std::string(4000, 'x')));

    const std::string name(200, 'c');
    int made = 0;
    while (s.a.write("dir/" + name + std::to_string(made), ""))
        ++made;
    CHECK(made == 9);
    CHECK(failure(s.a.write("dir/" + name + "z", "")) == ENOSPC);
    CHECK(s.a.list("dir").value().names.size() == 9);
}

TEST_CASE("a guest has so many watches over all its connections") {
    Store s({.watches = 3});
    Client again(s.tree, alice);
    REQUIRE(s.a.watch("1", "t"));
    REQUIRE(s.a.watch("2", "t"));
    REQUIRE(again.watch("3", "t"));
    CHECK(failure(again.watch("4", "t")) == E2BIG);
    CHECK(failure(s.a.watch("4", "t")) == E2BIG);
    CHECK(s.b.watch("4", "t"));
    REQUIRE(s.a.unwatch("1", "t"));
    CHECK(again.watch("4", "t"));
    for (int i = 0; i < 20; ++i)
        REQUIRE(s.toolstack.watch("/x", std::to_string(i)));
}

TEST_CASE("a guest has so many transactions, and each so many nodes") {
    Store s({.transactions = 2, .nodes_per_transaction = 5});
    const auto txn = s.a.begin().value();
    REQUIRE(s.a.begin());
    CHECK(failure(s.a.begin()) == ENOSPC);
    CHECK(s.b.begin());
    for (int i = 0; i < 20; ++i)
        REQUIRE(s.toolstack.begin());

    REQUIRE(s.a.write("a", "", txn)); // with its home: two
    for (int i = 0; i < 3; ++i)
        CHECK(failure(s.a.read(std::to_string(i), txn)) == ENOENT);
    CHECK(failure(s.a.read("4", txn)) == ENOSPC);
    CHECK(s.a.read("a", txn)); // touched before
    CHECK(failure(s.a.commit(txn)) == ENOMEM);
}

TEST_CASE("a guest gives permissions to so many") {
    Store s;
    REQUIRE(s.a.write("n", ""));
    CHECK(s.a.set_permissions("n", StorePermissions(5, none(alice))));
    CHECK(failure(s.a.set_permissions("n", StorePermissions(6, none(alice)))) == ENOSPC);
    CHECK(s.toolstack.set_permissions("/local/domain/1/n", StorePermissions(6, none(alice))));
}

TEST_CASE("a dead domain's nodes go with all below them, wherever they are") {
    Store s;
    REQUIRE(s.toolstack.mkdir("/shared"));
    REQUIRE(s.toolstack.set_permissions("/shared", {open_to(dom0)}));
    REQUIRE(s.a.write("/shared/hers", "1"));
    REQUIRE(s.toolstack.write("/shared/hers/his", "1"));
    REQUIRE(s.toolstack.set_permissions("/shared/hers/his", {none(bob)}));
    REQUIRE(s.b.write("/shared/bobs", "1"));
    REQUIRE(s.toolstack.watch("/shared", "t"));
    s.toolstack.take();
    s.tree.release_domain(alice);
    CHECK(s.toolstack.list("/shared").value().names == std::vector<std::string>{"bobs"});
    CHECK(failure(s.toolstack.read("/local/domain/1")) == ENOENT);
    CHECK(s.toolstack.take() == Events{"/shared/hers|t"});
    CHECK_FALSE(s.tree.is_introduced(alice));
}

TEST_CASE("the next domain of a number finds nothing of the one before") {
    Store s;
    REQUIRE(s.toolstack.write("/n", "secret"));
    REQUIRE(s.toolstack.set_permissions("/n", {none(dom0), readable(alice), readable(bob)}));
    REQUIRE(s.toolstack.set_permissions("/", {none(alice), readable(alice)}));
    REQUIRE(s.toolstack.set_permissions("@introduceDomain", {none(dom0), readable(alice)}));
    s.tree.release_domain(alice);
    CHECK(s.toolstack.permissions("/n").value() == StorePermissions{none(dom0), readable(bob)});
    CHECK(s.toolstack.permissions("/").value() == StorePermissions{none(dom0)});
    s.tree.introduce_domain(alice);
    Client again(s.tree, alice);
    CHECK(failure(again.read("/n")) == EACCES);
    REQUIRE(again.watch("@introduceDomain", "t"));
    again.take();
    s.tree.introduce_domain(DomId{9});
    CHECK(again.take() == Events{});
}

TEST_CASE("dom0 cannot be released") {
    Store s;
    s.tree.release_domain(dom0);
    CHECK(s.tree.is_introduced(dom0));
    CHECK(s.toolstack.write("/n", ""));
}
