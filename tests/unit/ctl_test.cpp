// The verbs of pvscsictl against a real store: what the daemon and the guest find there, what is
// left when something goes wrong, and what an administrator is told.
#include "tests/support/ctl_bed.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

using namespace pvscsi;
using namespace pvscsi::ctl;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using Catch::Contains;
using Catch::StartsWith;

namespace {

const std::string back = "/local/domain/0/backend/vscsi/5/0";
const std::string front = "/local/domain/5/device/vscsi/0";

struct Bed {
    StoreHost host;
    hv::XsStore real = host.connect();
    UnreliableStore store{real};
    FakeDomains domains{host};
    std::vector<std::string> warnings;
    Context context{store, domains, DomId{0}, 200ms,
                    [this](const std::string& text) { warnings.push_back(text); }};

    std::string config(const std::string& vscsi, const std::string& name = "demo") const {
        const std::string path = host.directory() / (name + ".cfg");
        std::ofstream(path) << "name = \"" << name << "\"\nvscsi = [ " << vscsi << " ]\n";
        return path;
    }
    std::string image(const std::string& name) const {
        const std::string path = host.directory() / name;
        std::ofstream(path) << std::string(4096, 'x');
        return path;
    }
    /// Domain 5 "demo" with one LUN and a vhost in this state at both ends.
    void demo(const std::string& b_state, const std::string& f_state,
              const std::string& lun_state) {
        context.patience = 0ms;
        create(context, config("'ram:1M,0:0:0:0'"));
        context.patience = 200ms;
        set(back + "/feature-sg-grant", "512");
        set(back + "/vscsi-devs/dev-0/state", lun_state);
        set(front + "/state", f_state);
        set(back + "/state", b_state);
        warnings.clear();
    }
    void set(const std::string& path, const std::string& value) {
        REQUIRE(real.write(path, value));
    }
    std::string get(const std::string& path) { return real.read(path).value_or("-"); }
    bool has(const std::string& path) { return real.read(path).has_value(); }
    Failure failure(const std::function<void()>& call) {
        try {
            call();
        } catch (const Failure& failure) {
            CHECK(store.open_transactions == 0);
            return failure;
        }
        FAIL("it did not fail");
        throw std::logic_error("not reached");
    }
};

std::string at(hv::Store& store, const std::string& path) {
    return store.read(path, hv::no_transaction).value_or("-");
}

/// Daemon and guest in one: each step of a reconfiguration, as both ends go it. New LUNs end in
/// `outcome` (4, or 6 with an error).
void reconfigure(hv::Store& store, const std::string& outcome) {
    const auto put = [&](const std::string& path, const std::string& value) {
        if (at(store, path) != value)
            static_cast<void>(store.write(path, value, hv::no_transaction));
    };
    if (at(store, back + "/state") != "7" || at(store, front + "/state") != "4")
        return;
    put(front + "/state", "7");
    for (const std::string dev : {"dev-0", "dev-1", "dev-2"}) {
        const std::string node = back + "/vscsi-devs/" + dev;
        if (at(store, node + "/state") == "5") {
            put(front + "/vscsi-devs/" + dev + "/state", "6");
            put(node + "/state", "6");
        }
        if (at(store, node + "/state") == "1") {
            if (outcome == "6")
                put(node + "/error", "the backing is in use");
            put(node + "/state", outcome);
            put(front + "/vscsi-devs/" + dev + "/state", outcome);
        }
    }
    put(back + "/state", "8");
    put(front + "/state", "4");
    put(back + "/state", "4");
}

} // namespace

