// Domains by running xl: here a script that notes how it was called.
#include "common/hypervisor/xen/run_program.hpp"
#include "common/hypervisor/xen/xen_domains.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

using namespace pvscsi;
using namespace pvscsi::hv;
using namespace pvscsi::hv::xen;

namespace {

/// Names of domains, read from a directory of files `ID` that the script writes, too.
class NamesOnly final : public Store {
  public:
    explicit NamesOnly(std::filesystem::path dir) : dir_(std::move(dir)) {}
    Result<std::string> read(const std::string& path, StoreTxn) override {
        const std::string id = path.substr(14, path.size() - 14 - 5);
        std::ifstream file(dir_ / id);
        std::string name;
        if (!std::getline(file, name))
            return unexpected_errno(ENOENT);
        return name;
    }
    Result<std::vector<std::string>> list(const std::string& path, StoreTxn) override {
        REQUIRE(path == "/local/domain");
        if (!std::filesystem::exists(dir_))
            return unexpected_errno(EIO);
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(dir_))
            names.push_back(entry.path().filename());
        return names;
    }
    Result<void> write(const std::string&, const std::string&, StoreTxn) override { return no(); }
    Result<void> mkdir(const std::string&, StoreTxn) override { return no(); }
    Result<void> remove(const std::string&, StoreTxn) override { return no(); }
    Result<std::vector<StorePermission>> permissions(const std::string&, StoreTxn) override {
        return no();
    }
    Result<void> set_permissions(const std::string&, const std::vector<StorePermission>&,
                                 StoreTxn) override {
        return no();
    }
    Result<StoreTxn> begin() override { return no(); }
    Result<void> commit(StoreTxn) override { return no(); }
    void abort(StoreTxn) noexcept override {}
    Result<void> watch(const std::string&, const std::string&) override { return no(); }
    Result<void> unwatch(const std::string&, const std::string&) override { return no(); }
    int fd() const noexcept override { return -1; }
    std::optional<WatchEvent> next_event() override { return {}; }
    bool domain_exists(DomId) override { return false; }

  private:
    static tl::unexpected<std::error_code> no() { return unexpected_errno(ENOSYS); }
    std::filesystem::path dir_;
};

class Bed {
  public:
    Bed() {
        char name[] = "/tmp/pvscsi-xl-XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        dir_ = name;
        std::filesystem::create_directory(dir_ / "domains");
        domain("0", "Domain-0");
        domain("12", "web");
        domain("3", "12"); // a name that looks like a number
        domain("junk", "junk");
        std::filesystem::create_directory(dir_ / "domains" / "40"); // a domain without a name
    }
    ~Bed() { std::filesystem::remove_all(dir_); }

    void domain(const std::string& id, const std::string& name) const {
        std::ofstream(dir_ / "domains" / id) << name << "\n";
    }
    /// A program `xl` that notes its arguments and then does `body`.
    [[nodiscard]] XenDomains with_xl(const std::string& body) const {
        const auto program = dir_ / "xl";
        std::ofstream(program) << "#!/bin/sh\nprintf '[%s]' \"$@\" >> " << (dir_ / "calls").string()
                               << "\n"
                               << body << "\n";
        std::filesystem::permissions(program, std::filesystem::perms::owner_all);
        return XenDomains{std::make_unique<NamesOnly>(dir_ / "domains"), program.string()};
    }
    [[nodiscard]] std::string calls() const {
        std::ostringstream text;
        text << std::ifstream(dir_ / "calls").rdbuf();
        return text.str();
    }
    [[nodiscard]] const std::filesystem::path& dir() const { return dir_; }

  private:
    std::filesystem::path dir_;
};

} // namespace

TEST_CASE("domains are found by name, or by number if it is all digits") {
    const Bed bed;
    auto domains = bed.with_xl("");
    const auto all = domains.list();
    REQUIRE(all.size() == 3);
    CHECK(all[0].id == DomId{0});
    CHECK(all[1].name == "12");
    CHECK(all[2].id == DomId{12});
    CHECK(domains.find("web")->id == DomId{12});
    CHECK(domains.find("12")->name == "web");
    CHECK(domains.find("0")->name == "Domain-0");
    CHECK_FALSE(domains.find("40"));
    CHECK_FALSE(domains.find("nobody"));
    CHECK_FALSE(domains.find("99999999999"));
    CHECK_FALSE(domains.find(""));
    CHECK(bed.calls().empty());
}

