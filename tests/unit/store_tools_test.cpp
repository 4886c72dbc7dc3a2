// The packaged command line tools of the xenstore against the embedded host's store.
#include "tests/support/store_host.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>

using namespace pvscsi;
using pvscsi::test::StoreHost;

namespace {

struct Outcome {
    int status;
    std::string output;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
    return out << outcome.status << ": " << outcome.output;
}

/// Runs a shell command with the store's socket of `domain`; its output with errors.
Outcome run(const StoreHost& host, const std::string& command, DomId domain = DomId{0}) {
    const std::string line =
        "XENSTORED_PATH=" + host.socket(domain) + " timeout 60 " + command + " 2>&1";
    FILE* pipe = ::popen(line.c_str(), "r");
    REQUIRE(pipe != nullptr);
    Outcome outcome{};
    std::array<char, 4096> buffer;
    while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe))
        outcome.output.append(buffer.data(), size);
    const int status = ::pclose(pipe);
    outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
}

} // namespace

TEST_CASE("the packaged tools work on the store") {
    if (std::system("command -v xenstore-ls >/dev/null") != 0) {
        WARN("xenstore-utils is not installed");
        return;
    }
    StoreHost host;
    constexpr DomId guest{3};
    host.add_guest(guest);

    SECTION("write, read, exists, list, rm") {
        CHECK(run(host, "xenstore-write /a/b one /a/c two") == Outcome{0, ""});
        CHECK(run(host, "xenstore-read /a/b /a/c") == Outcome{0, "one\ntwo\n"});
        CHECK(run(host, "xenstore-exists /a/b") == Outcome{0, ""});
        CHECK(run(host, "xenstore-exists /a/d") == Outcome{1, ""});
        CHECK(run(host, "xenstore-list /a") == Outcome{0, "b\nc\n"});
        CHECK(run(host, "xenstore-rm /a/b") == Outcome{0, ""});
        CHECK(run(host, "xenstore-rm -t /a/c") == Outcome{0, ""}); // with parents left empty
        CHECK(run(host, "xenstore-exists /a").status == 1);
        CHECK(run(host, "xenstore-read /a/b") ==
              Outcome{1, "xenstore-read: couldn't read path /a/b\n"});
    }
    SECTION("ls with permissions, chmod") {
        CHECK(run(host, "xenstore-write /a/b one") == Outcome{0, ""});
        CHECK(run(host, "xenstore-chmod /a/b n0 r3") == Outcome{0, ""});
        CHECK(run(host, "xenstore-chmod -r /a n0 b3").status == 0);
        CHECK(run(host, "xenstore-ls -fp /a") == Outcome{0, "/a/b = \"one\"   (n0,b3)\n"});
        CHECK(run(host, "xenstore-ls -p").output.find("tool = \"\"") != std::string::npos);
    }
    SECTION("as a guest") {
        CHECK(run(host, "xenstore-write data/x 1", guest) == Outcome{0, ""});
        CHECK(run(host, "xenstore-read /local/domain/3/data/x") == Outcome{0, "1\n"});
        CHECK(run(host, "xenstore-write /tool/x 1", guest).status == 1);
        CHECK(run(host, "xenstore-ls /local/domain/3", guest) ==
              Outcome{0, "data = \"\"\n x = \"1\"\n"});
    }
    SECTION("watch") {
        CHECK(run(host, "xenstore-watch -n 1 /a") == Outcome{0, "/a\n"});
        CHECK(run(host, "sh -c 'xenstore-watch -n 3 /a | "
                        "{ read first; echo $first; xenstore-write /a/b 1; read second; "
                        "echo $second; xenstore-rm /a; cat; }'") == Outcome{0, "/a\n/a/b\n/a\n"});
    }
}
