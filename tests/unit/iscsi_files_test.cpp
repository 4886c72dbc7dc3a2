// What the iscsi target takes from files and entries: secrets, names, who may have a unit.
#include "backend/targets/iscsi/claim.hpp"
#include "backend/targets/iscsi/open.hpp"
#include "backend/targets/iscsi/secrets.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <optional>
#include <sys/stat.h>
#include <system_error>
#include <vector>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;

namespace {

struct Secrets {
    Secrets(const std::string& text, ::mode_t mode) : file(folder.path("secrets")) {
        std::ofstream(file) << text;
        REQUIRE(::chmod(file.c_str(), mode) == 0);
    }
    std::string refusal(const std::string& user) const {
        try {
            (void)read_chap_secrets(file, user);
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return {};
    }

    Folder folder;
    std::string file;
};

} // namespace

TEST_CASE("a secret is found by its user") {
    const Secrets secrets("# comment\n\nother hidden1\n  web\thidden2  san hidden3\n", 0600);
    const auto one_way = read_chap_secrets(secrets.file, "other");
    CHECK(one_way.secret == "hidden1");
    CHECK(one_way.target_user.empty());
    const auto mutual = read_chap_secrets(secrets.file, "web");
    CHECK(mutual.secret == "hidden2");
    CHECK(mutual.target_user == "san");
    CHECK(mutual.target_secret == "hidden3");
}

TEST_CASE("what is wrong with a file of secrets is said without a secret") {
    CHECK_THAT(Secrets("web hidden\n", 0640).refusal("web"), Catch::Contains("mode 0600"));
    CHECK_THAT(Secrets("web hidden\n", 0604).refusal("web"), Catch::Contains("mode 0600"));
    CHECK_THAT(Secrets("web hidden\n", 0600).refusal("db"), Catch::Contains("have no user db"));
    CHECK_THAT(Secrets("#web hidden\n", 0600).refusal("web"), Catch::Contains("no user web"));
    for (const char* const line : {"web\n", "web hidden san\n", "web hidden san hidden more\n"}) {
        const std::string said = Secrets("\n" + std::string(line), 0600).refusal("web");
        CHECK_THAT(said, Catch::Contains(":2: expected USER SECRET"));
        CHECK_THAT(said, !Catch::Contains("hidden"));
    }
    CHECK_THAT(Secrets("web " + std::string(256, 'x') + "\n", 0600).refusal("web"),
               Catch::Contains(":1: expected"));
    CHECK_THAT(Secrets(std::string(70'000, '\n'), 0600).refusal("web"),
               Catch::Contains("larger than"));
    const Folder folder;
    CHECK_THROWS_WITH(read_chap_secrets(folder.path("none"), "web"),
                      Catch::Contains("cannot be read: No such file"));
    REQUIRE(::chmod(folder.path("").c_str(), 0700) == 0);
    CHECK_THROWS_WITH(read_chap_secrets(folder.path(""), "web"),
                      Catch::Contains("not a regular file"));
}

TEST_CASE("each guest has a name of its own") {
    CHECK(initiator_name("iqn.2003-01.org.example:dom0", "/vm/AB-12") ==
          "iqn.2003-01.org.example:dom0:ab-12");
    CHECK(initiator_name("iqn.2003-01.org.example:dom0", "my guest") ==
          "iqn.2003-01.org.example:dom0:my-guest");
    CHECK_THROWS_WITH(initiator_name("iqn." + std::string(176, 'x'), std::string(50, 'y')),
                      Catch::Contains("longer than 223"));
}

TEST_CASE("a unit has one writer, or readers, or those that share") {
    const Sharing writer{}, reader{true, {}}, sharer{false, 1}, other_sharer{false, 2};
    const auto refused = [](const Sharing& sharing) {
        try {
            const IscsiClaim claim("iqn.x/0", sharing);
            return false;
        } catch (const std::system_error& error) {
            return error.code() == std::errc::device_or_resource_busy;
        }
    };
    const IscsiClaim elsewhere("iqn.x/1", writer);
    {
        const IscsiClaim first("iqn.x/0", writer);
        CHECK(refused(writer));
        CHECK(refused(reader));
        CHECK(refused(sharer));
    }
    {
        const IscsiClaim first("iqn.x/0", reader);
        CHECK(refused(writer));
        CHECK(refused(sharer));
        CHECK_FALSE(refused(reader));
        CHECK(refused(writer)); // the second one's end did not take the first one's
    }
    {
        const IscsiClaim first("iqn.x/0", sharer);
        CHECK(refused(writer));
        CHECK(refused(reader));
        CHECK_FALSE(refused(other_sharer));
    }
    CHECK_FALSE(refused(writer));
}
