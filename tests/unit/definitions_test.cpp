// Which domain is known by which file: by name, by uuid, and by no file where two name it.
#include "backend/toolstack/definitions.hpp"
#include "tests/support/no_files.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

using namespace pvscsi;
using namespace pvscsi::toolstack;

namespace {

const std::string uuid_a = "6f0a4fe2-0d3c-4c41-9d0a-c5e5a5b05b4d";
const std::string uuid_b = "11111111-2222-3333-4444-555555555555";

struct Bed {
    test::Folder folder;
    Definitions definitions{{folder.path("*.cfg"), folder.path("more/*")}, folder.path("changes")};
    std::vector<std::string> said;

    std::string domain(const std::string& file, const std::string& name,
                       const std::string& uuid = "",
                       const std::string& vscsi = "vscsi = [ 'ram:1M,0:0:0:0' ]\n") {
        return folder.file(file, "name = \"" + name + "\"\n" +
                                     (uuid.empty() ? "" : "uuid = \"" + uuid + "\"\n") + vscsi);
    }
    /// The file that a domain is known by, without its folder; "-" for none.
    std::string find(const std::string& name, const std::string& uuid = uuid_b) {
        const auto* const found =
            definitions.find(name, uuid, [this](const std::string& line) { said.push_back(line); });
        return found == nullptr ? "-" : found->file.substr(folder.path("").size());
    }
    void refresh() {
        definitions.refresh([this](const std::string& line) { said.push_back(line); });
    }
};

} // namespace

TEST_CASE("a domain is known by its name, or by its uuid where the file gives one") {
    Bed bed;
    bed.domain("a.cfg", "a");
    bed.domain("b.cfg", "b", uuid_a);
    bed.domain("plain.cfg", "plain", "", "");
    bed.refresh();
    CHECK(bed.find("a") == "a.cfg");
    CHECK(bed.find("b", uuid_a) == "b.cfg");
    CHECK(bed.find("renamed", "6F0A4FE2-0d3c-4c41-9d0a-c5e5a5b05b4d") == "b.cfg");
    CHECK(bed.find("b") == "-");
    CHECK(bed.find("plain") == "-");
    CHECK(bed.find("none") == "-");
    CHECK(bed.find("") == "-");
    CHECK(bed.find("b", "") == "-");
    CHECK(bed.said.empty());
}

TEST_CASE("two files that name one domain are both refused, once, with what to do") {
    Bed bed;
    const std::string none;
    const auto [uuid1, uuid2, vscsi2] = GENERATE_COPY(table<std::string, std::string, std::string>({
        {none, none, "vscsi = [ 'ram:2M,0:0:0:0' ]\n"},
        {none, none, ""},                                // without vscsi=
        {none, none, "vscsi = [ 'ram:2M,0:0:0' ]\n"},    // with a mistake
        {none, uuid_a, "vscsi = [ 'ram:2M,0:0:0:0' ]\n"} // one of them by uuid, too
    }));
    CAPTURE(uuid1, uuid2, vscsi2);
    const auto first = bed.domain("a.cfg", "demo", uuid1);
    const auto second = bed.domain("b.cfg", "demo", uuid2, vscsi2);
    bed.refresh();
    REQUIRE(!bed.said.empty());
    CHECK(bed.said.back() == first + " and " + second +
                                 " name one domain, 'demo': it gets no LUNs of either by itself; "
                                 "keep one of the files, or give each a name and a uuid of its "
                                 "own");
    bed.said.clear();
    CHECK(bed.find("demo") == "-");
    CHECK(bed.find("demo", uuid_a) == "-");
    bed.refresh();
    CHECK(bed.find("demo") == "-");
    CHECK(bed.said.empty());

    // One of them goes: the other one is used.
    REQUIRE(::unlink(second.c_str()) == 0);
    bed.refresh();
    CHECK(bed.find("demo") == "a.cfg");
    // And comes back: it is said again.
    bed.domain("b.cfg", "demo", uuid2, "");
    bed.refresh();
    CHECK(bed.said.size() == 1);
    CHECK(bed.find("demo") == "-");
}

TEST_CASE("two files with one uuid are both refused, whatever their names") {
    Bed bed;
    bed.domain("a.cfg", "a", uuid_a);
    bed.domain("b.cfg", "b", "6F0A4FE2-0D3C-4C41-9D0A-C5E5A5B05B4D");
    bed.refresh();
    REQUIRE(bed.said.size() == 1);
    CHECK_THAT(bed.said[0], Catch::Contains("name one domain, with uuid " + uuid_a));
    CHECK(bed.find("a", uuid_a) == "-");
}

