// Reading xl configuration files and looking at what they name.
#include "backend/toolstack/host_check.hpp"
#include "backend/toolstack/xl_file.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <sys/stat.h>
#include <unistd.h>

using namespace pvscsi;
using namespace pvscsi::toolstack;
using test::Folder;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> check(const std::vector<std::string>& entries) {
    const auto list = parse_vscsi(entries);
    REQUIRE(list.mistakes.empty());
    std::vector<std::string> lines;
    for (const Remark& mistake : check_backings(list.luns))
        lines.push_back(to_string(mistake));
    return lines;
}

} // namespace

TEST_CASE("an ordinary xl file is read, whatever else is in it") {
    const Folder folder;
    const auto path = folder.file("demo.cfg", R"(# a comment
name = "demo"
uuid = "0f0e0d0c-0b0a-0908-0706-050403020100"
type = "pvh"
memory = 512
disk = [ 'format=raw,vdev=xvda,target=/dev/vg/demo' ]
vscsi = [ 'file:/srv/a.img,0:0:0:0',
          "ram:64M,0:0:1:0,ro,name=scratch" ]
)");
    const XlFile file = read_xl_file(path);
    CHECK(file.mistakes.empty());
    CHECK(file.name == "demo");
    CHECK(file.uuid == "0f0e0d0c-0b0a-0908-0706-050403020100");
    CHECK_THAT(file.vscsi, Catch::Equals(std::vector<std::string>{
                               "file:/srv/a.img,0:0:0:0", "ram:64M,0:0:1:0,ro,name=scratch"}));
}

TEST_CASE("a file without vscsi= is a domain without LUNs") {
    const Folder folder;
    const XlFile file = read_xl_file(folder.file("a.cfg", "name = 'a'\n"));
    CHECK(file.mistakes.empty());
    CHECK(file.vscsi.empty());
    CHECK(file.uuid.empty());
}

TEST_CASE("a file that is wrong is refused with all that is wrong in it") {
    const Folder folder;
    struct Row {
        const char* text;
        std::vector<const char*> mistakes; ///< part of each
    };
    const auto row = GENERATE(
        Row{"memory = 5\n", {"there is no name; expected name = "}},
        Row{"name = ''\n", {"there is no name"}},
        Row{"name = '17'\n", {"name '17' would be taken for a domain number"}},
        Row{"name = 'a/b'\n", {"name 'a/b' cannot be a domain's"}},
        Row{"name = [ 'a' ]\n", {"name is a list; expected a text"}},
        Row{"name = 'a'\nuuid = '12'\n", {"uuid '12' is not a UUID"}},
        Row{"name = 'a'\nuuid = '0f0e0d0c-0b0a-0908-0706-05040302010g'\n", {"is not a UUID"}},
        Row{"name = 'a'\nuuid = [ 'x' ]\n", {"uuid is a list; expected a text"}},
        Row{"name = 'a'\nvscsi = 'ram:1M,0:0:0:0'\n", {"vscsi is not a list; expected vscsi = ["}},
        Row{"name = 'a'\nvscsi = [ ['x'], 'y' ]\n", {"vscsi: entry 1 is not a text"}},
        Row{"name = '1'\nuuid = 'x'\nvscsi = 'y'\n",
            {"domain number", "not a UUID", "vscsi is not a list"}},
        Row{"vscsi = [ 'x' ]\nname = 'a'\n\nvscsi=[ 'y' ]\n",
            {"vscsi is set in line 1 and again in line 4; expected one list, or vscsi += ["}},
        Row{"name = 'a'; vscsi = [\n 'x',\n 'y' ] # z\nvscsi\t= []\n",
            {"vscsi is set in line 1 and again in line 4"}},
        Row{"name = 'a'\nvscsi = [ 'x'\n", {"config parsing error"}});
    CAPTURE(row.text);
    const auto path = folder.file("bad.cfg", row.text);
    const XlFile file = read_xl_file(path);
    REQUIRE(file.mistakes.size() == row.mistakes.size());
    for (std::size_t i = 0; i < row.mistakes.size(); ++i) {
        CHECK_THAT(file.mistakes[i], Catch::StartsWith(path + ":"));
        CHECK_THAT(file.mistakes[i], Catch::Contains(row.mistakes[i]));
    }
}