TEST_CASE("create writes both ends, each owned by who writes it and read by the other") {
    Bed bed;
    create(bed.context,
           bed.config("'ram:1M,0:0:0:0,name=a', 'ram:2M,0:0:1:7,ro', 'null:1G,3:0:0:0'"));

    CHECK(bed.get(back + "/frontend") == front);
    CHECK(bed.get(back + "/frontend-id") == "5");
    CHECK(bed.get(back + "/online") == "1");
    CHECK(bed.get(back + "/state") == "2");
    CHECK(bed.get(back + "/feature-host") == "0");
    CHECK(bed.get(back + "/vscsi-devs/dev-0/p-dev") == "ram:1M");
    CHECK(bed.get(back + "/vscsi-devs/dev-0/p-devname") == "ram:1M");
    CHECK(bed.get(back + "/vscsi-devs/dev-0/v-dev") == "0:0:0:0");
    CHECK(bed.get(back + "/vscsi-devs/dev-0/mode") == "w");
    CHECK(bed.get(back + "/vscsi-devs/dev-0/name") == "a");
    CHECK(bed.get(back + "/vscsi-devs/dev-0/state") == "1");
    CHECK(bed.get(back + "/vscsi-devs/dev-1/mode") == "r");
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-1/name"));
    CHECK(bed.get("/local/domain/0/backend/vscsi/5/3/vscsi-devs/dev-0/v-dev") == "3:0:0:0");
    CHECK(bed.get(front + "/backend") == back);
    CHECK(bed.get(front + "/backend-id") == "0");
    CHECK(bed.get(front + "/state") == "1");
    CHECK(bed.domains.running == std::vector{DomId{5}});

    const auto owner_and_reader = [&](const std::string& path) {
        const auto list = *bed.real.permissions(path);
        REQUIRE(list.size() == 2);
        CHECK_FALSE((list[0].read || list[0].write || list[1].write));
        CHECK(list[1].read);
        return std::pair{list[0].domain.value(), list[1].domain.value()};
    };
    for (const auto* node : {"", "/frontend", "/state", "/vscsi-devs", "/vscsi-devs/dev-0",
                             "/vscsi-devs/dev-0/p-dev", "/vscsi-devs/dev-0/state"})
        CHECK(owner_and_reader(back + node) == std::pair<std::uint16_t, std::uint16_t>{0, 5});
    for (const auto* node : {"", "/backend", "/backend-id", "/state"})
        CHECK(owner_and_reader(front + node) == std::pair<std::uint16_t, std::uint16_t>{5, 0});

    // The guest can do its part, and no more.
    auto guest = bed.host.connect(DomId{5});
    CHECK(guest.write(front + "/ring-ref", "8"));
    CHECK(guest.read(back + "/state"));
    CHECK_FALSE(guest.write(back + "/state", "4"));
    CHECK_FALSE(guest.write(back + "/vscsi-devs/dev-0/p-dev", "/dev/sda"));
}

TEST_CASE("create warns if no daemon answers, and of what a daemon does not like") {
    Bed bed;
    SECTION("no daemon") {
        create(bed.context, bed.config("'ram:1M,0:0:0:0'"));
        REQUIRE(bed.warnings.size() == 1);
        CHECK_THAT(bed.warnings[0], Contains("no answer from a backend daemon within 0.2 s"));
        CHECK(bed.context.status == ExitCode::no_daemon);
    }
    SECTION("a daemon that cannot open one") {
        bed.context.patience = 30s;
        const OtherSide daemon(bed.host, [](hv::Store& store) {
            if (at(store, back + "/vscsi-devs/dev-1/state") != "1")
                return;
            static_cast<void>(store.write(back + "/feature-sg-grant", "512"));
            static_cast<void>(store.write(back + "/vscsi-devs/dev-0/state", "3"));
            static_cast<void>(store.write(back + "/vscsi-devs/dev-1/error", "it is in use"));
            static_cast<void>(store.write(back + "/vscsi-devs/dev-1/state", "6"));
        });
        create(bed.context, bed.config("'ram:1M,0:0:0:0', 'ram:2M,0:0:0:1'"));
        CHECK_THAT(bed.warnings,
                   Catch::Equals(std::vector<std::string>{"0:0:0:1 (ram:2M): it is in use"}));
    }
    SECTION("no LUN at all") {
        create(bed.context, bed.config(""));
        REQUIRE(bed.warnings.size() == 1);
        CHECK_THAT(bed.warnings[0], Contains("there is no vscsi= entry"));
    }
}

