// What --persist keeps, and what it makes of a domain's entries.
#include "backend/toolstack/changes.hpp"
#include "backend/toolstack/pending.hpp"
#include "tests/support/no_files.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/resource.h>
#include <system_error>

using namespace pvscsi;
using namespace pvscsi::toolstack;

namespace {

std::vector<std::string> pdevs(const ParsedList& list) {
    std::vector<std::string> texts;
    for (const Lun& lun : list.luns)
        texts.push_back(lun.pdev_text);
    return texts;
}
using Texts = std::vector<std::string>;

XlFile xl(std::vector<std::string> vscsi) {
    XlFile file;
    file.path = "demo.cfg";
    file.name = "demo";
    file.vscsi = std::move(vscsi);
    return file;
}

} // namespace

TEST_CASE("changes are read as they were written") {
    const test::Folder folder;
    const std::string file = changes_file(folder.path("new"), "demo");
    CHECK(read_changes(file)->empty());
    Changes changes;
    XlFile domain = xl({"ram:1M,0:0:2:0"});
    domain.uuid = "6f0a4fe2-0d3c-4c41-9d0a-c5e5a5b05b4d";
    keep_attached(changes, domain, "ram:1M,0:0:1:0,ro", {0, 0, 1, 0});
    keep_detached(changes, domain, {0, 0, 2, 0});
    write_changes(file, changes);
    const auto again = read_changes(file);
    REQUIRE(again);
    CHECK(again->uuid == domain.uuid);
    CHECK(again->added == changes.added);
    CHECK(again->removed == changes.removed);
    write_changes(file, {});
    CHECK_FALSE(std::filesystem::exists(file));
    write_changes(file, {});
}

TEST_CASE("what is attached and detached again leaves nothing behind") {
    Changes changes;
    const XlFile file = xl({"ram:9M,0:0:0:0"});
    keep_attached(changes, file, "ram:1M,0:0:1:0", {0, 0, 1, 0});
    keep_attached(changes, file, "ram:2M,0:0:1:0",
                  {0, 0, 1, 0}); // detached in between, not for good
    CHECK(changes.added == Texts{"ram:2M,0:0:1:0"});
    keep_detached(changes, file, {0, 0, 1, 0});
    CHECK(changes.empty());
}

TEST_CASE("an entry that was detached counts again when it is written anew") {
    const test::Folder folder;
    Changes changes;
    keep_detached(changes, xl({"ram:1M,0:0:0:0"}), {0, 0, 0, 0});
    write_changes(changes_file(folder.path("."), "demo"), changes);
    CHECK(pdevs(entries_of(xl({"ram:1M,0:0:0:0"}), folder.path(".")).list).empty());
    CHECK(pdevs(entries_of(xl({"ram:2M,0:0:0:0"}), folder.path(".")).list) == Texts{"ram:2M"});
}

TEST_CASE("changes of one domain are not another's of that name") {
    const test::Folder folder;
    Changes changes;
    const auto [kept, asks] = GENERATE(table<std::string, std::string>(
        {{"6f0a4fe2-0d3c-4c41-9d0a-c5e5a5b05b4d", "11111111-2222-3333-4444-555555555555"},
         {"6f0a4fe2-0d3c-4c41-9d0a-c5e5a5b05b4d", ""},
         {"", "11111111-2222-3333-4444-555555555555"}}));
    XlFile file = xl({"ram:1M,0:0:0:0"});
    file.uuid = kept;
    keep_attached(changes, file, "file:/secret,0:0:5:0", {0, 0, 5, 0});
    write_changes(changes_file(folder.path("."), "demo"), changes);
    CHECK(pdevs(entries_of(file, folder.path(".")).list) == Texts{"ram:1M", "file:/secret"});
    file.uuid = asks;
    const auto entries = entries_of(file, folder.path("."));
    CHECK(pdevs(entries.list) == Texts{"ram:1M"});
    REQUIRE(entries.notes.size() == 1);
    CHECK_THAT(entries.notes[0], Catch::Contains("does not count"));
}

TEST_CASE("a domain's entries are its file's, changed") {
    const test::Folder folder;
    Changes changes;
    const XlFile file = xl({"ram:1M,0:0:0:0", "ram:2M,0:0:1:0"});
    keep_detached(changes, file, {0, 0, 0, 0});
    keep_attached(changes, file, "ram:3M,0:0:0:0", {0, 0, 0, 0});
    keep_attached(changes, file, "ram:4M,0:0:5:0", {0, 0, 5, 0});
    write_changes(changes_file(folder.path("."), "demo"), changes);
    const auto entries = entries_of(file, folder.path("."));
    CHECK(entries.changed);
    CHECK(entries.mistakes.empty());
    CHECK(entries.list.mistakes.empty());
    CHECK(pdevs(entries.list) == Texts{"ram:2M", "ram:3M", "ram:4M"});
    REQUIRE(entries.notes.size() == 3);
    CHECK_THAT(entries.notes[0], Catch::Contains("'ram:3M,0:0:0:0' is added"));
    CHECK_THAT(entries.notes[2], Catch::Contains("entry 1: 0:0:0:0 is left out"));

    const auto others = entries_of(xl({"ram:1M,0:0:0:0"}), "");
    CHECK_FALSE(others.changed);
    CHECK(pdevs(others.list) == Texts{"ram:1M"});
}

TEST_CASE("changes that do not fit the file any more are a mistake that names both") {
    const test::Folder folder;
    Changes changes;
    changes.added = {"file:/a,0:0:1:0"};
    write_changes(changes_file(folder.path("."), "demo"), changes);
    const auto entries = entries_of(xl({"file:/a,0:0:0:0"}), folder.path("."));
    REQUIRE(entries.list.mistakes.size() == 1);
    CHECK(entries.list.mistakes[0].entry == 2);
    REQUIRE(entries.mistakes.size() == 1);
    CHECK_THAT(entries.mistakes[0], Catch::Contains("demo.changes: has the entries from 2 on"));
}