namespace {

std::string repeated(const std::string& text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i)
        all += text;
    return all;
}

} // namespace

// libxlutil ends the program at the first of them, and takes minutes or gigabytes for the others.
TEST_CASE("what xl's parser can't take is refused by its line, and never given to it") {
    struct Row {
        std::string text;
        const char* mistake;
    };
    const std::string name = "name = 'a'\n";
    const auto row = GENERATE_COPY(
        Row{name + "vscsi = [ 'ram:1M" + '\0' + ",0:0:0:0' ]\n",
            ":2: a byte 0 is in it; expected text"},
        Row{name + "#\n" + '\0', ":3: a byte 0 is in it"},
        Row{name + "# vscsi\n" + repeated("# ", 50000),
            ":3: the last line has a comment and no end; expected a line's end"},
        Row{name + "x = '" + std::string(500000, 'y') + "'\n" + repeated("x += ''\n", 50000),
            ": += is there 50000 times in "},
        Row{name + repeated("x += 1\n", 60000), ": += is there 60000 times in 420011 bytes"});
    const auto begin = std::chrono::steady_clock::now();
    const XlFile file = parse_xl_file("/a.cfg", row.text);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
    REQUIRE(file.mistakes.size() == 1);
    CHECK_THAT(file.mistakes[0], Catch::StartsWith(std::string("/a.cfg") + row.mistake));
    CHECK(file.mentions_vscsi == (row.text.find("vscsi") != std::string::npos));
}

TEST_CASE("what no editor shows of a file that xl does not take is said first") {
    const XlFile dos = parse_xl_file("/a.cfg", "# a\nname = 'a'\r\nvscsi = []\r\n");
    REQUIRE(dos.mistakes.size() > 1);
    CHECK_THAT(dos.mistakes[0], Catch::StartsWith("/a.cfg:2: it has line ends of DOS (CR LF)"));
    const XlFile marked = parse_xl_file("/a.cfg", "\xef\xbb\xbfname = 'a'\n");
    REQUIRE(marked.mistakes.size() > 1);
    CHECK_THAT(marked.mistakes[0], Catch::StartsWith("/a.cfg:1: it begins with a byte order"));
    // In a comment it does no harm.
    CHECK(parse_xl_file("/a.cfg", "# a\r\nname = 'a'\n").mistakes.empty());
}

TEST_CASE("a file with much of what is bounded is read") {
    const std::string name = "name = 'a'\n";
    const auto text =
        GENERATE_COPY(name + "vscsi = []\n" + repeated("vscsi += [ 'x' ]\n", 900),
                      name + "vscsi = [" + repeated(" 'x',", 900) + "]",
                      name + "x = " + std::string(2000, '[') + std::string(2000, ']') +
                          "\nvscsi = [" + repeated("'x',", 900) + "]\n");
    const XlFile file = parse_xl_file("/a.cfg", text);
    CHECK(file.mistakes.empty());
    CHECK(file.vscsi.size() == 900);
}

TEST_CASE("a file that is none at all does not fill a log") {
    const auto text = GENERATE(repeated("? ?\n", 10000), "x = " + std::string(100000, '['));
    const XlFile file = parse_xl_file("/a.cfg", text);
    const bool deep = text.front() == 'x';
    REQUIRE(file.mistakes.size() == (deep ? 1 : 21));
    CHECK_THAT(file.mistakes.back(),
               Catch::StartsWith(deep ? "/a.cfg:1: config parsing error near `['"
                                      : "/a.cfg: there are more mistakes; expected "));
}

TEST_CASE("a list that is added to is no second one, nor is one in a comment or a text") {
    const Folder folder;
    const XlFile file = read_xl_file(folder.file("a.cfg", "name = 'a'\n"
                                                          "# vscsi = [ 'w' ]\n"
                                                          "extra = \"vscsi = [ 'w' ]\"\n"
                                                          "root = \"\\\" vscsi = [\"\n"
                                                          "my_vscsi = [ 'w' ]\n"
                                                          "vscsi = [ 'x' ]\n"
                                                          "vscsi += [ 'y' ]\n"));
    CHECK(file.mistakes.empty());
    CHECK_THAT(file.vscsi, Catch::Equals(std::vector<std::string>{"x", "y"}));
}