TEST_CASE("create refuses a wrong file as a whole, before anything is changed") {
    Bed bed;
    const auto path = bed.config("'ram:1M,0:0:0:0', 'ram:0,0:0:1:0', 'file:/none/a,0:0:0'");
    const auto failure = bed.failure([&] { create(bed.context, path); });
    CHECK(failure.code() == ExitCode::configuration);
    const std::string text = failure.what();
    CHECK_THAT(text, StartsWith(path + ": vscsi: entry 2: 'ram:0': the size is zero; expected "));
    CHECK_THAT(text, Contains("entry 3: '0:0:0': VDEV has 3 of 4 numbers"));
    CHECK_THAT(text, Catch::EndsWith("nothing was changed"));
    CHECK(bed.domains.list().empty());
    CHECK_FALSE(bed.has("/local/domain/0/backend/vscsi/5"));
}

TEST_CASE("create refuses a name that is taken and a backing that another domain has") {
    Bed bed;
    bed.context.patience = 0ms;
    const auto image = "'file:" + bed.image("a.img") + ",0:0:0:0'";
    create(bed.context, bed.config(image));
    const auto twice = bed.failure([&] { create(bed.context, bed.config(image)); });
    CHECK(twice.code() == ExitCode::failed);
    CHECK_THAT(twice.what(), Contains("domain 'demo' runs already, with number 5"));
    const auto other = bed.failure([&] { create(bed.context, bed.config(image, "other")); });
    CHECK(other.code() == ExitCode::configuration);
    CHECK_THAT(other.what(), Contains("domain 5 uses it as 0:0:0:0"));
    CHECK(bed.domains.list().size() == 1);
}

TEST_CASE("create undoes all of it whichever write fails") {
    // 6 writes for the vhost, 1 for the counter and 6 for the LUN, 3 for the frontend.
    for (int nth = 1; nth <= 16; ++nth) {
        CAPTURE(nth);
        Bed bed;
        bed.context.patience = 0ms;
        const auto path = bed.config("'ram:1M,0:0:0:0,name=a'");
        bed.store.fail_write = nth;
        CHECK_THROWS_AS(create(bed.context, path), std::system_error);
        REQUIRE(bed.store.fail_write == 0);
        CHECK(bed.store.open_transactions == 0);
        CHECK(bed.domains.list().empty());
        CHECK_FALSE(bed.has("/local/domain/0/backend/vscsi/5"));
        CHECK_FALSE(bed.has("/local/domain/5"));
    }
}

TEST_CASE("create does not lend a dead domain's nodes to its successor") {
    Bed bed;
    bed.context.patience = 0ms;
    bed.set("/local/domain/0/backend/vscsi/5/9/secret", "x");
    create(bed.context, bed.config("'ram:1M,0:0:0:0'"));
    CHECK_FALSE(bed.has("/local/domain/0/backend/vscsi/5/9"));
    CHECK(bed.get(back + "/state") == "2");
}

TEST_CASE("a conflicting change makes the transaction run again, not be lost") {
    Bed bed;
    bed.demo("2", "1", "3");
    bed.store.before_commit = [&] { bed.set(back + "/next-dev", "7"); };
    attach(bed.context, "demo", "ram:2M,0:0:0:1");
    CHECK(bed.get(back + "/vscsi-devs/dev-7/v-dev") == "0:0:0:1");
    CHECK(bed.get(back + "/next-dev") == "8");
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-1"));
}

