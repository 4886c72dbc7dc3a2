// What the grammar takes is what xenstore-schemas/ knows: `check --store` must not complain of it.
#include "backend/toolstack/host_check.hpp"
#include "common/config/options.hpp"
#include "common/config/pdev.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <fstream>
#include <regex>

using namespace pvscsi;

namespace {

/// Whether the schema of that node of a LUN takes the value; nothing if there is none of a value.
std::optional<bool> takes(const std::string& node, const std::string& value) {
    const auto document = nlohmann::json::parse(std::ifstream(SCHEMA));
    for (const auto& entry : document.at("nodes")) {
        if (!entry.at("path").get<std::string>().ends_with("/vscsi-devs/dev-{lun}/" + node))
            continue;
        if (entry.at("type") == "integer")
            return std::stol(value) >= entry.at("minimum") &&
                   std::stol(value) <= entry.at("maximum");
        if (entry.at("type") == "enum")
            return std::any_of(entry.at("values").begin(), entry.at("values").end(),
                               [&](const auto& one) { return one == value; });
        return std::regex_match(value, std::regex(entry.at("pattern").get<std::string>()));
    }
    return {};
}

} // namespace

TEST_CASE("the schema of the store has every form of a PDEV, and what serves it") {
    CHECK(takes("p-dev", "sda") == false);
    CHECK(takes("target", "disk") == false);
    for (const config::PdevForm& form : config::pdev_forms()) {
        const std::string example(form.example);
        CAPTURE(example);
        if (form.kind == config::PdevKind::vport) { // never a unit's
            CHECK(takes("p-dev", example) == false);
            continue;
        }
        CHECK(takes("p-dev", example) == true);
        CHECK(takes("p-devname", example) == true);
        const auto pdev = config::parse_pdev(example);
        REQUIRE(pdev);
        CHECK(takes("target", toolstack::target_by_name(*pdev)) == true);
    }
    for (const char* const target : {"sg", "block"}) // of a device that is there
        CHECK(takes("target", target) == true);
}

TEST_CASE("the schema of the store has the options that are nodes") {
    unsigned nodes = 0;
    for (const config::OptionForm& form : config::option_forms()) {
        const std::string example(form.example);
        const auto equals = example.find('=');
        if (equals == std::string::npos)
            continue;
        CAPTURE(example);
        const auto taken = takes(std::string(form.name), example.substr(equals + 1));
        nodes += taken ? 1 : 0;
        CHECK(taken.value_or(true));
    }
    CHECK(nodes >= 6);
}
