// Profiles, classes and the names by which an administrator asks for them.
#include "common/config/policies.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace pvscsi::config;
using Catch::Contains;

TEST_CASE("classes stand in the order of their values, each with a name of its own") {
    std::set<std::string_view> names;
    unsigned value = 0;
    for (const CommandClassForm& form : command_classes()) {
        CHECK(static_cast<unsigned>(form.value) == value++);
        CHECK(name_of(form.value) == form.name);
        CHECK(names.insert(form.name).second);
        CHECK(parse_policy_item(form.name) == PolicyItem(form.value));
        CHECK_FALSE(form.meaning.empty());
    }
    CHECK(value == command_class_count);
}

TEST_CASE("profiles are the ones that are promised") {
    std::set<std::string_view> names;
    for (const Profile& profile : profiles()) {
        CHECK(names.insert(profile.name).second);
        CHECK(profile.classes.has(CommandClass::inquire));
        // Nothing but these two is for those who know what they do.
        const bool wide = profile.name == "all" || profile.name == "san-admin";
        for (const auto risky :
             {CommandClass::copy_others, CommandClass::ports, CommandClass::device,
              CommandClass::security, CommandClass::ata, CommandClass::vendor})
            CHECK(profile.classes.has(risky) == wide);
        CHECK(profile.classes.has(CommandClass::firmware) == (profile.name == "all"));
        CHECK(profile.checks_form == (profile.name != "all"));
    }
    CHECK(names == std::set<std::string_view>{"default", "disk", "tape", "changer", "optical",
                                              "cluster-node", "san-admin", "all"});
}

TEST_CASE("a choice is a name, with audit: before it or not") {
    struct Row {
        std::string text;
        bool good;
        bool audit;
        std::string name;
    };
    const auto row =
        GENERATE(Row{"tape", true, false, "tape"}, Row{"audit:tape", true, true, "tape"},
                 Row{"audit", true, false, "audit"}, Row{"a.b_c-9", true, false, "a.b_c-9"},
                 Row{std::string(64, 'a'), true, false, std::string(64, 'a')},
                 Row{std::string(65, 'a'), false, false, ""}, Row{"", false, false, ""},
                 Row{"audit:", false, false, ""}, Row{"audit:audit:x", false, false, ""},
                 Row{"x:tape", false, false, ""}, Row{"a b", false, false, ""},
                 Row{"a/b", false, false, ""}, Row{"tape\n", false, false, ""});
    CAPTURE(row.text);
    const auto choice = parse_policy_choice(row.text);
    REQUIRE(choice.has_value() == row.good);
    if (choice) {
        CHECK(choice->audit == row.audit);
        CHECK(choice->name == row.name);
    }
}

TEST_CASE("an item is a class or an operation code") {
    CHECK(parse_policy_item("firmware") == PolicyItem(CommandClass::firmware));
    CHECK(parse_policy_item("e5") == PolicyItem(CommandName{0xe5, {}}));
    CHECK(parse_policy_item("A4/0A") == PolicyItem(CommandName{0xa4, 0x0a}));
    CHECK(parse_policy_item("7f/1ff0") == PolicyItem(CommandName{0x7f, 0x1ff0}));
    for (const char* const wrong : {"", "/", "a4/", "/0a", "a4/0a/1", "100", "g0", "a4/10000",
                                    "0x12", "Firmware", " e5", "e5 ", "-1"})
        CHECK_FALSE(parse_policy_item(wrong));
}

TEST_CASE("without a choice it is the default") {
    const auto policy = find_policy("", {});
    REQUIRE(policy);
    CHECK(policy->name == "default");
    CHECK_FALSE(policy->audit);
    CHECK(find_policy("audit:default", {})->audit);
}

TEST_CASE("a name that nobody knows is told with those that there are") {
    const std::vector<OwnPolicy> own{{"mine", "tape", {}, {}, false}};
    const auto policy = find_policy("audit:yours", own);
    REQUIRE(!policy);
    CHECK_THAT(policy.error().reason, Contains("there is no policy 'yours' on this host"));
    CHECK_THAT(policy.error().remedy,
               Contains("default, disk") && Contains(", mine") && Contains("[policy.yours]"));
}

TEST_CASE("an own policy begins with its base and changes it") {
    std::vector<OwnPolicy> own(1);
    own[0].name = "mine";
    own[0].base = "tape";
    own[0].allow = {CommandClass::vendor, CommandName{0xa4, 0x0a}};
    own[0].refuse = {CommandClass::erase, CommandName{0x1e, {}}};
    auto policy = find_policy("mine", own);
    REQUIRE(policy);
    CHECK(policy->name == "mine");
    CHECK(policy->classes.has(CommandClass::vendor));
    CHECK_FALSE(policy->classes.has(CommandClass::erase));
    CHECK(policy->classes.has(CommandClass::encrypt));
    CHECK(policy->allow == std::vector{CommandName{0xa4, 0x0a}});
    CHECK(policy->refuse == std::vector{CommandName{0x1e, {}}});
    CHECK(policy->types.size() == 1);
    CHECK_FALSE(policy->audit);
    CHECK(find_policy("audit:mine", own)->audit);
    own[0].audit = true;
    CHECK(find_policy("mine", own)->audit);
}
