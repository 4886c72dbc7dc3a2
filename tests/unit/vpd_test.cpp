// Which unit it is, by its vital product data.
#include "common/scsi/vpd.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace pvscsi::scsi;

namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes(std::initializer_list<int> values) {
    Bytes result;
    for (const int value : values)
        result.push_back(static_cast<std::byte>(value));
    return result;
}

struct Name {
    int type; ///< with the association
    std::string text;
};
constexpr int of_port = 0x10;

Bytes page_of(const std::vector<Name>& names) {
    Bytes page = bytes({0, 0x83, 0, 0});
    for (const Name& name : names) {
        const auto header = bytes({2, name.type, 0, static_cast<int>(name.text.size())});
        page.insert(page.end(), header.begin(), header.end());
        for (const char c : name.text)
            page.push_back(static_cast<std::byte>(c));
    }
    page[3] = static_cast<std::byte>(page.size() - 4);
    return page;
}

bool same(const std::vector<Name>& given, const std::vector<Name>& found) {
    return same_unit(page_of(given), page_of(found));
}

} // namespace

TEST_CASE("designators name a unit, as far as they are whole") {
    CHECK(unit_designators(bytes({0, 0x83, 0, 6, 1, 3, 0, 2, 0xab, 0xcd})) == "3.abcd");
    CHECK(unit_designators(bytes({0, 0x83, 0, 12, 2, 0x11, 0, 2, 1, 2, 1, 0x02, 0, 2, 3, 4})) ==
          "2.0304");
    CHECK(unit_designators(bytes({0, 0x83, 0, 6, 1, 3, 0, 9, 0xab, 0xcd})).empty());
    CHECK(unit_designators(bytes({0, 0x83, 0xff, 0xff, 1, 3, 0, 2, 0xab, 0xcd})) == "3.abcd");
    CHECK(unit_designators(bytes({0, 0x83, 0, 6, 1, 3, 0, 0, 0xab, 0xcd})).empty());
    CHECK(unit_designators(bytes({0, 0x80, 0, 6, 1, 3, 0, 2, 0xab, 0xcd})).empty());
    CHECK(unit_designators({}).empty());
    CHECK(unit_serial_number(bytes({0, 0x80, 0, 2, 'x', 'y'})) == "s.7879");
    CHECK(unit_serial_number(bytes({0, 0x80, 0, 2, ' ', 0})).empty());
    CHECK(unit_serial_number(bytes({0, 0x80, 0})).empty());
}

TEST_CASE("only a designator of its own names a unit") {
    CHECK(names_unit(page_of({{of_port | 3, "port"}, {0, "x"}})));
    CHECK_FALSE(names_unit(page_of({{of_port | 3, "port"}, {0x20 | 8, "target"}})));
    CHECK_FALSE(names_unit(page_of({})));
    CHECK_FALSE(names_unit(bytes({0, 0x83, 0, 6, 1, 3, 0, 9, 0xab, 0xcd})));
    CHECK_FALSE(names_unit({}));
}

TEST_CASE("a unit is known by a world-wide name, whatever its other names are") {
    const int type = GENERATE(0x2, 0x3, 0x8, 0xa);
    CHECK(same({{type, "a"}}, {{type, "a"}}));
    CHECK(same({{1, "old"}, {type, "a"}}, {{type, "a"}, {1, "new"}, {3, "more"}}));
    CHECK(same({{3, "more"}, {type, "a"}}, {{type, "a"}}));
    CHECK_FALSE(same({{type, "a"}}, {{type, "b"}}));
    CHECK_FALSE(same({{type, "a"}, {1, "x"}}, {{type, "b"}, {1, "x"}}));
    CHECK_FALSE(same({{type, "a"}}, {{1, "a"}}));
    CHECK_FALSE(same({{type, "a"}}, {{type, "ab"}}));
    CHECK_FALSE(same({{type, "a"}, {of_port | 3, "port"}}, {{of_port | 3, "port"}}));
    CHECK_FALSE(same({{type, "a"}}, {}));
}

TEST_CASE("one without a world-wide name is known by all its names") {
    CHECK(same({{0, "a"}, {1, "b"}}, {{1, "b"}, {0, "a"}, {of_port | 4, "port"}}));
    CHECK_FALSE(same({{0, "a"}, {1, "b"}}, {{0, "a"}}));
    CHECK_FALSE(same({{0, "a"}}, {{0, "a"}, {1, "b"}}));
    CHECK_FALSE(same({{0, "a"}}, {{3, "c"}, {0, "a"}}));
    CHECK_FALSE(same({{0, "a"}}, {}));
}

TEST_CASE("a page that was cut is compared as far as it goes") {
    const auto whole = page_of({{3, "abcd"}, {1, "efgh"}});
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto cut = std::span(whole).first(size);
        CHECK(same_unit(whole, cut) == (size >= 12));
    }
}

TEST_CASE("people are told the name that lists have") {
    CHECK(unit_label(page_of({{2, "\x01\x02"}, {3, "\x0a\x0b"}})) == "naa.0a0b");
    CHECK(unit_label(page_of({{1, "\x03"}, {2, "\x01\x02"}})) == "eui.0102");
    CHECK(unit_label(page_of({{1, "\x03"}, {0, "\x04"}})) == "1.03");
    CHECK(unit_label(page_of({{3, std::string(200, 'a')}})).size() == 4 + 64);
    CHECK(unit_label(page_of({{of_port | 3, "port"}})) == "one without a name");
}
