// Transactions of the embedded host's store: isolation, conflicts, what is told of them.
#include "tests/unit/store_clients.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi::test;

TEST_CASE("a transaction sees the store as it was, and nobody sees it until it ends") {
    Store s;
    REQUIRE(s.toolstack.write("/x", "old"));
    const auto txn = s.toolstack.begin().value();
    REQUIRE(s.toolstack.write("/y", "other")); // outside
    REQUIRE(s.toolstack.write("/mine", "new", txn));
    CHECK(failure(s.toolstack.read("/mine")) == ENOENT);
    CHECK(s.toolstack.read("/mine", txn).value() == "new");
    CHECK(s.toolstack.read("/x", txn).value() == "old");
    SECTION("aborted, it leaves nothing") {
        REQUIRE(s.toolstack.abort(txn));
        CHECK(failure(s.toolstack.read("/mine")) == ENOENT);
    }
    SECTION("a node it has not read may change meanwhile, to be seen by none of its reads") {
        REQUIRE(s.toolstack.write("/y", "changed"));
        CHECK(failure(s.toolstack.read("/y", txn)) == ENOENT);
        CHECK(failure(s.toolstack.commit(txn)) == EAGAIN); // it has read it now
    }
    CHECK(failure(s.toolstack.commit(txn)) == ENOENT);
    CHECK(failure(s.toolstack.abort(txn)) == ENOENT);
    CHECK(failure(s.toolstack.write("/x", "", txn)) == ENOENT);
    CHECK(failure(s.b.read("/x", txn)) == ENOENT);
}

TEST_CASE("what others change is a conflict only where the transaction was") {
    Store s;
    REQUIRE(s.toolstack.write("/x", "0"));
    REQUIRE(s.toolstack.write("/d/child", "0"));
    REQUIRE(s.toolstack.write("/other", "0"));
    const auto txn = s.toolstack.begin().value();

    const auto commit_after = [&](auto&& other) {
        REQUIRE(other());
        return failure(s.toolstack.commit(txn));
    };
    SECTION("a node that was read") {
        REQUIRE(s.toolstack.read("/x", txn));
        CHECK(commit_after([&] { return s.toolstack.write("/x", "1"); }) == EAGAIN);
    }
    SECTION("even if it has the same value again") {
        REQUIRE(s.toolstack.read("/x", txn));
        CHECK(commit_after([&] { return s.toolstack.write("/x", "0"); }) == EAGAIN);
    }
    SECTION("a node that was found missing") {
        CHECK(failure(s.toolstack.read("/new", txn)) == ENOENT);
        CHECK(commit_after([&] { return s.toolstack.write("/new", "1"); }) == EAGAIN);
    }
    SECTION("a directory that was listed") {
        REQUIRE(s.toolstack.list("/d", txn));
        CHECK(commit_after([&] { return s.toolstack.write("/d/second", "1"); }) == EAGAIN);
    }
    SECTION("a directory that was listed and has lost a child") {
        REQUIRE(s.toolstack.list("/d", txn));
        CHECK(commit_after([&] { return s.toolstack.remove("/d/child"); }) == EAGAIN);
    }
    SECTION("permissions that were read") {
        REQUIRE(s.toolstack.permissions("/x", txn));
        CHECK(commit_after([&] { return s.toolstack.set_permissions("/x", {readable(dom0)}); }) ==
              EAGAIN);
    }
    SECTION("a node below one that was removed") {
        REQUIRE(s.toolstack.remove("/d", txn));
        CHECK(commit_after([&] { return s.toolstack.write("/d/child", "1"); }) == EAGAIN);
    }
    SECTION("a new node below one that was removed") {
        REQUIRE(s.toolstack.remove("/d", txn));
        CHECK(commit_after([&] { return s.toolstack.write("/d/second", "1"); }) == EAGAIN);
    }
    SECTION("a node that was written and is gone") {
        REQUIRE(s.toolstack.write("/x", "1", txn));
        CHECK(commit_after([&] { return s.toolstack.remove("/x"); }) == EAGAIN);
    }
    SECTION("the parent of a new node is gone") {
        REQUIRE(s.toolstack.write("/d/second", "1", txn));
        CHECK(commit_after([&] { return s.toolstack.remove("/d"); }) == EAGAIN);
    }
    SECTION("not a child of a node that was only read") {
        REQUIRE(s.toolstack.read("/d", txn));
        CHECK(commit_after([&] { return s.toolstack.write("/d/child", "1"); }) == 0);
    }
    SECTION("not an unrelated node") {
        REQUIRE(s.toolstack.write("/x", "1", txn));
        CHECK(commit_after([&] { return s.toolstack.write("/other", "1"); }) == 0);
        CHECK(s.toolstack.read("/x").value() == "1");
        CHECK(s.toolstack.read("/other").value() == "1");
    }
}