TEST_CASE("destroy waits for the daemon, and clears away itself if there is none") {
    Bed bed;
    SECTION("a daemon clears away") {
        bed.demo("4", "4", "4");
        bed.context.patience = 30s;
        const OtherSide daemon(bed.host, [](hv::Store& store) {
            if (!store.domain_exists(DomId{5}))
                static_cast<void>(store.remove("/local/domain/0/backend/vscsi/5"));
        });
        destroy(bed.context, "demo");
        CHECK(bed.warnings.empty());
    }
    SECTION("the daemon is dead") {
        bed.demo("4", "4", "4");
        destroy(bed.context, "5");
        REQUIRE(bed.warnings.size() == 1);
        CHECK_THAT(bed.warnings[0], Contains("no backend daemon has cleared"));
    }
    SECTION("the domain is gone already") {
        bed.demo("4", "4", "4");
        bed.domains.destroy(DomId{5});
        CHECK_THAT(destroy(bed.context, "5"), Contains("what it left in the store is removed"));
    }
    CHECK_FALSE(bed.has("/local/domain/0/backend/vscsi/5"));
    CHECK(bed.domains.list().empty());
    const auto again = bed.failure([&] { destroy(bed.context, "demo"); });
    CHECK(again.code() == ExitCode::not_found);
    CHECK_THAT(again.what(), Contains("there is no domain 'demo'; there is none"));
}

TEST_CASE("attach to a connected vhost goes through Reconfiguring") {
    Bed bed;
    bed.demo("4", "4", "4");
    bed.context.patience = 30s;
    const OtherSide other(bed.host, [](hv::Store& store) { reconfigure(store, "4"); });
    attach(bed.context, "demo", "ram:2M,0:0:0:1,ro");
    CHECK(bed.get(back + "/vscsi-devs/dev-1/state") == "4");
    CHECK(bed.get(back + "/vscsi-devs/dev-1/mode") == "r");
    CHECK(bed.get(back + "/state") == "4");
}

TEST_CASE("attach of a LUN that the daemon cannot open is undone, with its reason") {
    Bed bed;
    SECTION("to a guest that is connected") {
        bed.demo("4", "4", "4");
        bed.context.patience = 30s;
        const OtherSide other(bed.host, [](hv::Store& store) { reconfigure(store, "6"); });
        const auto failure = bed.failure([&] { attach(bed.context, "demo", "ram:2M,0:0:0:1"); });
        CHECK(failure.code() == ExitCode::failed);
        CHECK_THAT(failure.what(), Contains("ram:2M (0:0:0:1): the backing is in use; it was not "
                                            "attached"));
        CHECK(bed.get(back + "/state") == "4");
    }
    SECTION("to a guest that is not") {
        bed.demo("2", "1", "3");
        bed.context.patience = 30s;
        const OtherSide daemon(bed.host, [](hv::Store& store) {
            if (at(store, back + "/vscsi-devs/dev-1/state") != "1")
                return;
            static_cast<void>(store.write(back + "/vscsi-devs/dev-1/error", "it is in use"));
            static_cast<void>(store.write(back + "/vscsi-devs/dev-1/state", "6"));
        });
        const auto failure = bed.failure([&] { attach(bed.context, "demo", "ram:2M,0:0:0:1"); });
        CHECK_THAT(failure.what(), Contains("it is in use; it was not attached"));
    }
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-1"));
    CHECK_FALSE(bed.has(front + "/vscsi-devs/dev-1"));
    CHECK(bed.has(back + "/vscsi-devs/dev-0"));
}

TEST_CASE("attach is taken back if the guest does not answer") {
    Bed bed;
    bed.demo("4", "4", "4");
    const auto failure = bed.failure([&] { attach(bed.context, "demo", "ram:2M,0:0:0:1"); });
    CHECK(failure.code() == ExitCode::timed_out);
    CHECK_THAT(failure.what(), Contains("the guest has not answered within 0.2 s; 0:0:0:1 was not "
                                        "attached"));
    CHECK(bed.get(back + "/state") == "4");
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-1"));
    // Numbers are not used again.
    CHECK(bed.get(back + "/next-dev") == "2");
}

