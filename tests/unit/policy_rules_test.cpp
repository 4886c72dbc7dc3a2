// What each policy says of each command, by a table that is written down here once more.
#include "tests/support/policy_cdb.hpp"

#include <catch2/catch.hpp>

#include <fmt/format.h>
#include <fstream>
#include <set>
#include <sstream>

using namespace pvscsi;
using namespace pvscsi::backend::policy;
using ring::Direction;
using test::cdb;
using test::rules;
using Bytes = std::vector<std::uint8_t>;
using enum config::CommandClass;

namespace {

/// Where the sense points, if the class is not allowed: no place means 5/20/00.
struct Place {
    int byte = -1;
    int bit = -1;
};
constexpr Place opcode{};
constexpr Place action{1, 4};

struct Case {
    std::uint8_t type;
    Bytes bytes;
    config::CommandClass value;
    Place place;
};

const std::vector<Case> cases{
    // any device
    {0x00, {0x00}, inquire, opcode},
    {0x0c, {0x12}, inquire, opcode},
    {0x00, {0x15}, configure, opcode},
    {0x00, {0x16}, reserve, opcode},
    {0x00, {0x16, 0x10}, reserve_others, {1, 4}},
    {0x01, {0x17}, reserve, opcode},
    {0x01, {0x57, 0x10}, reserve_others, {1, 4}},
    {0x00, {0x18}, copy_others, opcode},
    {0x00, {0x3a}, copy_others, opcode},
    {0x00, {0x1d, 0x04}, diagnose, opcode},
    {0x00, {0x1d, 0x20}, diagnose, opcode},
    {0x00, {0x1d, 0x05}, device, {1, 1}},
    {0x00, {0x1d, 0x06}, device, {1, 1}},
    {0x00, {0x3b, 0x02}, diagnose, action},
    {0x00, {0x3b, 0x0a}, diagnose, action},
    {0x00, {0x3b, 0x04}, firmware, action},
    {0x01, {0x3b, 0x05}, firmware, action},
    {0x05, {0x3b, 0x06}, firmware, action},
    {0x08, {0x3b, 0x07}, firmware, action},
    {0x0d, {0x3b, 0x0d}, firmware, action},
    {0x00, {0x3b, 0x0e}, firmware, action},
    {0x00, {0x3b, 0x0f}, firmware, action},
    {0x00, {0x3b, 0xe5}, firmware, action}, // MODE SPECIFIC is no part of the mode
    {0x00, {0x3b, 0x1a}, device, action},
    {0x00, {0x3b, 0x1b}, device, action},
    {0x00, {0x3b, 0x00}, vendor, action},
    {0x00, {0x3b, 0x01}, vendor, action},
    {0x00, {0x3b, 0x1f}, vendor, action},
    {0x00, {0x3c, 0x0b}, inquire, action},
    {0x00, {0x3c, 0x01}, vendor, action},
    {0x00, {0x40}, device, opcode},
    {0x00, {0x4c}, configure, opcode},
    {0x00, {0x55}, configure, opcode},
    {0x00, {0x5e, 0x01}, inquire, opcode},
    {0x00, {0x5f, 0x00}, reserve, action},
    {0x00, {0x5f, 0x01}, reserve, action},
    {0x00, {0x5f, 0x02}, reserve, action},
    {0x00, {0x5f, 0x03}, reserve, action},
    {0x00, {0x5f, 0x04}, reserve, action},
    {0x00, {0x5f, 0x05}, reserve, action},
    {0x00, {0x5f, 0x06}, reserve, action},
    {0x00, {0x5f, 0x07}, reserve_others, action},
    {0x00, {0x5f, 0x08}, reserve_others, action},
    {0x00, {0x5f, 0x09}, vendor, action},
    {0x00, {0x83, 0x00}, copy, action},
    {0x00, {0x83, 0x01}, copy_others, action},
    {0x00, {0x83, 0x10}, data, action},
    {0x00, {0x83, 0x11}, data, action},
    {0x00, {0x83, 0x1c}, copy, action},
    {0x00, {0x83, 0x1f}, vendor, action},
    {0x00, {0x84, 0x03}, inquire, opcode},
    {0x00, {0x86}, ports, opcode},
    {0x00, {0x87}, ports, opcode},
    {0x00, {0x85, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xec}, diagnose, {14, 7}},
    {0x00, {0x85, 0x08, 0, 0, 0xd0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xb0}, diagnose, {14, 7}},
    {0x00, {0x85, 0x06, 0, 0, 0xd8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xb0}, ata, opcode},
    {0x00, {0x85, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x92}, firmware, {14, 7}},
    {0x00, {0x85, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x93}, firmware, {14, 7}},
    {0x00, {0x85, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf1}, ata, opcode},
    {0x00, {0xa1, 0x08, 0, 0, 0, 0, 0, 0, 0, 0xec}, diagnose, {9, 7}},
    {0x00, {0xa1, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0x92}, firmware, {9, 7}},
    {0x00, {0xa1, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0x35}, ata, opcode},
    {0x00, {0xa2}, inquire, opcode},
    {0x01, {0xb5, 0x20}, encrypt, {1, 7}},
    {0x01, {0xb5, 0x21}, security, opcode},
    {0x00, {0xb5, 0x01}, security, opcode},
    {0x00, {0xb5, 0xef}, security, opcode},
    {0x00, {0xa3, 0x05}, inquire, action},
    {0x00, {0xa3, 0x0a}, inquire, action},
    {0x00, {0xa3, 0x0b}, ports, action},
    {0x00, {0xa3, 0x0c}, inquire, action},
    {0x00, {0xa3, 0x10}, device, action},
    {0x00, {0xa3, 0x1f}, vendor, action},
    {0x00, {0xa3, 0x00}, vendor, action},
    {0x00, {0xa4, 0x06}, configure, action},
    {0x00, {0xa4, 0x0a}, ports, action},
    {0x00, {0xa4, 0x0b}, ports, action},
    {0x00, {0xa4, 0x0c}, ports, action},
    {0x00, {0xa4, 0x0e}, ports, action},
    {0x01, {0xa4, 0x0f}, configure, action},
    {0x00, {0xa4, 0x10}, device, action},
    {0x00, {0xa4, 0x1f}, vendor, action},
    {0x00, {0x02}, vendor, opcode},
    {0x00, {0x7e}, vendor, opcode},
    {0x00, {0xc0}, vendor, opcode},
    {0x01, {0xff}, vendor, opcode},
    // disks
    {0x00, {0x04}, erase, opcode},
    {0x00, {0x07}, erase, opcode},
    {0x00, {0x08}, data, opcode},
    {0x00, {0x28}, data, opcode},
    {0x0e, {0x2a}, data, opcode},
    {0x14, {0x8a}, data, opcode},
    {0x00, {0x1b}, medium, opcode},
    {0x00, {0x25}, inquire, opcode},
    {0x00, {0x41}, data, opcode},
    {0x00, {0x42}, data, opcode},
    {0x00, {0x48, 0x01}, erase, opcode},
    {0x00, {0x89}, data, opcode},
    {0x00, {0x93, 0x08}, data, opcode},
    {0x14, {0x94, 0x04}, data, action},
    {0x14, {0x95, 0x00}, inquire, action},
    {0x00, {0x9e, 0x10}, inquire, action},
    {0x00, {0x9e, 0x12}, inquire, action},
    {0x00, {0x9e, 0x18}, erase, action},
    {0x00, {0x9e, 0x1f}, vendor, action},
    {0x00, {0x9f, 0x11}, data, action},
    {0x00, {0x7f, 0, 0, 0, 0, 0, 0, 8, 0x00, 0x0b}, data, {8, 7}},
    {0x00, {0x7f, 0, 0, 0, 0, 0, 0, 8, 0x1f, 0xf0}, ata, {8, 7}},
    {0x00, {0x7f, 0, 0, 0, 0, 0, 0, 8, 0x88, 0x06}, vendor, {8, 7}},
    {0x00, {0x11}, vendor, opcode}, // a tape's
    // tapes
    {0x01, {0x01}, data, opcode},
    {0x01, {0x0a}, data, opcode},
    {0x01, {0x0a, 1}, data, {1, 4}},
    {0x01, {0x11}, data, opcode},
    {0x01, {0x19}, erase, opcode},
    {0x01, {0x1b}, medium, opcode},
    {0x01, {0x05}, inquire, opcode},
    {0x01, {0x44}, inquire, opcode},
    {0x01, {0x8d}, data, opcode},
    {0x01, {0x93}, erase, opcode},
    {0x01, {0x28}, vendor, opcode}, // a disk's
    // changers
    {0x08, {0x07}, medium, opcode},
    {0x08, {0xa5}, medium, opcode},
    {0x08, {0xa6}, medium, opcode},
    {0x08, {0xb8}, inquire, opcode},
    {0x08, {0xb5}, inquire, opcode},
    {0x08, {0x0a}, vendor, opcode},
    // CDs
    {0x05, {0x43}, inquire, opcode},
    {0x05, {0x4a}, inquire, opcode},
    {0x05, {0xa1}, erase, opcode},
    {0x05, {0xa3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x06}, configure, {10, 5}},
    {0x05, {0xa3}, data, opcode},
    {0x05, {0xa4}, data, opcode},
    {0x05, {0xbe}, data, opcode},
    {0x05, {0xbf}, data, opcode},
    // others
    {0x06, {0x1b}, data, opcode},
    {0x0c, {0xba}, vendor, opcode}, // REDUNDANCY GROUP (IN)
    {0x0d, {0x1c}, inquire, opcode},
    {0x1f, {0x28}, vendor, opcode},
};

/// As the profile alone says it: not its form, for which the data are missing.
bool refused(const Rules& by, const Case& one, scsi::Sense* sense = nullptr) {
    const auto objection = by.judge(cdb(one.bytes), Direction::none, 0);
    if (!objection || objection->reason == Objection::Reason::malformed)
        return false;
    CHECK(objection->value == one.value);
    if (sense != nullptr)
        *sense = objection->sense;
    return true;
}

void check_place(const scsi::Sense& sense, const Place& place) {
    CHECK(sense.key() == scsi::SenseKey::illegal_request);
    CHECK(unsigned{sense.asc()} == (place.byte < 0 ? 0x20u : 0x24u));
    if (place.byte < 0)
        return;
    CHECK(unsigned{sense.bytes()[15]} == (0xc8u | static_cast<unsigned>(place.bit)));
    CHECK(unsigned{sense.bytes()[17]} == static_cast<unsigned>(place.byte));
}

std::string readme_table() {
    std::string text;
    for (const auto& table : all_rows())
        for (const Row& row : table) {
            std::string kinds;
            constexpr std::array names{"disk",      "tape",    "CD",   "changer",
                                       "enclosure", "scanner", "other"};
            for (unsigned i = 0; i < names.size(); ++i)
                if ((row.kinds >> i & 1) != 0)
                    kinds += (kinds.empty() ? "" : ", ") + std::string(names[i]);
            if (row.kinds == any_kind)
                kinds = "any";
            const int digits = row.opcode == 0x7f ? 4 : 2;
            text += fmt::format(
                "| {:02x}{} | {} | {} | {} | {} |\n", row.opcode,
                row.action == any_action ? "" : fmt::format("/{:0{}x}", row.action, digits),
                row.name, row.when_text, kinds, config::name_of(row.value));
        }
    return text;
}

} // namespace

