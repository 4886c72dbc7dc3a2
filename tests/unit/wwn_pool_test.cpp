// The pool of names for guests' ports, and the record of the ports that are ours: what is given
// once is kept, and what is damaged is not used.
#include "backend/npiv/vport_records.hpp"
#include "backend/npiv/wwn_pool.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <sys/stat.h>
#include <unistd.h>

using namespace pvscsi;
using namespace pvscsi::backend::npiv;
using Catch::Contains;

namespace {

const std::string prefix = "2fff00163e12";

struct Bed {
    test::Folder folder;
    std::string file = folder.path("units/npiv.pool");
    std::set<Wwn> seen; ///< in the fabric

    PoolNames draw(const std::string& guest, std::optional<Wwn> on = {},
                   const std::string& from = prefix) const {
        // A new one each time: the daemon was restarted, or the host.
        return WwnPool(file).draw(from, guest, on, "name of " + guest,
                                  [&](Wwn name) { return seen.contains(name); });
    }
    void damage(const std::string& text) const {
        std::filesystem::create_directories(folder.path("units"));
        folder.file("units/npiv.pool", text);
    }
    std::string text() const {
        std::ifstream in(file);
        return {std::istreambuf_iterator<char>(in), {}};
    }
};

} // namespace

TEST_CASE("a guest keeps the names that it was given, and no other has them") {
    const Bed bed;
    const auto a = bed.draw("/vm/a"), b = bed.draw("/vm/b");
    CHECK(to_string(a.names) == "2fff00163e120000:2fff00163e120002");
    CHECK(to_string(a.second) == "2fff00163e120001");
    CHECK(to_string(b.names) == "2fff00163e120004:2fff00163e120006");
    CHECK(bed.draw("/vm/a").names == a.names);
    CHECK(bed.draw("/vm/b").names == b.names);
    // On a port of the host that it names it has others: a second path.
    const auto other = bed.draw("/vm/a", Wwn(0x5001438000000001));
    CHECK(to_string(other.names.port) == "2fff00163e120008");
    CHECK(bed.draw("/vm/a", Wwn(0x5001438000000001)).names == other.names);
    CHECK(WwnPool(bed.file).list().size() == 3);
    CHECK(WwnPool(bed.file).list()[1].domain == "name of /vm/b");
    struct ::stat info {};
    REQUIRE(::stat(bed.file.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("another prefix counts for new guests; what was given stays, also without any") {
    const Bed bed;
    const auto a = bed.draw("/vm/a");
    CHECK(to_string(bed.draw("/vm/b", {}, "50014380abcd").names.port) == "50014380abcd0000");
    CHECK(bed.draw("/vm/a", {}, "2fff00163e13").names == a.names);
    CHECK(bed.draw("/vm/a", {}, "").names == a.names);
    CHECK_THROWS_WITH(bed.draw("/vm/c", {}, ""),
                      Contains("no pool of names") && Contains("[npiv]"));
}

TEST_CASE("names that somebody in the fabric has are left out") {
    Bed bed;
    bed.seen = {Wwn(0x2fff00163e120000), Wwn(0x2fff00163e120005)};
    CHECK(to_string(bed.draw("/vm/a").names.port) == "2fff00163e120008");
    // What it has is its own, whoever has it now: that is told when the port is made.
    bed.seen.insert(Wwn(0x2fff00163e120008));
    CHECK(to_string(bed.draw("/vm/a").names.port) == "2fff00163e120008");
}

TEST_CASE("an exhausted pool gives nothing, until something is released") {
    const Bed bed;
    const std::string small = "2fff00163e1234";
    CHECK(WwnPool::size_of(small) == 64);
    CHECK(WwnPool::size_of("") == 0);
    CHECK(WwnPool::size_of(std::string(16, '2')) == 0);
    for (int i = 0; i < 64; ++i)
        bed.draw("/vm/" + std::to_string(i), {}, small);
    const std::string before = bed.text();
    CHECK_THROWS_WITH(
        bed.draw("/vm/64", {}, small),
        Contains("all names of the pool 2fff00163e1234 are given away, to 64 guests"));
    CHECK(bed.text() == before);
    CHECK(WwnPool(bed.file).release("/vm/17"));
    CHECK_FALSE(WwnPool(bed.file).release("/vm/17"));
    CHECK(to_string(bed.draw("/vm/64", {}, small).names.port) == "2fff00163e123444");
}

TEST_CASE("a damaged pool is not used and not written over") {
    const Bed bed;
    bed.draw("/vm/a");
    bed.draw("/vm/b");
    const std::string good = bed.text();
    const auto end = good.find('\n') + 1;
    std::string bad;
    SECTION("cut off in mid-line") {
        bad = good.substr(0, good.size() - 10);
    }
    SECTION("without its last newline") {
        bad = good.substr(0, good.size() - 1);
    }
    SECTION("a field too few") {
        bad = good.substr(0, end) + "/vm/b\t-\t2fff00163e120004\n";
    }
    SECTION("no guest") {
        bad = good.substr(good.find('\t'));
    }
    SECTION("a name that is none") {
        bad = "/vm/c\t-\t2fff\t2fff00163e120005\t2fff00163e120006\tx\n";
    }
    SECTION("a port that is none") {
        bad = "/vm/c\thost0\t2fff00163e120004\t2fff00163e120005\t2fff00163e120006\tx\n";
    }
    SECTION("a guest twice") {
        bad = good + good.substr(0, end);
    }
    SECTION("one WWPN for two") {
        bad = good.substr(0, end) +
              "/vm/b\t-\t2fff00163e120000\t2fff00163e120005\t2fff00163e120006\tx\n";
    }
    SECTION("one's WWPN is the other's second") {
        bad = good.substr(0, end) +
              "/vm/b\t-\t2fff00163e120001\t2fff00163e120005\t2fff00163e120006\tx\n";
    }
    bed.damage(bad);
    CHECK_THROWS_WITH(bed.draw("/vm/a"), Contains("is damaged"));
    CHECK_THROWS_WITH(bed.draw("/vm/c"), Contains("is damaged"));
    CHECK_THROWS(WwnPool(bed.file).release("/vm/a"));
    CHECK(bed.text() == bad);
}

TEST_CASE("names that can't be kept are not given") {
    const Bed bed;
    std::filesystem::create_directories(bed.file); // in the file's place
    CHECK_THROWS_WITH(bed.draw("/vm/a"), Contains("not a regular file"));
    std::filesystem::remove(bed.file);
    std::filesystem::create_directories(bed.file + ".new/x");
    CHECK_THROWS_AS(bed.draw("/vm/a"), std::system_error);
    std::filesystem::remove_all(bed.file + ".new");
    CHECK_THROWS_WITH(bed.draw(""), Contains("no name that its port could be kept by"));
    CHECK_THROWS(bed.draw("a\tb"));
    CHECK_NOTHROW(bed.draw("/vm/a"));
}

TEST_CASE("the ports that are ours are written down, and a damaged record is not believed") {
    const test::Folder folder;
    const VportRecords records(folder.path("units/npiv.vports"));
    CHECK(records.list().empty());
    const auto pair = [](const char* text) { return config::parse_wwn_pair(text).value(); };
    const std::vector<VportRecord> all{
        {pair("2100000000000001:2000000000000001"), Wwn(0x5001438000000001), "/vm/a", "0", "web"},
        {pair("2100000000000002:2000000000000002"), Wwn(0x5001438000000001), "", "", ""}};
    records.write(all);
    CHECK(records.list() == all);
    std::string good;
    std::getline(std::ifstream(records.file()), good, '\0');
    for (const std::string& bad :
         {good.substr(0, good.size() - 1), good + good, good + "\n", good + "x\ty\tz\tu\tv\n",
          good + "2100000000000003:2000000000000003\thost1\t\t\t\n"}) {
        folder.file("units/npiv.vports", bad);
        CHECK_THROWS_WITH(records.list(), Contains("is damaged"));
    }
    // What would break the lines is not written.
    records.write({{all[0].names, all[0].on, "a\tb", "0", "c\nd"}});
    CHECK(records.list().at(0).guest == "a?b");
    CHECK(records.list().at(0).domain == "c?d");
}