TEST_CASE("one name and two uuids are two domains") {
    Bed bed;
    bed.domain("a.cfg", "demo", uuid_a);
    bed.domain("b.cfg", "demo", uuid_b);
    bed.refresh();
    CHECK(bed.said.empty());
    CHECK(bed.find("demo", uuid_a) == "a.cfg");
    CHECK(bed.find("demo", uuid_b) == "b.cfg");
    CHECK(bed.find("demo", "") == "-");
}

TEST_CASE("a domain that one file names by uuid and another by name is given nothing") {
    Bed bed;
    const auto first = bed.domain("a.cfg", "a", uuid_a);
    const auto second = bed.domain("b.cfg", "b");
    bed.refresh();
    CHECK(bed.said.empty());
    CHECK(bed.find("b", uuid_a) == "-");
    REQUIRE(bed.said.size() == 1);
    CHECK_THAT(bed.said[0], Catch::StartsWith(first + " and " + second + " name one domain"));
}

TEST_CASE("files that have nothing to do with vscsi= are not complained of") {
    Bed bed;
    bed.domain("a.cfg", "demo", "", "");
    bed.domain("b.cfg", "demo", "", "");
    bed.folder.file("c.cfg", "what is this\n");
    bed.folder.file("d.cfg", "memory = 5\n");
    REQUIRE(::mkfifo(bed.folder.path("e.cfg").c_str(), 0600) == 0);
    bed.refresh();
    CHECK(bed.said.empty());
    CHECK(bed.find("demo") == "-");
}

TEST_CASE("a mistake is said once, until the file changes") {
    Bed bed;
    const auto [vscsi, expected] = GENERATE(table<std::string, std::string>(
        {{"vscsi = [ 'ram:1M,0:0:0' ]\n", "a.cfg: vscsi: entry 1: '0:0:0': VDEV has 3 of 4"},
         {"vscsi = 'ram:1M,0:0:0:0'\n", "a.cfg: vscsi is not a list"},
         {"vscsi = [ 'ram:1M,0:0:0:0'\n", "a.cfg:"}}));
    bed.domain("a.cfg", "a", "", vscsi);
    bed.refresh();
    bed.refresh();
    REQUIRE(bed.said.size() == 1);
    CHECK_THAT(bed.said[0], Catch::Contains(expected));
    CHECK(bed.find("a") == "-");
    bed.domain("a.cfg", "a", "", "vscsi = [ 'ram:16M,0:0:0:0' ]\n");
    bed.refresh();
    CHECK(bed.find("a") == "a.cfg");
    bed.domain("a.cfg", "a", "", "vscsi = [ 'ram:16M,0:0' ]\n");
    bed.refresh();
    CHECK(bed.said.size() == 2);
}

TEST_CASE("a file that could not be read is complained of once, and read as soon as it can be") {
    Bed bed;
    const auto file = bed.domain("a.cfg", "a");
    const uid_t self = ::geteuid();
    REQUIRE(::chmod(bed.folder.path(".").c_str(), 0755) == 0);
    REQUIRE(::chmod(file.c_str(), 0) == 0);
    REQUIRE((self != 0 || ::seteuid(65534) == 0)); // root may read anything
    bed.refresh();
    bed.refresh();
    CHECK(bed.definitions.incomplete());
    REQUIRE((self != 0 ? ::chmod(file.c_str(), 0600) : ::seteuid(self)) == 0);
    CHECK(bed.said == std::vector{file + ": Permission denied; it is read as soon as it can be"});
    CHECK(bed.find("a") == "-");
    bed.refresh();
    CHECK(bed.find("a") == "a.cfg");
    CHECK_FALSE(bed.definitions.incomplete());
}

TEST_CASE("folders that could not be looked into are known not to be empty") {
    Bed bed;
    bed.domain("a.cfg", "a"); // the other pattern's folder is not there, and that is no error
    {
        const test::NoFiles no_files;
        bed.refresh();
    }
    CHECK(bed.find("a") == "-");
    CHECK(bed.definitions.incomplete());
    bed.refresh();
    CHECK(bed.find("a") == "a.cfg");
    CHECK_FALSE(bed.definitions.incomplete());
}

