// What pvscsictl vport asks the daemon, and what it says of the answers.
#include "backend/npiv/vport_requests.hpp"

#include "backend/control_requests.hpp"
#include "backend/ctl/daemon_verbs.hpp"
#include "backend/ctl/failure.hpp"
#include "tests/support/fake_fc.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <atomic>
#include <thread>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace std::chrono_literals;
using Catch::Contains;
using npiv::Vports;

namespace {

const std::string names = "2100000000000001:2000000000000001";
const std::string wwpn = names.substr(0, 16);

/// A daemon that has nothing but ports, with its control socket.
struct Bed {
    test::FakeFc fc;
    test::Folder folder;
    boost::asio::io_context control{1};
    config::Settings settings;
    std::shared_ptr<Vports> vports;
    std::unique_ptr<ControlSocket> socket;
    std::shared_ptr<const void> lease;

    Bed() {
        settings.npiv_linger = 3600;
        settings.npiv_pool = "2fff00163e12";
        fc.add_port(1, "5001438000000001:5001438000000000");
        vports = std::make_shared<Vports>(
            control, Vports::Place{folder.path("units"), "dom0", fc.tree(), fc.kernel(), 5ms, 0ms},
            settings);
        vports->begin();
        ControlActions actions;
        actions.vports = vports.get();
        socket = std::make_unique<ControlSocket>(control, folder.path("control"),
                                                 control_requests(std::move(actions)));
    }
    void use(const std::string& vport, const std::string& domain = "web") {
        lease =
            vports
                ->reach(
                    {config::parse_vport_choice(vport).value(), "/vm/" + domain, domain, "0", {}})
                .lease;
        until([&] { return vports->list().at(0).state != "being made"; });
    }
    void settle() {
        for (int i = 0; i < 20; ++i) {
            control.restart();
            control.run_one_for(5ms);
        }
    }
    template <class Done>
    void until(Done done) {
        for (int i = 0; i < 500 && !done(); ++i)
            settle();
        REQUIRE(done());
    }
    /// The verb's text, or what it failed with.
    std::string run(ctl::VportOptions options) {
        std::string said;
        std::atomic<bool> done = false;
        std::thread verb([&] {
            try {
                said = ctl::vport({folder.path("control"), 10s}, options);
            } catch (const ctl::Failure& failure) {
                said = std::string("failed: ") + failure.what();
            }
            done = true;
        });
        while (!done) {
            control.restart();
            control.run_one_for(5ms);
        }
        verb.join();
        settle();
        return said;
    }
    std::string run(const std::string& action, const std::string& name = "") {
        ctl::VportOptions options;
        options.action = action;
        options.name = name;
        return run(options);
    }
};

} // namespace

TEST_CASE("all ports are listed, and whose each is") {
    Bed bed;
    CHECK(bed.run("list") == "there are no virtual Fibre Channel ports");
    bed.use(names);
    bed.fc.make_vport(1, "2100000000000009:2000000000000009");
    const std::string table = bed.run("list");
    CHECK_THAT(table, Contains("PORT") && Contains("DOMAIN") && Contains("not ours"));
    CHECK_THAT(
        table,
        Contains("2100000000000001  2000000000000001  5001438000000001  host10  Active  web"));
    bed.fc.set_vport_state(wwpn, "Linkdown", "Active");
    bed.lease.reset();
    bed.settle();
    CHECK_THAT(bed.run("list"),
               Contains("Linkdown") && Contains("before: Active") && Contains("web (away)"));
    ctl::VportOptions options;
    options.action = "list";
    options.json = true;
    const auto rows = nlohmann::json::parse(bed.run(options));
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].at("port") == wwpn);
    CHECK(rows[0].at("in_use") == false);
    CHECK(rows[1].at("ours") == false);
    CHECK(rows[1].at("on") == "5001438000000001");
    options.json = false;
    options.plain = true;
    const std::string plain = bed.run(options);
    CHECK(std::count(plain.begin(), plain.end(), '\n') == 2);
    CHECK(std::count(plain.begin(), plain.end(), '\t') == 20);
    CHECK_THAT(bed.run("show", "21:00:00:00:00:00:00:01"),
               Contains("pvscsi:dom0:web:0") && Contains("host adapter   host10"));
    CHECK_THAT(bed.run("show", "2100000000000007"), Contains("failed: there is no virtual port"));
    CHECK_THAT(bed.run("show", "host10"), Contains("failed: vport show needs a WWPN"));
    CHECK_THAT(bed.run("list", "x"), Contains("failed: vport list takes no argument"));
    CHECK_THAT(bed.run("pool", "x"), Contains("failed: vport pool takes no argument"));
    options.release = "web";
    CHECK_THAT(bed.run(options), Contains("failed: --release is vport pool's"));
}