TEST_CASE("a file that cannot be read is refused by its name") {
    const Folder folder;
    const auto mistake = [](const std::string& path) {
        const auto mistakes = read_xl_file(path).mistakes;
        REQUIRE(mistakes.size() == 1);
        CHECK_THAT(mistakes[0], Catch::StartsWith(path + ": "));
        return mistakes[0];
    };
    CHECK_THAT(mistake(folder.path("none.cfg")), Catch::Contains("No such file"));
    CHECK_THAT(mistake(folder.path(".")), Catch::Contains("not a regular file"));
    REQUIRE(::mkfifo(folder.path("fifo").c_str(), 0600) == 0);
    CHECK_THAT(mistake(folder.path("fifo")), Catch::Contains("not a regular file"));
    CHECK_THAT(mistake("/dev/zero"), Catch::Contains("not a regular file"));
    CHECK_THAT(mistake(folder.image("large.cfg", (1 << 20) + 1)),
               Catch::Contains("larger than 1048576 bytes"));
}

TEST_CASE("a file of the largest size is read whole") {
    const Folder folder;
    std::string text = "name = \"a\"\nvscsi = [ 'x' ]\n";
    text.append((1 << 20) - text.size(), '\n');
    const XlFile file = read_xl_file(folder.file("a.cfg", text));
    CHECK(file.mistakes.empty());
    CHECK(file.vscsi.size() == 1);
}

TEST_CASE("a backing that can be used is no mistake") {
    const Folder folder;
    CHECK(
        check({"file:" + folder.image("a", 1 << 20) + ",0:0:0:0",
               "iso:" + folder.image("b", 2048) + ",0:0:0:1", "ram:1M,0:0:0:2", "null:1M,0:0:0:3"})
            .empty());
}

TEST_CASE("a backing that cannot be used is a mistake of its entry") {
    const Folder folder;
    const auto only = [](const std::string& pdev) {
        const auto lines = check({"ram:1M,0:0:0:0", pdev + ",0:0:0:1"});
        REQUIRE(lines.size() == 1);
        CHECK_THAT(lines[0], Catch::StartsWith("entry 2: '" + pdev + "': "));
        return lines[0];
    };
    using Catch::Contains;
    CHECK_THAT(only("file:" + folder.path("none")), Contains("no such file") && Contains("trunc"));
    CHECK_THAT(only("iso:" + folder.path("none")), Contains("no such file"));
    CHECK_THAT(only("/dev/pvscsi-none"), Contains("no such file"));
    CHECK_THAT(only("file:" + folder.path(".")), Contains("not a regular file"));
    CHECK_THAT(only("file:/dev/null"), Contains("not a regular file"));
    CHECK_THAT(only("/dev/null"), Contains("neither a SCSI device nor a block device"));
    CHECK_THAT(only("file:" + folder.image("small", 511)),
               Contains("smaller than one block of 51"));
    CHECK_THAT(only("iso:" + folder.image("cut", 2047)),
               Contains("smaller than one block of 2048"));
    CHECK_THAT(only("file:" + folder.image("a", 512) + "/b"), Contains("cannot be looked at"));
}

TEST_CASE("write access is looked for where writing is asked for") {
    const Folder folder;
    const auto image = folder.image("a", 4096);
    REQUIRE(::chmod(folder.path(".").c_str(), 0755) == 0);
    REQUIRE(::chmod(image.c_str(), 0444) == 0);
    // Root may write to any file: be nobody for a moment.
    const uid_t self = ::geteuid();
    REQUIRE((self != 0 || ::seteuid(65534) == 0));
    const auto writable = check({"file:" + image + ",0:0:0:0"});
    const auto readable = check({"file:" + image + ",0:0:0:0,ro", "iso:" + image + ",0:0:0:1"});
    REQUIRE((self != 0 || ::seteuid(self) == 0));
    REQUIRE(writable.size() == 1);
    CHECK_THAT(writable[0], Catch::Contains("cannot be opened for writing (Permission denied); "
                                            "expected write access, or the option 'ro'"));
    CHECK(readable.empty());
}

