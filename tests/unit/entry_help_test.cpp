// What is told of the grammar is what the parser takes.
#include "common/config/entry_help.hpp"
#include "common/config/options.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <sstream>

using namespace pvscsi::config;
using Catch::Contains;

namespace {

/// As the manual has it.
std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text)
        result += c == '-' ? "\\-" : std::string(1, c);
    return result;
}

std::string unwrapped(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    text.erase(
        std::unique(text.begin(), text.end(), [](char a, char b) { return a == ' ' && b == ' '; }),
        text.end());
    return text;
}

} // namespace

TEST_CASE("--help tells every form and option with meaning, range and default") {
    const std::string help = unwrapped(entry_help());
    for (const PdevForm& form : pdev_forms()) {
        CAPTURE(form.form);
        CHECK_THAT(help, Contains(std::string(form.form) + " " + std::string(form.meaning)));
        CHECK_THAT(help, Contains(std::string(form.unserved)));
    }
    for (const OptionForm& form : option_forms()) {
        CAPTURE(form.name);
        CHECK_THAT(help, Contains(" " + std::string(form.name)));
        CHECK_THAT(help, Contains(std::string(form.meaning)));
        CHECK_THAT(help, Contains(std::string(form.range)));
        CHECK_THAT(help, Contains("default: " + std::string(form.fallback)));
    }
}

TEST_CASE("--help fits a terminal") {
    std::istringstream lines(entry_help());
    for (std::string line; std::getline(lines, line);) {
        CAPTURE(line);
        CHECK(line.size() <= 80);
        CHECK((line.empty() || line.back() != ' '));
    }
}

TEST_CASE("the manual page has every form and option") {
    const std::string page = entry_manual("1.2", "2026-11-22");
    CHECK_THAT(page, Catch::StartsWith(".TH VSCSI\\-CONFIG 5 2026-11-22 \"pvscsi 1.2\"\n"));
    for (const PdevForm& form : pdev_forms())
        CHECK_THAT(page, Contains(".B " + escaped(form.form) + "\n" + escaped(form.meaning)));
    for (const OptionForm& form : option_forms())
        CHECK_THAT(page, Contains(".B " + escaped(form.name)));
    // No line begins with what is not one of the macros that are used.
    const auto is_macro = [](const std::string& line) {
        const std::array<std::string, 8> macros{".TH ", ".SH ", ".IP ", ".TP",
                                                ".B ",  ".I ",  ".PP",  ".BR "};
        return std::any_of(macros.begin(), macros.end(),
                           [&](const std::string& macro) { return line.starts_with(macro); });
    };
    std::istringstream lines(page);
    for (std::string line; std::getline(lines, line);) {
        CAPTURE(line);
        CHECK((!line.starts_with('.') || is_macro(line)));
        CHECK(!line.starts_with('\''));
    }
}