TEST_CASE("attach waits for a busy vhost, and changes nothing if it stays busy") {
    Bed bed;
    const std::string busy = GENERATE("3", "5", "7", "8");
    bed.demo(busy, busy == "3" ? "3" : "4", "3");
    const auto failure = bed.failure([&] { attach(bed.context, "demo", "ram:2M,0:0:0:1"); });
    CHECK(failure.code() == ExitCode::timed_out);
    CHECK_THAT(failure.what(), Contains("is busy (") && Contains("try again later"));
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-1"));
    CHECK(bed.get(back + "/state") == busy);

    bed.context.patience = 30s;
    const OtherSide other(bed.host, [first = true](hv::Store& store) mutable {
        if (std::exchange(first, false)) {
            static_cast<void>(store.write(front + "/state", "4"));
            static_cast<void>(store.write(back + "/state", "4"));
        }
        reconfigure(store, "4");
    });
    attach(bed.context, "demo", "ram:2M,0:0:0:1");
    CHECK(bed.get(back + "/vscsi-devs/dev-1/state") == "4");
}

TEST_CASE("attach tells a guest that connected while the nodes were written") {
    Bed bed;
    // The daemon has looked at the LUNs and is about to write Connected.
    bed.demo("2", "3", "3");
    bed.context.patience = 30s;
    const OtherSide other(bed.host, [](hv::Store& store) {
        if (at(store, back + "/vscsi-devs/dev-1/state") == "1" &&
            at(store, back + "/state") == "2") {
            static_cast<void>(store.write(front + "/state", "4"));
            static_cast<void>(store.write(back + "/state", "4"));
        }
        reconfigure(store, "4");
    });
    attach(bed.context, "demo", "ram:2M,0:0:0:1");
    CHECK(bed.get(back + "/vscsi-devs/dev-1/state") == "4");
}

TEST_CASE("attach makes a vhost that is not there, and removes it again if that fails") {
    Bed bed;
    bed.demo("4", "4", "4");
    const std::string second = "/local/domain/0/backend/vscsi/5/1";
    SECTION("made") {
        attach(bed.context, "demo", "ram:2M,1:0:0:0");
        CHECK(bed.get(second + "/vscsi-devs/dev-0/v-dev") == "1:0:0:0");
        CHECK(bed.get("/local/domain/5/device/vscsi/1/state") == "1");
    }
    SECTION("removed") {
        bed.context.patience = 30s;
        const OtherSide daemon(bed.host, [second](hv::Store& store) {
            if (at(store, second + "/vscsi-devs/dev-0/state") != "1")
                return;
            static_cast<void>(store.write(second + "/feature-sg-grant", "512"));
            static_cast<void>(store.write(second + "/vscsi-devs/dev-0/error", "no"));
            static_cast<void>(store.write(second + "/vscsi-devs/dev-0/state", "6"));
        });
        CHECK_THROWS_AS(attach(bed.context, "demo", "ram:2M,1:0:0:0"), Failure);
        CHECK_FALSE(bed.has(second));
        CHECK_FALSE(bed.has("/local/domain/5/device/vscsi/1"));
    }
    CHECK(bed.get(back + "/state") == "4");
}

TEST_CASE("attach refuses what is taken or wrong, and says so") {
    Bed bed;
    bed.demo("2", "1", "3");
    const auto refused = [&](const char* domain, const std::string& entry, ExitCode code) {
        const auto failure = bed.failure([&] { attach(bed.context, domain, entry); });
        CHECK(failure.code() == code);
        CHECK(bed.real.list(back + "/vscsi-devs")->size() == 1);
        return std::string(failure.what());
    };
    CHECK_THAT(refused("demo", "ram:2M,0:0:0:0", ExitCode::failed),
               Contains("0:0:0:0 is taken by ram:1M (waiting)"));
    CHECK_THAT(refused("demo", "ram:1,0:0:0:1", ExitCode::configuration),
               StartsWith("'ram:1': the size is not a multiple"));
    CHECK_THAT(refused("demo", "file:/none/x,0:0:0:1", ExitCode::configuration),
               Contains("no such file"));
    CHECK_THAT(refused("nobody", "ram:1M,0:0:0:1", ExitCode::not_found),
               Contains("there is no domain 'nobody'; there are demo"));
}