TEST_CASE("one backing under two names is found") {
    const Folder folder;
    const auto image = folder.image("a", 4096);
    REQUIRE(::symlink(image.c_str(), folder.path("b").c_str()) == 0);
    REQUIRE(::link(image.c_str(), folder.path("c").c_str()) == 0);
    const auto second = GENERATE("b", "c");
    const auto lines =
        check({"file:" + image + ",0:0:0:0", "file:" + folder.path(second) + ",0:0:0:1"});
    REQUIRE(lines.size() == 1);
    CHECK_THAT(lines[0], Catch::Contains("entry 1 uses the same backing by another path"));
    CHECK(check({"file:" + image + ",0:0:0:0,ro", "file:" + folder.path(second) + ",0:0:0:1,ro"})
              .empty());
}

namespace {

/// Nodes that every machine has play SCSI disks: their numbers lead to sg nodes in this sysfs.
struct Units {
    Folder folder;
    void add(const std::string& number, const std::string& sg, const std::string& address,
             const std::string& wwid) const {
        const fs::path device = folder.path("bus/" + address);
        fs::create_directories(device / "scsi_generic" / sg);
        std::ofstream(device / "wwid") << wwid << "\n";
        fs::create_directories(folder.path("dev/char/" + number));
        fs::create_directory_symlink(device, folder.path("dev/char/" + number + "/device"));
        fs::create_directories(folder.path("class/scsi_generic/" + sg));
        fs::create_directory_symlink(device, folder.path("class/scsi_generic/" + sg + "/device"));
    }
    [[nodiscard]] std::vector<std::string> check(const std::string& options) const {
        const devices::Roots roots{folder.path(""), folder.path("proc"), folder.path("run")};
        const auto list =
            parse_vscsi({"/dev/null,0:0:0:0" + options, "/dev/zero,0:0:0:1" + options});
        REQUIRE(list.mistakes.empty());
        std::vector<std::string> lines;
        for (const Remark& mistake : check_backings(list.luns, roots))
            lines.push_back(to_string(mistake));
        return lines;
    }
};

} // namespace

TEST_CASE("one unit by two of its paths is one backing") {
    const Units units;
    units.add("1:3", "sg7", "1:0:0:0", "naa.6001405aa");
    SECTION("another path") {
        units.add("1:5", "sg8", "2:0:0:0", "naa.6001405aa");
        const auto lines = units.check("");
        REQUIRE(lines.size() == 1);
        CHECK_THAT(lines[0], Catch::StartsWith("entry 2: '/dev/zero': entry 1 uses the same") &&
                                 Catch::Contains("'exclusive=no' on both"));
        CHECK(units.check(",exclusive=no").empty());
        CHECK(units.check(",ro").empty());
    }
    SECTION("another node of the same path, of a device without a name") {
        const Units nameless;
        nameless.add("1:3", "sg7", "1:0:0:0", "");
        fs::create_directories(nameless.folder.path("dev/char/1:5"));
        fs::create_directory_symlink(nameless.folder.path("bus/1:0:0:0"),
                                     nameless.folder.path("dev/char/1:5/device"));
        CHECK(nameless.check("").size() == 1);
    }
    SECTION("another unit of the same array") {
        units.add("1:5", "sg8", "1:0:0:1", "naa.6001405aa");
        CHECK(units.check("").empty());
    }
    SECTION("units without a name") {
        const Units nameless;
        nameless.add("1:3", "sg7", "1:0:0:0", "");
        nameless.add("1:5", "sg8", "2:0:0:0", "");
        CHECK(nameless.check("").empty());
    }
}

TEST_CASE("what serves a PDEV has a name") {
    const auto target = [](const char* text) { return target_of(*config::parse_pdev(text)); };
    CHECK(target("file:/srv/a") == "block");
    CHECK(target("iso:/srv/a") == "iso");
    CHECK(target("ram:1M") == "ram");
    CHECK(target("null:1M") == "null");
    CHECK(target("/dev/null") == "unknown");
    CHECK(target("/dev/pvscsi-none") == "unknown");
}
