// Links of define that do nothing for their domains.
#include "backend/toolstack/definitions.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>

using namespace pvscsi;
using namespace pvscsi::toolstack;

TEST_CASE("a link of define that does nothing for its domain is said once, with what to do") {
    const test::Folder folder;
    const auto domain = [&](const std::string& file, const std::string& name,
                            const std::string& vscsi = "vscsi = [ 'ram:1M,0:0:0:0' ]\n") {
        folder.file(file, "name = \"" + name + "\"\n" + vscsi);
    };
    const std::string links = folder.path("changes");
    std::filesystem::create_directory(links);
    Definitions definitions{{folder.path("*.cfg"), links + "/*.cfg"}, links};
    std::vector<std::string> said;
    const auto refresh = [&] {
        said.clear();
        definitions.refresh([&](const std::string& line) { said.push_back(line); });
        std::string text;
        for (const auto& link : definitions.broken_links())
            text += link.domain + ": " + link.text + "\n";
        return text;
    };
    const std::string target = folder.path("demo.xl");
    const std::string link = links + "/demo.cfg";
    std::filesystem::create_symlink(target, link);
    const auto text = [&](const std::string& reason) {
        return link + ": domain 'demo' gets no LUNs by it, as " + reason +
               "; put that right, or say 'pvscsictl define FILE' with its file, or "
               "'pvscsictl undefine demo'";
    };
    const auto is_broken = [&](const std::string& reason, bool is_said = true) {
        CHECK(refresh() == "demo: " + text(reason) + "\n");
        CHECK(definitions.names("demo")); // else what is its guest's would be this host's again
        const bool found = std::find(said.begin(), said.end(), text(reason)) != said.end();
        CHECK(found == is_said);
        refresh();
        CHECK(said.empty());
    };
    is_broken(target + ": No such file or directory");
    std::filesystem::create_directory(target);
    is_broken(target + " is not a regular file");
    std::filesystem::remove(target);
    domain("demo.xl", "other");
    is_broken(target + " names domain 'other'");
    domain("demo.xl", "demo", "");
    is_broken(target + " has no vscsi= entry");
    folder.file("demo.xl", "something else, of another program\n");
    is_broken(target + " is no xl file with a domain's name");
    domain("demo.xl", "demo", "vscsi = [ 'ram:1M,0:0:0' ]\n");
    is_broken(target + " has a mistake, which 'pvscsictl check " + target + "' tells", false);
    domain("demo.xl", "demo");
    CHECK(refresh().empty());
    CHECK(said.empty());

    // What is broken in the same way again is said again.
    std::filesystem::remove(target);
    is_broken(target + ": No such file or directory");
    domain("demo.xl", "demo");
    domain("rival.cfg", "demo");
    is_broken("another file names that domain, which 'pvscsictl check " + target + "' tells",
              false);
    std::filesystem::remove(folder.path("rival.cfg"));

    // By another path, and what is no link of define.
    std::filesystem::create_hard_link(target, folder.path("same.cfg"));
    std::filesystem::create_symlink("/nowhere", links + "/.hidden.cfg");
    std::filesystem::create_symlink("/nowhere", links + "/demo.changes");
    std::filesystem::copy_file(target, links + "/plain.cfg");
    std::filesystem::remove(links + "/plain.cfg");
    CHECK(refresh().empty());
}