TEST_CASE("of two transactions that increment, one has to try again") {
    Store s;
    REQUIRE(s.toolstack.write("/n", "0"));
    const auto one = s.toolstack.begin().value();
    const auto two = s.toolstack.begin().value();
    for (const auto txn : {one, two})
        REQUIRE(s.toolstack.write(
            "/n", std::to_string(std::stoi(s.toolstack.read("/n", txn).value()) + 1), txn));
    CHECK(s.toolstack.commit(two));
    CHECK(failure(s.toolstack.commit(one)) == EAGAIN);
    CHECK(s.toolstack.read("/n").value() == "1");
}

TEST_CASE("what is removed and made again in a transaction has only its new children") {
    Store s;
    REQUIRE(s.toolstack.write("/d/old/deep", "1"));
    REQUIRE(s.toolstack.write("/d/kept", "1"));
    REQUIRE(s.toolstack.write("/elsewhere", "1"));
    const auto txn = s.toolstack.begin().value();
    REQUIRE(s.toolstack.remove("/d", txn));
    REQUIRE(s.toolstack.write("/d/kept", "2", txn));
    REQUIRE(s.toolstack.write("/d/new", "2", txn));
    REQUIRE(s.toolstack.write("/d/gone", "2", txn));
    REQUIRE(s.toolstack.remove("/d/gone", txn));
    REQUIRE(s.toolstack.write("/elsewhere", "2")); // to be merged with
    REQUIRE(s.toolstack.commit(txn));
    CHECK(s.toolstack.list("/d").value().names == std::vector<std::string>{"kept", "new"});
    CHECK(s.toolstack.read("/d/kept").value() == "2");
    CHECK(s.toolstack.read("/elsewhere").value() == "2");
}

TEST_CASE("watches hear of a transaction when it is committed, once a node, in order") {
    Store s;
    REQUIRE(s.toolstack.write("/d/a", "0"));
    REQUIRE(s.toolstack.watch("/d", "t"));
    s.toolstack.take();
    const auto txn = s.toolstack.begin().value();
    REQUIRE(s.toolstack.write("/d/b", "1", txn));
    REQUIRE(s.toolstack.write("/d/a", "1", txn));
    REQUIRE(s.toolstack.write("/d/b", "2", txn));
    REQUIRE(s.toolstack.read("/d/a", txn));
    CHECK(s.toolstack.take() == Events{});
    SECTION("committed") {
        REQUIRE(s.toolstack.commit(txn));
        CHECK(s.toolstack.take() == Events{"/d/b|t", "/d/a|t"});
    }
    SECTION("aborted") {
        REQUIRE(s.toolstack.abort(txn));
        CHECK(s.toolstack.take() == Events{});
    }
    SECTION("in conflict") {
        REQUIRE(s.toolstack.write("/d/a", "2"));
        s.toolstack.take();
        CHECK(failure(s.toolstack.commit(txn)) == EAGAIN);
        CHECK(s.toolstack.take() == Events{});
    }
}

TEST_CASE("a domain that has read a node hears of its removal in a transaction") {
    Store s;
    REQUIRE(s.toolstack.write("/d/n", "1"));
    REQUIRE(s.toolstack.set_permissions("/d/n", {none(dom0), readable(alice)}));
    REQUIRE(s.a.watch("/d/n", "t"));
    s.a.take();
    const auto txn = s.toolstack.begin().value();
    REQUIRE(s.toolstack.remove("/d", txn));
    REQUIRE(s.toolstack.commit(txn));
    CHECK(s.a.take() == Events{"/d/n|t"});
}

TEST_CASE("a node that was written and then went with its parent is told of by itself too") {
    Store s;
    REQUIRE(s.toolstack.write("/d/a/b", "0"));
    REQUIRE(s.toolstack.watch("/d", "t"));
    s.toolstack.take();
    const auto txn = s.toolstack.begin().value();
    REQUIRE(s.toolstack.write("/d/a/b", "1", txn));
    REQUIRE(s.toolstack.remove("/d/a", txn));
    REQUIRE(s.toolstack.commit(txn));
    CHECK(s.toolstack.take() == Events{"/d/a/b|t", "/d/a|t"});
}

TEST_CASE("the death of a domain makes open transactions try again") {
    Store s;
    const auto txn = s.toolstack.begin().value();
    REQUIRE(s.toolstack.write("/n", "1", txn));
    REQUIRE(s.toolstack.set_permissions("/n", {none(bob), readable(alice)}, txn));
    s.tree.release_domain(bob);
    CHECK(failure(s.toolstack.commit(txn)) == EAGAIN);
    CHECK(failure(s.toolstack.read("/n")) == ENOENT);
}

TEST_CASE("transaction numbers are those of the client and are given anew") {
    Store s;
    const auto first = s.a.begin().value();
    const auto second = s.a.begin().value();
    CHECK(first != pvscsi::hv::no_transaction);
    CHECK(first != second);
    REQUIRE(s.a.abort(first));
    CHECK(s.a.begin().value() != second);
}