TEST_CASE("a change that neither size nor time of writing shows is seen") {
    Bed bed;
    const auto file = bed.domain("a.cfg", "a");
    bed.refresh();
    struct ::stat before {
    }, now{};
    REQUIRE(::stat(file.c_str(), &before) == 0);
    do { // until the file system's clock has moved on
        bed.domain("a.cfg", "b");
        const ::timespec times[2]{before.st_atim, before.st_mtim};
        REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
        REQUIRE(::stat(file.c_str(), &now) == 0);
    } while (now.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
    bed.refresh();
    CHECK(bed.find("a") == "-");
    CHECK(bed.find("b") == "a.cfg");
}

TEST_CASE("a file that is found twice counts once") {
    Bed bed;
    const auto file = bed.domain("a.cfg", "a");
    REQUIRE(::mkdir(bed.folder.path("more").c_str(), 0700) == 0);
    REQUIRE(::symlink(file.c_str(), bed.folder.path("more/a").c_str()) == 0);
    bed.refresh();
    CHECK(bed.said.empty());
    CHECK(bed.find("a") == "a.cfg");
}

TEST_CASE("a hundred domains are all known, each with what its file says") {
    Bed bed;
    for (int i = 0; i < 100; ++i)
        bed.domain("d" + std::to_string(i) + ".cfg", "domain-" + std::to_string(i), "",
                   "vscsi = [ 'ram:" + std::to_string(i + 1) +
                       "M,0:0:0:0', 'ram:1M,7:0:0:" + std::to_string(i) + "' ]\n");
    // What other programs take of the machine is not counted.
    const auto processor_time = [] {
        ::timespec now{};
        REQUIRE(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
        return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
    };
    const double begin = processor_time();
    bed.refresh();
    CHECK(processor_time() - begin < 1.0); // seconds; some 10 ms on a machine of 2023
    CHECK(bed.said.empty());
    for (int i = 0; i < 100; ++i) {
        const auto* const found =
            bed.definitions.find("domain-" + std::to_string(i), uuid_a, [](const std::string&) {});
        REQUIRE(found != nullptr);
        REQUIRE(found->vhosts.size() == 2);
        CHECK(found->vhosts.at(0)[0].pdev.size == static_cast<std::uint64_t>(i + 1) << 20);
        CHECK(found->vhosts.at(7)[0].vdev.lun == i);
    }
}

TEST_CASE("what was changed with --persist counts at once, and a mistake in it stops the file") {
    Bed bed;
    std::filesystem::create_directory(bed.folder.path("changes"));
    bed.domain("a.cfg", "a");
    bed.domain("bare.cfg", "bare", "", "");
    bed.refresh();
    CHECK(bed.find("bare") == "-");
    bed.folder.file("changes/a.changes", "+ ram:2M,3:0:0:0\n");
    bed.folder.file("changes/bare.changes", "+ ram:2M,0:0:0:0\n");
    bed.refresh();
    CHECK(bed.find("bare") == "bare.cfg");
    REQUIRE(bed.find("a") == "a.cfg");
    CHECK(bed.definitions.find("a", "", [](const std::string&) {})->vhosts.size() == 2);
    CHECK(bed.said.size() == 2); // what is added is said
    bed.said.clear();
    bed.folder.file("changes/a.changes", "nonsense\n");
    bed.refresh();
    CHECK(bed.find("a") == "-");
    REQUIRE(bed.said.size() == 1);
    CHECK_THAT(bed.said[0], Catch::Contains("a.changes:1: 'nonsense'"));
    std::filesystem::remove(bed.folder.path("changes/a.changes"));
    bed.refresh();
    CHECK(bed.find("a") == "a.cfg");
}

TEST_CASE("a domain's file is known whether it is right or not") {
    Bed bed;
    bed.domain("a.cfg", "a", "", "vscsi = [ 'nonsense' ]\n");
    bed.domain("b.cfg", "b", uuid_a, "");
    bed.domain("c.cfg", "c");
    bed.domain("d.cfg", "c");
    bed.refresh();
    const auto file = [&](const std::string& name, const std::string& uuid) {
        const auto* const found = bed.definitions.file_of(name, uuid);
        return found == nullptr ? "-" : found->substr(bed.folder.path("").size());
    };
    CHECK(file("a", "") == "a.cfg");
    CHECK(file("b", uuid_a) == "b.cfg");
    CHECK(file("b", uuid_b) == "-");
    CHECK(file("c", "") == "-");
    CHECK(file("none", "") == "-");
}
