// Random commands through every policy: none crashes it, and none that loads firmware passes one
// that does not say so.
#include "tests/support/policy_cdb.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace pvscsi;
using backend::policy::Rules;

namespace {

class Dice {
  public:
    std::uint32_t below(std::uint32_t end) {
        return std::uniform_int_distribution<std::uint32_t>(0, end - 1)(engine_);
    }
    std::uint8_t byte() {
        // Edges as often as anything else.
        constexpr std::array<std::uint8_t, 4> edges{0x00, 0xff, 0x80, 0x01};
        return below(3) == 0 ? edges[below(4)] : static_cast<std::uint8_t>(below(256));
    }
    /// Of any length that its group allows.
    ring::Cdb cdb() {
        for (;;) {
            std::vector<std::uint8_t> bytes(1 + below(16));
            for (auto& one : bytes)
                one = byte();
            if (below(4) == 0)
                bytes[0] = 0x3b; // enough that would load firmware
            if (auto made = ring::Cdb::make(bytes))
                return *made;
        }
    }
    std::vector<std::uint8_t> list() {
        std::vector<std::uint8_t> bytes(below(200));
        for (auto& one : bytes)
            one = byte();
        return bytes;
    }
    ring::Direction direction() { return static_cast<ring::Direction>(below(3)); }

  private:
    std::mt19937 engine_{20261122};
};

/// Written down here once more, not taken from the table.
bool loads_firmware(const ring::Cdb& cdb) {
    const auto& bytes = cdb.padded();
    const unsigned mode = bytes[1] & 0x1f;
    return bytes[0] == 0x3b && ((mode >= 0x04 && mode <= 0x07) || (mode >= 0x0d && mode <= 0x0f));
}

constexpr std::array<std::uint8_t, 8> types{0x00, 0x01, 0x03, 0x05, 0x08, 0x0c, 0x0d, 0x1f};

} // namespace

TEST_CASE("10,000 random commands for each policy and type of device") {
    unsigned firmware = 0;
    for (const config::Profile& profile : config::profiles())
        for (const std::uint8_t type : types) {
            const Rules rules =
                test::rules(std::string(profile.name), type, false, {}, "naa.5000c500a1b2c3d4");
            Dice dice;
            for (unsigned i = 0; i < 10'000; ++i) {
                const ring::Cdb cdb = dice.cdb();
                const auto list = dice.list();
                const auto objection =
                    rules.judge(cdb, dice.direction(), static_cast<std::uint32_t>(list.size()));
                const auto in_list = rules.judge_data(cdb, list);
                if (objection)
                    REQUIRE(objection->sense.key() == scsi::SenseKey::illegal_request);
                if (in_list)
                    REQUIRE(in_list->sense.asc() == 0x26);
                if (profile.name == "all")
                    REQUIRE((!objection && !in_list));
                else if (loads_firmware(cdb)) {
                    ++firmware;
                    REQUIRE(objection);
                }
                if (profile.name != "all" && profile.name != "san-admin" && cdb.opcode() >= 0xc0)
                    REQUIRE(objection);
            }
        }
    CHECK(firmware > 10'000); // there were enough to say something
}
