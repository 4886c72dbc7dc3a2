// pvscsictl against a real store. attach of several LUNs: one reconfiguration for all of a vhost,
// and what becomes of the others when one of them fails.
#include "tests/support/verb_bed.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <thread>

using namespace pvscsi;
using namespace pvscsi::ctl;
using namespace pvscsi::test;
using namespace std::chrono_literals;
using Catch::Contains;
using Catch::Equals;
using Catch::StartsWith;

namespace {

using Entries = std::vector<std::string>;

/// Daemon and guest of a vhost, that take up what is new one after the other.
class Follower {
  public:
    using Outcomes = std::map<std::string, std::string>; ///< by PDEV: what it is refused for
    explicit Follower(StoreHost& host, Outcomes outcomes = {}, std::chrono::milliseconds pace = 0ms)
        : outcomes_(std::move(outcomes)), pace_(pace),
          other_(host, [this](hv::Store& store) { follow(store); }) {}

    unsigned rounds = 0;

  private:
    void follow(hv::Store& store) {
        if (at(store, back + "/state") != "7" || at(store, front + "/state") != "4")
            return;
        ++rounds;
        put(store, front + "/state", "7");
        const auto devices = store.list(back + "/vscsi-devs").value();
        for (const std::string& dev : devices) {
            const std::string node = back + "/vscsi-devs/" + dev;
            if (at(store, node + "/state") != "1")
                continue;
            std::this_thread::sleep_for(pace_);
            const auto refused = outcomes_.find(at(store, node + "/p-dev"));
            if (refused != outcomes_.end())
                put(store, node + "/error", refused->second);
            put(store, node + "/state", refused == outcomes_.end() ? "4" : "6");
        }
        put(store, back + "/state", "8");
        put(store, front + "/state", "4");
        put(store, back + "/state", "4");
    }
    static void put(hv::Store& store, const std::string& path, const std::string& value) {
        static_cast<void>(store.write(path, value, hv::no_transaction));
    }

    const Outcomes outcomes_;
    const std::chrono::milliseconds pace_;
    OtherSide other_;
};

std::string state_of(VerbBed& bed, int number) {
    return bed.get(back + "/vscsi-devs/dev-" + std::to_string(number) + "/state");
}

} // namespace

TEST_CASE("LUNs of a vhost are attached with one reconfiguration") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    bed.context.patience = 30s;
    const Follower follower(bed.host);
    Entries entries;
    for (int i = 1; i <= 64; ++i)
        entries.push_back("ram:1M,0:0:0:" + std::to_string(i));
    const std::string said = attach(bed.context, "demo", entries);
    CHECK_THAT(said, StartsWith("ram:1M as 0:0:0:1 attached to domain 5 'demo'\n") &&
                         Contains("as 0:0:0:64 attached"));
    CHECK(follower.rounds == 1);
    CHECK(state_of(bed, 64) == "4");
}

TEST_CASE("a guest that takes one LUN after the other is not late") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    bed.context.patience = 400ms;
    const Follower follower(bed.host, {}, 150ms);
    attach(bed.context, "demo",
           Entries{"ram:1M,0:0:0:1", "ram:1M,0:0:0:2", "ram:1M,0:0:0:3", "ram:1M,0:0:0:4"});
    CHECK(state_of(bed, 4) == "4");
}

TEST_CASE("a LUN that can't be opened does not keep the others from the guest") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    bed.context.patience = 30s;
    const Follower follower(bed.host, {{"ram:3M", "the backing is in use"}});
    const auto failure = bed.failure(ExitCode::failed, [&] {
        attach(bed.context, "demo", Entries{"ram:2M,0:0:0:1", "ram:3M,0:0:0:2", "ram:4M,0:0:0:3"});
    });
    CHECK_THAT(failure, Equals("ram:3M (0:0:0:2): the backing is in use; it was not attached\n"
                               "ram:2M as 0:0:0:1 attached to domain 5 'demo'\n"
                               "ram:4M as 0:0:0:3 attached to domain 5 'demo'"));
    CHECK(state_of(bed, 1) == "4");
    CHECK(state_of(bed, 2) == "-");
    CHECK_FALSE(bed.has(front + "/vscsi-devs/dev-2"));
    CHECK(state_of(bed, 3) == "4");
}