TEST_CASE("a store that cannot be read is an error, not an empty machine") {
    const Bed bed;
    auto domains = bed.with_xl("");
    std::filesystem::remove_all(bed.dir() / "domains");
    CHECK_THROWS_AS(domains.list(), std::system_error);
}

TEST_CASE("a domain is created paused, from the file, under the name") {
    const Bed bed;
    auto domains = bed.with_xl("echo 'my guest' > " + (bed.dir() / "domains/44").string());
    const DomainInfo made = domains.create("my guest", "/etc/xen/my guest.cfg", "");
    CHECK(made.id == DomId{44});
    CHECK(bed.calls() == "[create][-p][/etc/xen/my guest.cfg][name=\"my guest\"]");
}

TEST_CASE("a name that is taken, or that xl's language would read differently, is refused") {
    const Bed bed;
    auto domains = bed.with_xl("");
    CHECK_THROWS_WITH(domains.create("web", "x.cfg", ""), Catch::Contains("web"));
    for (const char* name : {"", "a\"b", "a\\b", "a\nb", "a\x7f"})
        CHECK_THROWS_AS(domains.create(name, "x.cfg", ""), std::runtime_error);
    CHECK(bed.calls().empty());
}

TEST_CASE("what xl says of a failure is passed on") {
    const Bed bed;
    auto domains = bed.with_xl("echo some output; echo 'no memory left' >&2; exit 3");
    CHECK_THROWS_WITH(domains.create("new", "x.cfg", ""),
                      Catch::Contains("exit status 3") && Catch::Contains("no memory left"));
    CHECK_THROWS_WITH(domains.unpause(DomId{12}), Catch::Contains("unpause 12"));
    CHECK_THROWS_WITH(bed.with_xl("kill -9 $$").destroy(DomId{12}), Catch::Contains("signal 9"));
    CHECK_THROWS_WITH(bed.with_xl("").create("new", "x.cfg", ""), Catch::Contains("does not know"));
}

TEST_CASE("unpause and destroy name the domain by number") {
    const Bed bed;
    auto domains = bed.with_xl("");
    domains.unpause(DomId{12});
    domains.destroy(DomId{13});
    CHECK(bed.calls() == "[unpause][12][destroy][13]");
}

TEST_CASE("a domain that is paused and has had no time has not run") {
    const Bed bed;
    // The lines are xl 4.17's.
    const std::string head = "echo 'Name                ID   Mem VCPUs\tState\tTime(s)'; echo '";
    CHECK_FALSE(
        bed.with_xl(head + "web     12   512     1     --p---       0.0'").has_run(DomId{12}));
    CHECK_FALSE(
        bed.with_xl(head + "my web  12   512     1     --p---       0.0'").has_run(DomId{12}));
    CHECK(bed.with_xl(head + "web  12   512     1     --p---       0.1'").has_run(DomId{12}));
    CHECK(bed.with_xl(head + "web  12   512     1     -b----       0.0'").has_run(DomId{12}));
    CHECK(bed.with_xl(head + "p    12   512     1     ------       0.0'").has_run(DomId{12}));
    CHECK(bed.with_xl("").has_run(DomId{12}));
    CHECK_THROWS_WITH(
        bed.with_xl("echo 'is an invalid domain identifier'; exit 1").has_run(DomId{12}),
        Catch::Contains("list 12") && Catch::Contains("invalid domain"));
    CHECK_THAT(bed.calls(), Catch::StartsWith("[list][12][list][12]"));
}

TEST_CASE("a missing program is named") {
    const Bed bed;
    XenDomains domains{std::make_unique<NamesOnly>(bed.dir() / "domains"), "/nonexistent/xl"};
    try {
        domains.unpause(DomId{12});
        FAIL("no exception");
    } catch (const std::system_error& error) {
        CHECK(error.code() == std::errc::no_such_file_or_directory);
        CHECK_THAT(error.what(), Catch::Contains("/nonexistent/xl"));
    }
}

TEST_CASE("only the end of a long output is kept, and a child left behind is not waited for") {
    const Bed bed;
    auto domains = bed.with_xl("sleep 60 & echo $! > " + (bed.dir() / "left").string() +
                               "; seq -f 'line %g' 0 2999; exit 1");
    try {
        domains.unpause(DomId{12});
        FAIL("no exception");
    } catch (const std::runtime_error& error) {
        const std::string text = error.what();
        CHECK(text.size() < 1300);
        CHECK_THAT(text, Catch::EndsWith("line 2999"));
    }
    pid_t left = 0;
    std::ifstream(bed.dir() / "left") >> left;
    REQUIRE(left > 0);
    CHECK(::kill(left, SIGKILL) == 0);
}
