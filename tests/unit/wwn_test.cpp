// World wide names in the spellings that people use, and in the one that is printed.
#include "common/config/wwn.hpp"

#include "common/config/pdev.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::config;

TEST_CASE("a name is taken in all usual spellings and printed in one") {
    for (const char* const text :
         {"2100001b32ab45ef", "2100001B32AB45EF", "0x2100001b32ab45ef", "0X2100001b32Ab45eF",
          "21:00:00:1b:32:ab:45:ef", "21-00-00-1B-32-AB-45-EF"}) {
        CAPTURE(text);
        const auto name = parse_wwn_name(text);
        REQUIRE(name);
        CHECK(name->value() == 0x2100001b32ab45efULL);
        CHECK(to_string(*name) == "2100001b32ab45ef");
    }
    CHECK(to_string(Wwn(1)) == "0000000000000001");
    CHECK(to_string(Wwn(~0ULL)) == "ffffffffffffffff");
}

TEST_CASE("what is no name is not taken for one") {
    for (const char* const text :
         {"", "0", "0000000000000000", "0x0000000000000000", "2100001b32ab45e", "2100001b32ab45ef0",
          "0x2100001b32ab45e", "x2100001b32ab45ef", "2100001b32ab45eg", "0x0x00001b32ab45ef",
          "21:00:00:1b:32:ab:45", "21:00:00:1b:32:ab:45:ef:", "21:00:00:1b-32:ab:45:ef",
          "21.00.00.1b.32.ab.45.ef", "2100:001b:32ab:45ef", " 2100001b32ab45ef", "+100001b32ab45ef",
          "::::::::::::::::", "21:00:00:1b:32:ab:45:e "}) {
        CAPTURE(text);
        CHECK_FALSE(parse_wwn_name(text));
    }
}

TEST_CASE("two names are the port's and then the node's, however each is spelled") {
    for (const char* const text :
         {"2100001b32ab45ef:2000001b32ab45ef", "0x2100001b32ab45ef:2000001b32ab45ef",
          "2100001b32ab45ef:0x2000001B32AB45EF", "21:00:00:1b:32:ab:45:ef:20:00:00:1b:32:ab:45:ef",
          "21:00:00:1b:32:ab:45:ef:2000001b32ab45ef",
          "0x2100001b32ab45ef:20-00-00-1b-32-ab-45-ef"}) {
        CAPTURE(text);
        const auto names = parse_wwn_pair(text);
        REQUIRE(names);
        CHECK(names->port == Wwn(0x2100001b32ab45efULL));
        CHECK(names->node == Wwn(0x2000001b32ab45efULL));
        CHECK(to_string(*names) == "2100001b32ab45ef:2000001b32ab45ef");
    }
    for (const char* const text :
         {"", ":", "2100001b32ab45ef", "2100001b32ab45ef:", ":2100001b32ab45ef",
          "2100001b32ab45ef:2100001b32ab45ef", // they have to be told apart
          "21:00:00:1b:32:ab:45:ef:0x2100001b32ab45ef", "2100001b32ab45ef-2000001b32ab45ef",
          "2100001b32ab45ef:2000001b32ab45ef:", "2100001b32ab45ef::2000001b32ab45ef",
          "2100001b32ab45ef:0000000000000000"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_wwn_pair(text));
    }
}

TEST_CASE("vport= names a pair or the pool, and maybe the host's port") {
    const auto choice =
        parse_vport_choice("21:00:00:1b:32:ab:45:ef:20:00:00:1b:32:ab:45:ef@0x5001438012345678");
    REQUIRE(choice);
    CHECK(choice->names == parse_wwn_pair("2100001b32ab45ef:2000001b32ab45ef"));
    CHECK(choice->on == Wwn(0x5001438012345678ULL));
    CHECK(to_string(*choice) == "2100001b32ab45ef:2000001b32ab45ef@5001438012345678");
    CHECK(parse_vport_choice(to_string(*choice)) == choice);
    const auto pool = parse_vport_choice("auto");
    REQUIRE(pool);
    CHECK_FALSE(pool->names);
    CHECK_FALSE(pool->on);
    CHECK(to_string(*pool) == "auto");
    CHECK(to_string(*parse_vport_choice("auto@50:01:43:80:12:34:56:78")) ==
          "auto@5001438012345678");
    for (const char* const text :
         {"", "@", "auto@", "Auto", "auto@host0", "auto@5001438012345678@5001438012345678",
          "2100001b32ab45ef:2000001b32ab45ef@", "@5001438012345678",
          // A port can't be on itself.
          "2100001b32ab45ef:2000001b32ab45ef@2100001b32ab45ef"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_vport_choice(text));
    }
}

TEST_CASE("fc. takes its names in any spelling, and a unit is one whichever is used") {
    const auto key = [](const char* text) {
        const auto pdev = parse_pdev(text);
        return pdev ? backing_key(*pdev) : pdev.error().reason;
    };
    CHECK(key("fc.500507680120A1B2:7") == "fc.500507680120a1b2:7");
    CHECK(key("fc.0x500507680120a1b2:7") == "fc.500507680120a1b2:7");
    CHECK(key("fc.50:05:07:68:01:20:a1:b2:7") == "fc.500507680120a1b2:7");
    CHECK(key("fc.50-05-07-68-01-20-a1-b2:7") == "fc.500507680120a1b2:7");
    // By another port of the host it is another device.
    CHECK(key("fc.500507680120a1b2:7@21:00:00:1b:32:ab:45:ef") ==
          "fc.500507680120a1b2:7@2100001b32ab45ef");
    CHECK(parse_pdev("fc.500507680120a1b2:7@2100001b32ab45ef")->through ==
          Wwn(0x2100001b32ab45efULL));
    CHECK(parse_pdev("fc.500507680120a1b2:7")->through.is_none());
}