TEST_CASE("a mistake in one entry, or an address that is taken: nothing is attached") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    std::string failure;
    SECTION("a mistake") {
        failure = bed.failure(ExitCode::configuration, [&] {
            attach(bed.context, "demo", Entries{"ram:2M,0:0:0:1", "ram:0,0:0:0:2"});
        });
        CHECK_THAT(failure, Contains("entry 2:") && Contains("nothing was changed"));
    }
    SECTION("one address twice") {
        failure = bed.failure(ExitCode::configuration, [&] {
            attach(bed.context, "demo", Entries{"ram:2M,0:0:0:1", "ram:1M,0:0:0:1"});
        });
        CHECK_THAT(failure, Contains("entry 2:"));
    }
    SECTION("an address of another vhost than the first") {
        failure = bed.failure(ExitCode::failed, [&] {
            attach(bed.context, "demo", Entries{"ram:2M,1:0:0:0", "ram:2M,0:0:0:0"});
        });
        CHECK_THAT(failure, StartsWith("0:0:0:0 is taken by ram:1M"));
    }
    CHECK(state_of(bed, 1) == "-");
    CHECK_FALSE(bed.has("/local/domain/0/backend/vscsi/5/1"));
}

TEST_CASE("a vhost that is busy does not keep another one's LUNs from the guest") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    bed.set(back + "/state", "8"); // an earlier change is under way
    bed.context.patience = 50ms;
    const auto failure = bed.failure(ExitCode::timed_out, [&] {
        attach(bed.context, "demo", Entries{"ram:2M,0:0:0:1", "ram:2M,1:0:0:0"});
    });
    CHECK_THAT(failure, StartsWith("0:0:0:1: vhost 0 of domain 5 is busy") &&
                            Contains("\nram:2M as 1:0:0:0 attached"));
    CHECK(bed.has("/local/domain/0/backend/vscsi/5/1/vscsi-devs/dev-0"));
}

TEST_CASE("what was not attached is not kept for the next start") {
    VerbBed bed;
    bed.demo("4", "4", "4");
    bed.context.patience = 30s;
    bed.context.definitions = bed.host.directory() / "domains.d";
    bed.context.definition_files = {(bed.host.directory() / "*.cfg").string()};
    const std::string kept = bed.context.definitions + "/demo.changes";
    const auto entries = Entries{"ram:2M,0:0:0:1", "ram:3M,0:0:0:2"};
    const auto text = [&] {
        std::ifstream file(kept);
        return std::string(std::istreambuf_iterator<char>(file), {});
    };
    SECTION("one of them") {
        const Follower follower(bed.host, {{"ram:3M", "it is in use"}});
        const auto failure = bed.failure(
            ExitCode::failed, [&] { attach(bed.context, "demo", entries, Keep::always); });
        CHECK_THAT(failure, Contains("next start begins with that"));
        CHECK_THAT(text(), Contains("+ ram:2M,0:0:0:1") && !Contains("0:0:0:2"));
    }
    SECTION("none of them") {
        const Follower follower(bed.host, {{"ram:2M", "it is in use"}, {"ram:3M", "it is too"}});
        const auto failure = bed.failure(
            ExitCode::failed, [&] { attach(bed.context, "demo", entries, Keep::always); });
        CHECK_THAT(failure, !Contains("next start"));
        CHECK_FALSE(std::filesystem::exists(kept));
    }
    SECTION("all of them are") {
        const Follower follower(bed.host);
        CHECK_THAT(attach(bed.context, "demo", entries, Keep::always),
                   Contains("next start begins with that"));
        CHECK_THAT(text(), Contains("+ ram:2M,0:0:0:1") && Contains("+ ram:3M,0:0:0:2"));
    }
}
