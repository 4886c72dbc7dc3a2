// Disks in memory: that there is enough of it.
#include "backend/target.hpp"
#include "backend/targets/medium_ram.hpp"

#include <catch2/catch.hpp>
#include <cstring>

using namespace pvscsi;
using namespace pvscsi::backend;
using Catch::Matchers::Contains;

namespace {

constexpr std::uint64_t mib = 1 << 20;

std::string refusal(std::uint64_t bytes, RamLedger& ledger) {
    try {
        const RamMedium disk(bytes, ledger);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "opened";
}

} // namespace

TEST_CASE("the kernel says how much memory there is") {
    const auto available = memory_available();
    REQUIRE(available);
    CHECK(*available > mib);
    CHECK(*available < std::uint64_t{1} << 50);
}

TEST_CASE("a ram disk that the host could not fill is refused, with what there is") {
    try {
        (void)make_target({"ram:16T", false, "", ""});
        FAIL("opened");
    } catch (const std::runtime_error& error) {
        CHECK_THAT(error.what(), Contains("17592186044416 bytes does not fit"));
    }
    CHECK(make_target({"ram:64M", false, "", ""}));
}

TEST_CASE("what one ram disk may still take, another cannot have") {
    std::uint64_t available = 100 * mib;
    RamLedger ledger([&] { return available; });
    CHECK(refusal(100 * mib, ledger) == "opened"); // and let go of again
    CHECK_THAT(refusal(100 * mib + 512, ledger), Contains("104858112") &&
                                                     Contains("104857600 bytes are available") &&
                                                     Contains("which 0 are promised"));
    RamMedium first(60 * mib, ledger);
    CHECK_THAT(refusal(41 * mib, ledger),
               Contains("104857600 bytes are available") && Contains("62914560 are promised"));
    const RamMedium second(40 * mib, ledger);
    CHECK_THAT(refusal(mib, ledger), Contains("which 104857600 are promised"));
    // What it has taken already is no longer available, and not to be counted twice. Large pages
    // make it more than was written, but no more than it was promised.
    std::memset(first.memory().data(), 1, 60 * mib);
    available -= 60 * mib;
    CHECK_THAT(refusal(mib, ledger), Contains("which 41943040 are promised"));
    available += mib;
    CHECK(refusal(mib, ledger) == "opened");
    // Others have taken what was promised: nothing is left, and nothing wraps around.
    available = 10 * mib;
    CHECK_THAT(refusal(mib, ledger), Contains("10485760 bytes are available"));
}

TEST_CASE("a kernel that does not say how much memory there is refuses nothing") {
    RamLedger ledger([] { return std::nullopt; });
    CHECK(refusal(64 * mib, ledger) == "opened");
}
