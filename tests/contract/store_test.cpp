// The rules S1 to S13 of common/hypervisor/contract.md.
#include "tests/contract/bed.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <poll.h>
#include <set>
#include <unistd.h>

using namespace pvscsi;
using namespace pvscsi::hv;
using contract::Bed;

namespace {

template <class T>
int failure(const Result<T>& result) {
    return result ? 0 : result.error().value();
}

WatchEvent wait_event(Store& store) {
    for (;;) {
        if (auto event = store.next_event())
            return std::move(*event);
        pollfd readable{store.fd(), POLLIN, 0};
        if (::poll(&readable, 1, 30'000) != 1)
            throw std::runtime_error("no watch event in 30 seconds");
    }
}

/// A store of dom0's and a place in it of the test's own, which is removed at the end.
struct Place {
    Bed bed;
    std::unique_ptr<Hypervisor> backend = bed.open_backend();
    std::unique_ptr<Store> store = backend->open_store();
    const std::string top = "/pvscsi-contract-" + std::to_string(::getpid());

    Place() { (void)store->remove(top); }
    ~Place() { (void)store->remove(top); }
    [[nodiscard]] std::string at(const std::string& name) const { return top + "/" + name; }
    /// Until the event of `mark`, a node that the caller has under watch and that this writes.
    std::set<std::string> events_until(Store& watcher, const std::string& mark) {
        REQUIRE(store->write(mark, ""));
        std::set<std::string> seen;
        for (auto event = wait_event(watcher); event.path != mark; event = wait_event(watcher))
            seen.insert(event.path);
        return seen;
    }
};

} // namespace

TEST_CASE("S1 a value is bytes and comes back as it was written") {
    Place p;
    const std::string value("a\0\xff\n", 4);
    REQUIRE(p.store->write(p.at("x"), value));
    CHECK(p.store->read(p.at("x")).value() == value);
    REQUIRE(p.store->write(p.at("x"), ""));
    CHECK(p.store->read(p.at("x")).value().empty());
    CHECK(failure(p.store->read(p.at("none"))) == ENOENT);
    CHECK(failure(p.store->write(p.at("x"), std::string(4096, 'x'))) == E2BIG);
}

TEST_CASE("S2 what is no path is EINVAL") {
    Place p;
    for (const std::string& path : {std::string(""), p.top + "//x", p.top + "/", p.at("x y"),
                                    p.at("x.y"), p.at(std::string("a\0b", 3))}) {
        INFO(path);
        CHECK(failure(p.store->write(path, "")) == EINVAL);
        CHECK(failure(p.store->read(path)) == EINVAL);
        CHECK(failure(p.store->mkdir(path)) == EINVAL);
        CHECK(failure(p.store->list(path)) == EINVAL);
    }
}

TEST_CASE("S3 writing makes what is missing above, removing takes what is below") {
    Place p;
    REQUIRE(p.store->write(p.at("a/b/c"), "1"));
    CHECK(p.store->read(p.at("a/b")).value().empty());
    REQUIRE(p.store->mkdir(p.at("a/b/c"))); // it is there: nothing changes
    CHECK(p.store->read(p.at("a/b/c")).value() == "1");
    REQUIRE(p.store->mkdir(p.at("a/d")));
    auto names = p.store->list(p.at("a")).value();
    std::sort(names.begin(), names.end());
    CHECK(names == std::vector<std::string>{"b", "d"});
    REQUIRE(p.store->remove(p.at("a")));
    CHECK(failure(p.store->read(p.at("a/b/c"))) == ENOENT);
    CHECK(p.store->remove(p.at("a")));
    CHECK(failure(p.store->remove(p.at("a/b"))) == ENOENT);
}

TEST_CASE("S4 permissions come back as they were set, and new nodes inherit them") {
    Place p;
    const std::vector<StorePermission> who{{p.bed.guest_id(), false, false},
                                           {p.bed.backend_id(), true, false}};
    REQUIRE(p.store->write(p.at("x"), ""));
    REQUIRE(p.store->set_permissions(p.at("x"), who));
    CHECK(p.store->permissions(p.at("x")).value() == who);
    REQUIRE(p.store->write(p.at("x/y"), ""));
    CHECK(p.store->permissions(p.at("x/y")).value() == who);
    CHECK(failure(p.store->permissions(p.at("none"))) == ENOENT);
    CHECK(failure(p.store->set_permissions(p.at("none"), who)) == ENOENT);
    CHECK(failure(p.store->set_permissions(p.at("x"), {})) == EINVAL);
}

TEST_CASE("S5 a transaction is seen as a whole or not at all") {
    Place p;
    const auto other = p.backend->open_store();
    REQUIRE(p.store->write(p.at("old"), "0"));
    const auto txn = p.store->begin().value();
    REQUIRE(p.store->write(p.at("new"), "1", txn));
    REQUIRE(p.store->remove(p.at("old"), txn));
    CHECK(p.store->read(p.at("new"), txn).value() == "1");
    CHECK(failure(p.store->read(p.at("old"), txn)) == ENOENT);
    CHECK(failure(other->read(p.at("new"))) == ENOENT);
    CHECK(other->read(p.at("old")).value() == "0");
    SECTION("committed") {
        REQUIRE(p.store->commit(txn));
        CHECK(other->read(p.at("new")).value() == "1");
        CHECK(failure(other->read(p.at("old"))) == ENOENT);
    }
    SECTION("aborted") {
        p.store->abort(txn);
        CHECK(failure(other->read(p.at("new"))) == ENOENT);
        CHECK(other->read(p.at("old")).value() == "0");
    }
    SECTION("with its connection gone") {
        p.store = p.backend->open_store();
        CHECK(failure(p.store->read(p.at("new"))) == ENOENT);
    }
}

TEST_CASE("S6 a transaction whose nodes others changed is EAGAIN and changes nothing") {
    Place p;
    const auto other = p.backend->open_store();
    REQUIRE(p.store->write(p.at("n"), "0"));
    const auto txn = p.store->begin().value();
    REQUIRE(p.store->read(p.at("n"), txn));
    REQUIRE(p.store->write(p.at("mine"), "1", txn));
    REQUIRE(other->write(p.at("n"), "1"));
    CHECK(failure(p.store->commit(txn)) == EAGAIN);
    CHECK(failure(p.store->read(p.at("mine"))) == ENOENT);

    int attempts = 0;
    const auto always = [&](StoreTxn inner) -> Result<void> {
        ++attempts;
        const auto seen = p.store->read(p.at("n"), inner);
        REQUIRE(other->write(p.at("n"), "again"));
        return p.store->write(p.at("n"), "mine", inner);
    };
    CHECK(failure(transact(*p.store, always, 5)) == EAGAIN);
    CHECK(attempts == 5);
    CHECK(p.store->read(p.at("n")).value() == "again");
}

TEST_CASE("S7 a watch fires once at registration, then for every node at or below its path") {
    Place p;
    REQUIRE(p.store->mkdir(p.top));
    const auto watcher = p.backend->open_store();
    CHECK_FALSE(watcher->next_event());
    REQUIRE(watcher->watch(p.at("w"), "token"));
    const auto first = wait_event(*watcher);
    CHECK(first.path == p.at("w"));
    CHECK(first.token == "token");
    REQUIRE(p.store->write(p.at("w/a/b"), "1"));
    CHECK(wait_event(*watcher).path == p.at("w/a/b"));
    REQUIRE(p.store->write(p.at("wx"), "1")); // a name that only begins like it
    REQUIRE(p.store->set_permissions(p.at("w/a"), {{p.bed.backend_id(), false, false}}));
    REQUIRE(p.store->remove(p.at("w/a/b")));
    CHECK(p.events_until(*watcher, p.at("w/mark")) ==
          std::set<std::string>{p.at("w/a"), p.at("w/a/b")});
    REQUIRE(p.store->remove(p.at("w")));
    CHECK(wait_event(*watcher).path == p.at("w"));
    CHECK(failure(watcher->watch(p.at("w"), "token")) == EEXIST);
}

TEST_CASE("S8 a transaction's events come when it is committed") {
    Place p;
    REQUIRE(p.store->mkdir(p.at("own")));
    const auto watcher = p.backend->open_store();
    REQUIRE(watcher->watch(p.top, "t"));
    CHECK(wait_event(*watcher).path == p.top);
    const auto txn = p.store->begin().value();
    REQUIRE(p.store->write(p.at("own/in"), "1", txn));
    CHECK(p.events_until(*watcher, p.at("between")).count(p.at("own/in")) == 0);
    REQUIRE(p.store->commit(txn));
    CHECK(p.events_until(*watcher, p.at("after")).count(p.at("own/in")) == 1);
}

TEST_CASE("S9 after unwatch no event of it is taken, even if one was under way") {
    Place p;
    const auto watcher = p.backend->open_store();
    REQUIRE(watcher->watch(p.at("a"), "a"));
    REQUIRE(watcher->watch(p.at("mark"), "mark"));
    REQUIRE(p.store->write(p.at("a"), "1"));
    REQUIRE(watcher->unwatch(p.at("a"), "a"));
    // Its own first event is the only one that can still be there.
    CHECK(wait_event(*watcher).token == "mark");
    CHECK(p.events_until(*watcher, p.at("mark")).empty());
    CHECK(failure(watcher->unwatch(p.at("a"), "a")) == ENOENT);
}

TEST_CASE("S10 dom0 is told which domains there are") {
    Place p;
    CHECK(p.store->domain_exists(DomId{0}));
    CHECK_FALSE(p.store->domain_exists(DomId{0x7fe0}));
    if (!p.bed.host())
        return;
    CHECK(p.store->domain_exists(p.bed.guest_id()));
    REQUIRE(p.store->watch("@releaseDomain", "gone"));
    CHECK(wait_event(*p.store).token == "gone");
    p.bed.embedded().domains()->destroy(p.bed.guest_id());
    CHECK(wait_event(*p.store).path == "@releaseDomain");
    CHECK_FALSE(p.store->domain_exists(p.bed.guest_id()));
}

TEST_CASE("S11 a guest does what the permissions let it do, below its own path by default") {
    Place p;
    if (!p.bed.host())
        return;
    const auto hypervisor = p.bed.open_guest();
    const auto guest = hypervisor->open_store();
    const std::string home = "/local/domain/" + std::to_string(p.bed.guest_id().value());
    const std::vector<StorePermission> f{{p.bed.guest_id(), false, false},
                                         {p.bed.backend_id(), true, false}};
    const std::vector<StorePermission> b{{p.bed.backend_id(), false, false},
                                         {p.bed.guest_id(), true, false}};
    REQUIRE(p.store->write(home + "/device/vscsi/0", ""));
    REQUIRE(p.store->set_permissions(home + "/device/vscsi/0", f));
    REQUIRE(p.store->write(p.at("b/state"), "2"));
    for (const auto* node : {"b", "b/state"})
        REQUIRE(p.store->set_permissions(p.at(node), b));
    REQUIRE(p.store->write(p.at("secret"), "x"));

    REQUIRE(guest->write("device/vscsi/0/state", "3"));
    CHECK(p.store->read(home + "/device/vscsi/0/state").value() == "3");
    CHECK(p.store->permissions(home + "/device/vscsi/0/state").value() == f);
    CHECK(guest->read(p.at("b/state")).value() == "2");
    CHECK(failure(guest->write(p.at("b/state"), "4")) == EACCES);
    CHECK(failure(guest->write(p.at("b/error"), "4")) == EACCES);
    CHECK(failure(guest->remove(p.at("b"))) == EACCES);
    CHECK(failure(guest->set_permissions(p.at("b"), f)) == EACCES);
    CHECK(failure(guest->read(p.at("secret"))) == EACCES);
    CHECK(failure(guest->set_permissions("device/vscsi/0", b)) == EPERM);

    REQUIRE(guest->watch("device/vscsi/0/state", "own"));
    CHECK(wait_event(*guest).path == "device/vscsi/0/state");
    REQUIRE(p.store->write(p.at("secret"), "y"));
    REQUIRE(p.store->write(home + "/device/vscsi/0/state", "6"));
    CHECK(wait_event(*guest).path == "device/vscsi/0/state");
}

TEST_CASE("S12 a guest's use of the store has limits, which are errors for it alone") {
    Place p;
    if (!p.bed.host())
        return;
    const auto hypervisor = p.bed.open_guest();
    const auto guest = hypervisor->open_store();
    int error = 0;
    for (int i = 0; error == 0 && i < 2000; ++i) // spread: a list of children is limited too
        error =
            failure(guest->write("data/" + std::to_string(i / 50) + "/" + std::to_string(i), ""));
    CHECK(error == ENOSPC);
    CHECK(failure(guest->write("data/0", std::string(2048, 'x'))) == ENOSPC);
    error = 0;
    for (int i = 0; error == 0 && i < 200; ++i)
        error = failure(guest->watch("data", std::to_string(i)));
    CHECK(error == E2BIG);
    error = 0;
    for (int i = 0; error == 0 && i < 100; ++i)
        error = failure(guest->begin());
    CHECK(error == ENOSPC);
    CHECK(p.store->write(p.at("x"), "1"));
}

TEST_CASE("S13 a store that is gone is EIO for whoever asks") {
    Place p;
    if (!p.bed.host())
        return;
    const auto watcher = p.backend->open_store();
    REQUIRE(watcher->watch(p.top, "t"));
    const auto txn = p.store->begin().value();
    (void)p.bed.embedded().stop(SIGKILL);
    CHECK(failure(p.store->write(p.at("x"), "1", txn)) == EIO);
    CHECK(failure(p.store->commit(txn)) == EIO);
    CHECK(failure(p.store->begin()) == EIO);
    CHECK(failure(watcher->read("/")) == EIO);
    CHECK(failure(watcher->list("/")) == EIO);
    CHECK(failure(watcher->watch("/x", "t")) == EIO);
    while (watcher->next_event()) {
    }
    CHECK_THROWS_AS(p.backend->open_store(), std::system_error);
}
