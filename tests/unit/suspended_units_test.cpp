// What a suspended domain's LUNs led to: who comes back finds the same units, or is refused.
#include "backend/suspended_units.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

using namespace pvscsi;
using backend::SuspendedUnits;
using Records = backend::UnitRecords::Records;

namespace {

constexpr auto life = "6f0a4fe2";
constexpr auto other_life = "6f0a4fe2-2";

struct Bed {
    test::Folder folder;
    const std::string file = folder.path("units/suspended.d/demo");
    SuspendedUnits units{folder.path("units")};

    void suspend(const Records& records, const std::string& uuid = life) const {
        units.remember("demo", uuid, records, [&](const std::string& vdev) {
            return vdev.front() == records.begin()->first.front();
        });
    }
    void same(const std::string& unit, const std::string& vdev = "0:0:0:0",
              const std::string& uuid = life) const {
        units.require_same("demo", uuid, vdev, {unit, "/dev/x"});
    }
};

bool all(const std::string&) {
    return true;
}

} // namespace

TEST_CASE("a LUN of a suspended domain is the unit that it was") {
    const Bed bed;
    CHECK_NOTHROW(bed.same("naa.2")); // nothing is known
    bed.suspend({{"0:0:0:0", {"naa.1", "/dev/a"}}});
    CHECK_NOTHROW(bed.same("naa.1")); // whatever the entry calls it
    CHECK_NOTHROW(bed.same("naa.2", "0:0:0:1"));
    CHECK_NOTHROW(bed.same("naa.2", "0:0:0:0", other_life));
    CHECK_THROWS_WITH(
        bed.same("naa.2"),
        "/dev/x is naa.2, and the LUN was naa.1 (/dev/a) when the domain was suspended: what the "
        "guest has in memory is of that one; put that one back, or say 'pvscsictl accept demo "
        "0:0:0:0' if this one is right");
    CHECK_THROWS(bed.same("naa.2")); // a refusal changes nothing
}

TEST_CASE("vhosts add up, the next suspension and another life replace") {
    const Bed bed;
    bed.suspend({{"0:0:0:0", {"naa.1", "a"}}, {"0:0:0:1", {"naa.2", "b"}}});
    bed.suspend({{"1:0:0:0", {"naa.3", "c"}}});
    CHECK_THROWS(bed.same("naa.9", "0:0:0:1"));
    CHECK_THROWS(bed.same("naa.9", "1:0:0:0"));
    bed.suspend({{"0:0:0:0", {"naa.4", "a"}}});
    CHECK_NOTHROW(bed.same("naa.4"));
    CHECK_NOTHROW(bed.same("naa.9", "0:0:0:1"));
    CHECK_THROWS(bed.same("naa.9", "1:0:0:0"));
    bed.suspend({{"0:0:0:0", {"naa.5", "a"}}}, other_life);
    CHECK_NOTHROW(bed.same("naa.9", "1:0:0:0"));
    CHECK_THROWS(bed.same("naa.4", "0:0:0:0", other_life));
}

TEST_CASE("what is forgotten is of that life, what is accepted of any") {
    const Bed bed;
    bed.suspend({{"0:0:0:0", {"naa.1", "a"}}, {"0:0:0:1", {"naa.2", "b"}}});
    bed.units.forget("demo", other_life, all);
    bed.units.forget("none", life, all);
    bed.units.forget("", "", all);
    CHECK_THROWS(bed.same("naa.9"));
    bed.units.forget("demo", life, [](const std::string& vdev) { return vdev == "0:0:0:0"; });
    CHECK_NOTHROW(bed.same("naa.9"));
    CHECK_THROWS(bed.same("naa.9", "0:0:0:1"));
    bed.units.accept("demo", "0:0:0:7");
    CHECK_THROWS(bed.same("naa.9", "0:0:0:1"));
    bed.units.accept("demo", "0:0:0:1");
    CHECK_NOTHROW(bed.same("naa.9", "0:0:0:1"));
    CHECK_FALSE(std::filesystem::exists(bed.file)); // nothing is left to say
    CHECK_NOTHROW(bed.units.accept("demo", ""));
}

TEST_CASE("a damaged file is refused until all of it is accepted, or the domain suspended anew") {
    const Bed bed;
    bed.suspend({{"0:0:0:0", {"naa.1", "a"}}});
    std::ofstream(bed.file) << "0:0:0:0\tcut";
    CHECK_THROWS(bed.same("naa.1"));
    bed.units.forget("demo", life, all);
    CHECK_THROWS(bed.units.accept("demo", "0:0:0:0"));
    CHECK_THROWS(bed.same("naa.1"));
    SECTION("accepted") {
        bed.units.accept("demo", "");
        CHECK_NOTHROW(bed.same("naa.2"));
    }
    SECTION("suspended anew") {
        bed.suspend({{"0:0:0:0", {"naa.1", "a"}}});
        CHECK_NOTHROW(bed.same("naa.1"));
        CHECK_THROWS(bed.same("naa.2"));
    }
}

TEST_CASE("a record that can't be written is an error, and the old one stays") {
    const Bed bed;
    std::ofstream(bed.folder.path("units")) << "no folder";
    CHECK_THROWS_AS(bed.suspend({{"0:0:0:0", {"naa.1", "a"}}}), std::system_error);
}

TEST_CASE("domains that never come back are not remembered without end") {
    const Bed bed;
    bed.suspend({{"0:0:0:0", {"naa.1", "a"}}});
    const std::filesystem::path folder = std::filesystem::path(bed.file).parent_path();
    const auto then = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
    std::filesystem::last_write_time(bed.file, then - std::chrono::hours(1));
    for (std::size_t i = 1; i < SuspendedUnits::most_domains; ++i) {
        const auto file = folder / fmt::format("d{}", i);
        std::ofstream(file) << "0:0:0:0\tx naa.1\ta\n";
        std::filesystem::last_write_time(file, then);
    }
    bed.units.remember("one", life, {{"0:0:0:0", {"naa.1", "a"}}}, all);
    CHECK_FALSE(std::filesystem::exists(bed.file)); // the oldest
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator(folder))
        ++count;
    CHECK(count == SuspendedUnits::most_domains);
}