TEST_CASE("a port is made and deleted by hand, and stays until then") {
    Bed bed;
    bed.settings.npiv_linger = 0;
    CHECK_THAT(bed.run("create", "0x" + names), Contains("2100000000000001 is being made"));
    bed.until([&] { return bed.vports->list().at(0).state == "Active"; });
    CHECK_THAT(bed.run("list"), Contains("Active") && Contains("made by hand"));
    CHECK_THAT(bed.run("create", names), Contains("failed: ") && Contains("is there already"));
    CHECK_THAT(bed.run("create", wwpn), Contains("failed: vport create needs WWPN:WWNN"));
    CHECK_THAT(bed.run("create", "auto"), Contains("failed: vport create needs WWPN:WWNN"));
    CHECK_THAT(bed.run("create", "5001438000000001:2000000000000001"),
               Contains("failed: ") && Contains("is the name of a port of this host"));
    CHECK_THAT(bed.run("delete", wwpn), Contains("is being deleted"));
    bed.until([&] { return bed.vports->list().empty(); });
    CHECK(bed.run("list") == "there are no virtual Fibre Channel ports");
    CHECK_THAT(bed.run("delete", wwpn), Contains("failed: ") && Contains("no virtual port"));
}

TEST_CASE("a guest that has a port made by hand owns it from then on; nobody takes it away") {
    Bed bed;
    CHECK_THAT(bed.run("create", names), Contains("is being made"));
    bed.use(names);
    CHECK_THAT(bed.run("list"), Contains("  web"));
    CHECK_THAT(bed.run("delete", wwpn),
               Contains("failed: ") && Contains("domain web uses the port"));
    bed.lease.reset();
    bed.settings.npiv_linger = 0;
    bed.until([&] { return bed.vports->list().empty(); });
}

TEST_CASE("the pool tells who has what, and takes it back from who is gone") {
    Bed bed;
    CHECK_THAT(bed.run("pool"), Contains("begin with 2fff00163e12: 0 of 16384 guests"));
    bed.use("auto");
    const std::string table = bed.run("pool");
    CHECK_THAT(table,
               Contains("web") &&
                   Contains("2fff00163e120000  2fff00163e120001  2fff00163e120002  /vm/web"));
    ctl::VportOptions options;
    options.action = "pool";
    options.release = "web";
    CHECK_THAT(bed.run(options), Contains("failed: ") && Contains("has to be deleted first"));
    bed.lease.reset();
    bed.settle();
    CHECK_THAT(bed.run("delete", "2fff00163e120000"), Contains("is being deleted"));
    bed.until([&] { return bed.vports->list().empty(); });
    options.json = true;
    const auto pool = nlohmann::json::parse(bed.run(options));
    CHECK(pool.at("given").empty());
    CHECK(pool.at("size") == 16384);
    CHECK_THAT(bed.run(options), Contains("failed: ") && Contains("nobody has names"));
    bed.settings.npiv_pool.reset();
    CHECK_THAT(bed.run("pool"), Contains("this host has no pool of names"));
}

TEST_CASE("requests that make no sense are told so") {
    Bed bed;
    const auto ask = [&](const char* text) {
        return npiv::answer_vport_request(*bed.vports, nlohmann::json::parse(text)).dump();
    };
    for (const char* const text :
         {R"({"what": "x"})", "{}", R"({"what": 7})", R"({"what": "delete"})",
          R"({"what": "delete", "port": 7})", R"({"what": "create", "vport": "auto"})"})
        CHECK_THAT(ask(text), Contains("error"));
}
