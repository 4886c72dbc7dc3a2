// Which names guests' virtual ports have, on which of the host's ports, and what is refused.
#include "tests/support/vports_bed.hpp"

#include <catch2/catch.hpp>

#include <cerrno>

using namespace pvscsi;
using namespace pvscsi::test;
using Catch::Contains;
using Bed = VportsBed;

TEST_CASE("names that somebody else has are refused, and nothing is made") {
    Bed bed;
    bed.fc.add_port(1, port_a);
    const auto refused = [&](const std::string& vport, const char* why,
                             const std::string& guest = "/vm/a") {
        CAPTURE(vport);
        CHECK_THAT(bed.refusal(wish(vport, guest)), Contains(why));
    };
    std::shared_ptr<const void> lease;
    SECTION("another guest") {
        (void)bed.reach(wish(names_1), lease, "target port");
        refused(names_1, "is that of the domain web", "/vm/b");
        refused(wwpn_1 + ":2000000000000009", "with the WWNN 2000000000000001");
        refused(names_1 + "@5001438000000003", "is on the host's port 5001438000000001");
    }
    SECTION("a virtual port that is not ours") {
        bed.fc.make_vport(1, names_1);
        refused(names_1, "somebody else has made a virtual port");
    }
    SECTION("ours, made by somebody else since") {
        (void)bed.reach(wish(names_1), lease, "target port");
        bed.fc.remove_vport(wwpn_1);
        bed.fc.make_vport(1, wwpn_1 + ":2000000000000009");
        refused(names_1, "somebody else has made a virtual port");
    }
    SECTION("a port of this host") {
        refused("5001438000000001:2000000000000001", "is the name of a port of this host");
        refused("5001438000000000:2100000000000001", "wrong way round");
        refused("2100000000000001:5001438000000001", "wrong way round");
    }
    SECTION("a port of the fabric") {
        const auto rport = bed.fc.add_remote(1, target);
        refused("5005076800000001:2000000000000001", "the fabric has a port 5005076800000001");
        refused("2100000000000001:5005076800000001", "wrong way round");
        // One that went is still remembered by the kernel.
        bed.fc.set_remote_state(rport, "Not Present");
        CHECK_NOTHROW(bed.vports->reach(wish("5005076800000001:2000000000000001")));
        CHECK(bed.until([&] { return bed.vports->list().empty(); }));
    }
    if (!lease)
        CHECK(bed.count("vport_create 21") == 0);
}

TEST_CASE("a domain that is made anew, with another UUID, has the names of its entry at once") {
    Bed bed;
    bed.settings.npiv_linger = 3600;
    bed.fc.add_port(1, port_a);
    std::shared_ptr<const void> lease;
    (void)bed.reach(wish(names_1), lease, "target port");
    auto again = wish(names_1, "/vm/anew");
    CHECK_THAT(bed.refusal(again), Contains("is that of the domain web")); // both are there
    lease.reset();
    bed.turn();
    auto another = wish(names_1, "/vm/b");
    another.domain = "db";
    CHECK_THAT(bed.refusal(another), Contains("is that of the domain web"));
    (void)bed.reach(again, lease, "target port");
    CHECK(bed.count("vport_create") == 1);
    CHECK(VportRecords(bed.folder.path("units/npiv.vports")).list().at(0).guest == "/vm/anew");
    CHECK_THAT(bed.refusal(wish(names_1)), Contains("is that of the domain web"));
}

TEST_CASE("names that the pool keeps for a guest are no other's, also while that is away") {
    Bed bed;
    bed.fc.add_port(1, port_a);
    std::shared_ptr<const void> lease;
    (void)bed.reach(wish("auto"), lease, "target port");
    lease.reset();
    REQUIRE(bed.until([&] { return bed.vports->list().empty(); }));
    const std::string first = "2fff00163e120000:2fff00163e120002";
    CHECK_THAT(bed.refusal(wish(first, "/vm/b")), Contains("kept for the domain web"));
    CHECK_THAT(bed.refusal(wish("2fff00163e120001:2fff00163e120002", "/vm/b")),
               Contains("kept for the domain web"));
    CHECK_NOTHROW(bed.vports->reach(wish(first))); // it is its own
    REQUIRE(bed.until([&] { return bed.vports->list().empty(); }));
    // A damaged pool says nothing of names that are not its own.
    bed.folder.file("units/npiv.pool", "x");
    CHECK_THAT(bed.refusal(wish(first, "/vm/b")), Contains("whose is not known"));
    CHECK_NOTHROW(bed.vports->reach(wish(names_1, "/vm/b")));
}

TEST_CASE("of a guest's names all are taken back or none") {
    Bed bed;
    bed.settings.npiv_linger = 3600;
    bed.fc.add_port(1, port_a);
    bed.fc.add_port(2, port_b);
    std::shared_ptr<const void> one, two;
    (void)bed.reach(wish("auto@5001438000000001"), one, "target port");
    (void)bed.reach(wish("auto@5001438000000003"), two, "target port");
    one.reset();
    bed.turn();
    bed.vports->remove(wwn("2fff00163e120000"));
    REQUIRE(bed.until([&] { return bed.vports->list().size() == 1; }));
    CHECK_THROWS_WITH(bed.vports->release("/vm/a"), Contains("has to be deleted first"));
    CHECK(bed.vports->pool().list().size() == 2);
}