TEST_CASE("detach from a connected vhost goes through Reconfiguring and removes both ends") {
    Bed bed;
    bed.demo("4", "4", "4");
    bed.context.patience = 30s;
    const OtherSide other(bed.host, [](hv::Store& store) { reconfigure(store, "4"); });
    detach(bed.context, "demo", "0:0:0:0", false);
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-0"));
    CHECK_FALSE(bed.has(front + "/vscsi-devs/dev-0"));
    // The last LUN does not take the vhost with it, and its number is not used again.
    CHECK(bed.get(back + "/state") == "4");
    attach(bed.context, "demo", "ram:1M,0:0:0:0");
    CHECK(bed.get(back + "/vscsi-devs/dev-1/state") == "4");
}

TEST_CASE("detach where nobody is connected, or of a LUN that failed, needs only the nodes") {
    Bed bed;
    const auto [b, f, lun] = GENERATE(table<std::string, std::string, std::string>(
        {{"2", "1", "3"}, {"1", "1", "1"}, {"6", "6", "3"}, {"4", "4", "6"}}));
    bed.demo(b, f, lun);
    detach(bed.context, "demo", "0:0:0:0", false);
    CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-0"));
    CHECK(bed.get(back + "/state") == b);
}

TEST_CASE("detach from a guest that does not let go") {
    Bed bed;
    bed.demo("4", "4", "4");
    SECTION("is taken back") {
        const auto failure = bed.failure([&] { detach(bed.context, "demo", "0:0:0:0", false); });
        CHECK(failure.code() == ExitCode::timed_out);
        CHECK_THAT(failure.what(), Contains("has not let go of 0:0:0:0 within 0.2 s; it is still "
                                            "attached; --force"));
        CHECK(bed.get(back + "/vscsi-devs/dev-0/state") == "4");
        CHECK(bed.get(back + "/state") == "4");
    }
    SECTION("is done by force") {
        detach(bed.context, "demo", "0:0:0:0", true);
        CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-0"));
        CHECK(bed.get(back + "/state") == "4");
        CHECK(bed.warnings.size() == 1);
    }
    SECTION("is done by force even in the middle of another attempt") {
        bed.set(back + "/state", "7");
        detach(bed.context, "demo", "0:0:0:0", true);
        CHECK_FALSE(bed.has(back + "/vscsi-devs/dev-0"));
        CHECK(bed.get(back + "/state") == "4");
    }
}

TEST_CASE("detach of what is not there says what is") {
    Bed bed;
    bed.demo("2", "1", "3");
    const auto refused = [&](const std::string& vdev, ExitCode code) {
        const auto failure = bed.failure([&] { detach(bed.context, "demo", vdev, false); });
        CHECK(failure.code() == code);
        return std::string(failure.what());
    };
    CHECK_THAT(refused("0:0:9:0", ExitCode::not_found), Contains("the vhost has 0:0:0:0"));
    CHECK_THAT(refused("4:0:0:0", ExitCode::not_found), Contains("the vhost has none"));
    CHECK_THAT(refused("0:0", ExitCode::configuration), Contains("2 of 4 numbers"));
}