TEST_CASE("each profile allows the commands of its classes, and refuses all others") {
    for (const config::Profile& profile : config::profiles())
        for (const Case& one : cases) {
            CAPTURE(profile.name, unsigned{one.type}, one.bytes, config::name_of(one.value));
            const Rules by = rules(std::string(profile.name), one.type);
            scsi::Sense sense;
            const bool is_refused = refused(by, one, &sense);
            REQUIRE(is_refused == !profile.classes.has(one.value));
            if (is_refused)
                check_place(sense, one.place);
        }
}

TEST_CASE("every class has a case") {
    std::set<config::CommandClass> seen;
    for (const Case& one : cases)
        seen.insert(one.value);
    CHECK(seen.size() == config::command_class_count);
}

TEST_CASE("on a unit that is shared by one nexus reservations take cluster-node") {
    const Case reserving{0x00, {0x5f, 0x01}, reserve, action};
    const Case reserve6{0x00, {0x16}, reserve, opcode};
    const Case asking{0x00, {0x5e, 0x01}, inquire, opcode};
    for (const config::Profile& profile : config::profiles()) {
        CAPTURE(profile.name);
        const Rules by = rules(std::string(profile.name), 0, true);
        const bool may = profile.classes.has(reserve_others);
        CHECK(refused(by, reserving) == !may);
        CHECK(refused(by, reserve6) == !may);
        CHECK_FALSE(refused(by, asking));
    }
}