TEST_CASE("the host's port is the one that is named, or the only one that has NPIV") {
    Bed bed;
    std::shared_ptr<const void> lease;
    CHECK_THAT(bed.refusal(wish(names_1)), Contains("no Fibre Channel port that can have"));
    bed.fc.add_port(1, port_a, 0);
    CHECK_THAT(bed.refusal(wish(names_1)), Contains("no Fibre Channel port that can have"));
    CHECK_THAT(bed.refusal(wish(names_1 + "@5001438000000001")),
               Contains("can't have virtual ones"));
    CHECK_THAT(bed.refusal(wish(names_1 + "@5001438000000007")), Contains("no port with the name"));
    bed.fc.add_port(2, port_b);
    (void)bed.reach(wish(names_1), lease, "target port");
    CHECK(bed.fc.tree().vport(wwn(wwpn_1))->on_host == 2);
    bed.fc.add_port(3, "5001438000000005:5001438000000004");
    CHECK_THAT(bed.refusal(wish(names_2, "/vm/b")),
               Contains("several ports of this host could have it: 5001438000000003, "
                        "5001438000000005; expected vport=...@"));
    (void)bed.reach(wish(names_2 + "@5001438000000005", "/vm/b"), lease, "target port");
    CHECK(bed.fc.tree().vport(wwn(wwpn_2))->on_host == 3);
}

TEST_CASE("vport=auto takes names out of the pool, two for two ports, and keeps them") {
    Bed bed;
    bed.fc.add_port(1, port_a);
    bed.fc.add_port(2, port_b);
    std::shared_ptr<const void> one, two, other;
    (void)bed.reach(wish("auto@5001438000000001"), one, "target port");
    (void)bed.reach(wish("auto@5001438000000003"), two, "target port");
    (void)bed.reach(wish("auto@5001438000000001", "/vm/b"), other, "target port");
    CHECK(bed.is_there("2fff00163e120000"));
    CHECK(bed.fc.tree().vport(wwn("2fff00163e120004"))->on_host == 2);
    CHECK(bed.is_there("2fff00163e120008"));
    one.reset();
    CHECK(bed.until([&] { return !bed.is_there("2fff00163e120000"); }));
    (void)bed.reach(wish("auto@5001438000000001"), one, "target port");
    CHECK(bed.is_there("2fff00163e120000"));
    bed.settings.npiv_pool.reset();
    CHECK_THAT(bed.refusal(wish("auto@5001438000000001", "/vm/c")), Contains("no pool of names"));
}

TEST_CASE("with a damaged record nothing is made and nothing deleted") {
    Bed bed;
    bed.settings.npiv_linger = 3600;
    bed.fc.add_port(1, port_a);
    std::shared_ptr<const void> lease;
    (void)bed.reach(wish(names_1), lease, "target port");
    lease.reset();
    bed.stop();
    bed.folder.file("units/npiv.vports", "x");
    bed.settings.npiv_linger = 0;
    bed.start();
    CHECK_THAT(bed.refusal(wish(names_1)), Contains("is damaged"));
    CHECK_THAT(bed.refusal(wish(names_2)), Contains("is damaged"));
    CHECK_THROWS_WITH(bed.vports->remove(wwn(wwpn_1)), Contains("is damaged"));
    CHECK(bed.is_there(wwpn_1));
    CHECK(bed.count("vport_create") == 1);
}

TEST_CASE("what can't be written down is not made") {
    Bed bed;
    bed.fc.add_port(1, port_a);
    std::filesystem::create_directories(bed.folder.path("units/npiv.vports.new/x"));
    CHECK_THROWS_AS(bed.vports->reach(wish(names_1)), std::system_error);
    CHECK(bed.vports->list().empty());
    CHECK(bed.fc.writes().empty());
}

TEST_CASE("a port is deleted by hand if nobody has it") {
    Bed bed;
    bed.settings.npiv_linger = 3600;
    bed.fc.add_port(1, port_a);
    std::shared_ptr<const void> lease;
    (void)bed.reach(wish(names_1), lease, "target port");
    CHECK_THROWS_WITH(bed.vports->remove(wwn(wwpn_1)), Contains("the domain web uses the port"));
    CHECK_THROWS_WITH(bed.vports->remove(wwn(wwpn_2)), Contains("no virtual port"));
    lease.reset();
    bed.vports->remove(wwn(wwpn_1));
    CHECK_THROWS_WITH(bed.vports->remove(wwn(wwpn_1)), Contains("being made or deleted"));
    CHECK(bed.until([&] { return bed.vports->list().empty(); }));
    CHECK_FALSE(bed.is_there(wwpn_1));
}