TEST_CASE("list joins both ends, the daemon's reasons and the domain's name") {
    Bed bed;
    bed.context.patience = 0ms;
    create(bed.context,
           bed.config("'ram:1M,0:0:0:0,name=a', 'ram:2M,0:0:0:1,ro', 'ram:3M,2:0:0:0'"));
    bed.set(back + "/state", "4");
    bed.set(back + "/vscsi-devs/dev-0/state", "4");
    bed.set(back + "/vscsi-devs/dev-1/state", "6");
    bed.set(back + "/vscsi-devs/dev-1/error", "in use\x1b[2J");
    bed.set("/local/domain/0/backend/vscsi/5/2/error", "ring-ref is \"x\"");
    bed.set("/local/domain/0/backend/vscsi/5/2/vscsi-devs/dev-0/warning", "deleted\n");
    bed.set("/local/domain/0/backend/vscsi/5/2/state", "5");

    const auto rows = nlohmann::json::parse(list(bed.context, {"demo", true}));
    REQUIRE(rows.size() == 3);
    CHECK(rows[0] == nlohmann::json{{"domain", "demo"},
                                    {"domid", 5},
                                    {"vhost", 0},
                                    {"vdev", "0:0:0:0"},
                                    {"pdev", "ram:1M"},
                                    {"target", "ram"},
                                    {"state", "connected"},
                                    {"name", "a"},
                                    {"mode", "rw"},
                                    {"error", ""},
                                    {"warning", ""}});
    CHECK(rows[1]["state"] == "failed");
    CHECK(rows[1]["mode"] == "ro");
    CHECK(rows[1]["error"] == "in use\x1b[2J");
    CHECK(rows[2]["state"] == "closing");
    CHECK(rows[2]["error"] == "ring-ref is \"x\"");
    CHECK(rows[2]["warning"] == "deleted\n");

    const std::string table = list(bed.context, {});
    CHECK(table == "DOMAIN  ID  VDEV     STATE      TARGET  MODE  NAME  PDEV\n"
                   "demo    5   0:0:0:0  connected  ram     rw    a     ram:1M\n"
                   "demo    5   0:0:0:1  failed     ram     ro    -     ram:2M\n"
                   "    0:0:0:1: in use\\x1b[2J\n"
                   "demo    5   2:0:0:0  closing    ram     rw    -     ram:3M\n"
                   "    2:0:0:0: ring-ref is \"x\"\n"
                   "    2:0:0:0: deleted\\x0a\n");
    CHECK(bed.failure([&] { list(bed.context, {"nobody", false}); }).code() == ExitCode::not_found);
}

TEST_CASE("list shows what a device was that is gone") {
    Bed bed;
    bed.demo("2", "4", "3");
    const auto target = [&] {
        return nlohmann::json::parse(list(bed.context, {{}, true}))[0]["target"];
    };
    CHECK(target() == "ram");
    bed.set(back + "/vscsi-devs/dev-0/p-dev", "/dev/pvscsi-no-such-device");
    CHECK(target() == "ram");
    bed.set(back + "/vscsi-devs/dev-0/target", "sg");
    CHECK(target() == "sg");
    bed.set(back + "/vscsi-devs/dev-0/p-dev", "nonsense");
    CHECK(target() == "unknown");
}

TEST_CASE("list shows the state of each stage") {
    Bed bed;
    const auto [b, lun, shown] =
        GENERATE(table<std::string, std::string, std::string>({{"2", "3", "waiting"},
                                                               {"6", "3", "waiting"},
                                                               {"2", "1", "initialising"},
                                                               {"6", "1", "initialising"},
                                                               {"2", "5", "closing"},
                                                               {"1", "1", "initialising"},
                                                               {"4", "3", "initialised"},
                                                               {"4", "4", "connected"},
                                                               {"7", "4", "connected"},
                                                               {"8", "5", "closing"},
                                                               {"5", "4", "closing"},
                                                               {"6", "4", "waiting"},
                                                               {"4", "6", "failed"},
                                                               {"x", "4", "unknown"}}));
    bed.demo(b, "4", lun);
    CAPTURE(b, lun);
    CHECK(nlohmann::json::parse(list(bed.context, {{}, true}))[0]["state"] == shown);
}

TEST_CASE("list survives nodes that make no sense") {
    Bed bed;
    bed.demo("4", "4", "4");
    bed.set("/local/domain/0/backend/vscsi/nonsense/0/state", "4");
    bed.set("/local/domain/0/backend/vscsi/99999999/0/state", "4");
    bed.set("/local/domain/0/backend/vscsi/5/9/state", "4");
    bed.set(back + "/vscsi-devs/other", "x");
    bed.set(back + "/vscsi-devs/dev-7/state", "4");
    bed.set(back + "/vscsi-devs/dev-0/p-dev", "\xff\xfe");
    const auto rows = nlohmann::json::parse(list(bed.context, {{}, true}));
    REQUIRE(rows.size() == 1);
    CHECK(rows[0]["target"] == "unknown");
}