TEST_CASE("an own policy's operation codes go before classes, and what is refused before allowed") {
    std::vector<config::OwnPolicy> own(1);
    own[0].name = "mine";
    own[0].allow = {config::CommandName{0x3b, 0x05}, config::CommandName{0xc1, {}},
                    config::CommandName{0xa4, {}}};
    own[0].refuse = {config::CommandName{0xa4, 0x0b}, config::CommandName{0x28, {}},
                     config::CommandName{0x1e, {}}, erase};
    const Rules by = rules("mine", 0, false, own);
    CHECK_FALSE(refused(by, {0, {0x3b, 0x05}, firmware, action}));
    CHECK(refused(by, {0, {0x3b, 0x04}, firmware, action}));
    CHECK_FALSE(refused(by, {0, {0xc1}, vendor, opcode}));
    CHECK_FALSE(refused(by, {0, {0xa4, 0x0a}, ports, action}));
    scsi::Sense sense;
    CHECK(refused(by, {0, {0xa4, 0x0b}, ports, action}, &sense));
    check_place(sense, action);
    CHECK(refused(by, {0, {0x28}, data, opcode}, &sense));
    check_place(sense, opcode);
    CHECK(refused(by, {0, {0x04}, erase, opcode}));
    CHECK_FALSE(refused(by, {0, {0x2a}, data, opcode}));
}

TEST_CASE("rows of one opcode stand together, in the table and in the README") {
    for (const auto& table : all_rows()) {
        std::set<std::uint8_t> done;
        int last = -1;
        for (const Row& row : table) {
            if (row.opcode == last)
                continue;
            CHECK(done.insert(row.opcode).second);
            last = row.opcode;
        }
    }
    std::ifstream file(POLICY_README);
    std::stringstream readme;
    readme << file.rdbuf();
    const std::string table = readme_table();
    if (readme.str().find(table) == std::string::npos)
        FAIL("the table of backend/policy/README.md should be:\n" << table);
}
