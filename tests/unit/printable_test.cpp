// What may go to a terminal as it is, and what may not.
#include "common/base/printable.hpp"

#include <catch2/catch.hpp>

using pvscsi::in_ascii;
using pvscsi::printable;

TEST_CASE("text in UTF-8 stays as it is") {
    const std::string text =
        GENERATE("", "a b~", "\xc2\xa0", "gr\xc3\xbc\xc3\x9f", "\xdf\xbf", "\xe0\xa0\x80",
                 "\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf");
    CHECK(printable(text) == text);
}

TEST_CASE("what a terminal may take for a command is escaped") {
    CHECK(printable("a\x1b[2Jb\n\x7f") == "a\\x1b[2Jb\\x0a\\x7f");
    CHECK(printable("\xc2\x9b") == "\\xc2\\x9b"); // CSI
    CHECK(printable(std::string_view("\0", 1)) == "\\x00");
}

TEST_CASE("bytes that are no UTF-8 are escaped, each by itself") {
    CHECK(printable("x4\xff") == "x4\\xff");
    CHECK(printable("\x80z") == "\\x80z");
    CHECK(printable("\xc3") == "\\xc3");                            // cut
    CHECK(printable("\xe2\x82z") == "\\xe2\\x82z");                 // cut
    CHECK(printable("\xc1\xbf") == "\\xc1\\xbf");                   // too long
    CHECK(printable("\xe0\x9f\xbf") == "\\xe0\\x9f\\xbf");          // too long
    CHECK(printable("\xf0\x8f\xbf\xbf") == "\\xf0\\x8f\\xbf\\xbf"); // too long
    CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");          // surrogate
    CHECK(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80"); // above U+10FFFF
    CHECK(printable("\xff\xc3\xbc") == "\\xff\xc3\xbc");
}

TEST_CASE("what ends a line or turns its direction is escaped, and its neighbours are not") {
    CHECK(printable("a\u202eb") == "a\\xe2\\x80\\xaeb"); // RIGHT-TO-LEFT OVERRIDE
    const std::string hidden = GENERATE("\u061c", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a",
                                        "\u202e", "\u2066", "\u2069", "\ufeff");
    CHECK(printable(hidden).find_first_not_of("\\x0123456789abcdef") == std::string::npos);
    const std::string shown = GENERATE("\u061b", "\u061d", "\u200d", "\u2010", "\u2027", "\u202f",
                                       "\u2065", "\u206a", "\ufefe");
    CHECK(printable(shown) == shown);
}

TEST_CASE("a terminal without UTF-8 gets ASCII") {
    CHECK(in_ascii("n\u00e4me \u4e2d") == "n\\xc3\\xa4me \\xe4\\xb8\\xad");
    CHECK(in_ascii("a b\n") == "a b\n");
}