TEST_CASE("a damaged file of changes is refused with its line") {
    const test::Folder folder;
    const auto [text, said] = GENERATE(
        table<std::string, std::string>({{"# fine\n- 0:0:0:0\n", ":2: '- 0:0:0:0'; expected"},
                                         {"+ ram:1M\n", ":1: '+ ram:1M'; expected"},
                                         {"\n+\n", ":2: '+'; expected"},
                                         {"ram:1M,0:0:0:0\n", ":1: 'ram:1M,0:0:0:0'; expected"},
                                         {"- ram:1M,0:0:0:0\n\x01", ":2: '\\x01'; expected"}}));
    const std::string file = folder.file("demo.changes", text);
    const auto changes = read_changes(file);
    REQUIRE_FALSE(changes);
    CHECK_THAT(changes.error(), Catch::StartsWith(file + said));
    CHECK(entries_of(xl({}), std::filesystem::path(file).parent_path()).mistakes ==
          Texts{changes.error()});
}

TEST_CASE("a disk that is full leaves the changes that were") {
    const test::Folder folder;
    const std::string file = folder.file("demo.changes", "- ram:1M,0:0:0:0\n");
    Changes changes;
    keep_attached(changes, xl({}), "ram:1M,0:0:1:0", {0, 0, 1, 0});
    {
        const test::NoFiles none;
        CHECK_THROWS_AS(write_changes(file, changes), std::system_error);
    }
    {
        // It takes the file, and nothing into it.
        rlimit before{};
        REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
        const auto handler = std::signal(SIGXFSZ, SIG_IGN);
        const rlimit none{0, before.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &none) == 0);
        bool failed = false;
        try {
            write_changes(file, changes);
        } catch (const std::system_error&) {
            failed = true;
        }
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
        std::signal(SIGXFSZ, handler);
        CHECK(failed);
        CHECK_FALSE(std::filesystem::exists(file + ".new"));
    }
    CHECK(read_changes(file)->removed.contains("ram:1M,0:0:0:0"));
}

TEST_CASE(
    "a disk that gets full in the middle of a file says so, and leaves the changes that were") {
    const test::Folder folder;
    const std::string file = folder.file("demo.changes", "- ram:1M,0:0:0:0\n");
    Changes changes;
    keep_attached(changes, xl({}), "ram:1M,0:0:1:0", {0, 0, 1, 0});
    ::rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    const ::rlimit few{20, before.rlim_max}; // bytes: the first write takes a part
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &few) == 0);
    std::error_code code;
    try {
        write_changes(file, changes);
    } catch (const std::system_error& error) {
        code = error.code();
    }
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
    std::signal(SIGXFSZ, handler);
    CHECK(code == std::errc::file_too_large);
    CHECK(read_changes(file)->removed.contains("ram:1M,0:0:0:0"));
}

TEST_CASE("a change that is under way does not count, and is all that is needed to end it") {
    const test::Folder folder;
    const std::string directory = folder.path("new");
    Changes changes;
    keep_attached(changes, xl({}), "ram:1M,0:0:1:0", {0, 0, 1, 0});
    const Pending pending{Pending::Life{DomId{7}, "/vm/x y", {"ram:1M,0:0:1:0"}, {"0:0:2:0"}}, {}};
    write_pending(directory, "demo", pending, changes);
    CHECK(entries_of(xl({}), directory).list.luns.empty());
    const auto read = read_pending(directory, "demo");
    REQUIRE((read && read->life));
    CHECK(read->life->guest == DomId{7});
    CHECK(read->life->vm == "/vm/x y");
    CHECK(read->life->attached == Texts{"ram:1M,0:0:1:0"});
    CHECK(read->life->detached == Texts{"0:0:2:0"});
    CHECK_FALSE(read->link);
    SECTION("ended") {
        commit_pending(directory, "demo");
        CHECK(pdevs(entries_of(xl({}), directory).list) == Texts{"ram:1M"});
        write_pending(directory, "demo", pending, {});
        commit_pending(directory, "demo");
        CHECK(std::filesystem::is_empty(directory));
    }
    SECTION("dropped") {
        drop_pending(directory, "demo");
        drop_pending(directory, "demo");
        CHECK(std::filesystem::is_empty(directory));
    }
    CHECK_FALSE(read_pending(directory, "demo"));
}

TEST_CASE("what was changed counts until the link is as define or undefine would have it") {
    const test::Folder folder;
    const std::string directory =
        std::filesystem::path(folder.file("demo.changes", "+ ram:2M,0:0:1:0\n")).parent_path();
    const std::string link = link_file(directory, "demo");
    const auto entries = [&] { return pdevs(entries_of(xl({}), directory).list); };
    std::filesystem::create_symlink("/old.cfg", link);
    const auto target = GENERATE(as<std::string>(), "/new.cfg", "");
    CAPTURE(target);
    write_pending(directory, "demo", {{}, target}, {});
    CHECK(entries() == Texts{"ram:2M"});
    std::filesystem::remove(link);
    if (!target.empty())
        std::filesystem::create_symlink(target, link);
    CHECK(entries().empty());
    commit_pending(directory, "demo");
    CHECK(entries().empty());
    CHECK_FALSE(std::filesystem::exists(directory + "/demo.changes"));
    CHECK_FALSE(std::filesystem::exists(pending_file(directory, "demo")));
}
