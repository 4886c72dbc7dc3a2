// pvscsid.toml: what is taken, and what is refused with the line and the remedy.
#include "common/config/settings.hpp"
#include "common/config/settings_help.hpp"
#include "common/config/settings_keys.hpp"
#include "common/config/started_with.hpp"
#include "tests/support/temp_file.hpp"
#include "tests/support/temp_folder.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <sys/stat.h>

using namespace pvscsi::config;

namespace {

std::string refusal(std::string_view text) {
    const auto settings = parse_settings(text, "x.toml");
    REQUIRE(!settings);
    REQUIRE(settings.error().size() == 1);
    return settings.error().front();
}

} // namespace

TEST_CASE("every key is taken") {
    const auto settings = parse_settings(R"(
        [daemon]
        threads = 3
        wait = "poll"
        max-spin-us = 0
        max-segments = 26
        state-dir = "/run/x"
        record-dir = "/var/lib/x"
        trace-length = 0
        log-level = "debug"
        max-timeout = 172800
        [allow]
        devices = [ "/dev/disk/by-id/*" ]
        folders = [ "/srv", "/var/lib/images/" ]
        targets = [ "iqn.2003-01.org.example:*", "eui.02004567A425678D" ]
        [iscsi]
        initiator = "iqn.2003-01.org.example:dom0"
        secrets = "/etc/x"
        header-digest = "crc32c"
        [npiv]
        pool = "2F:FF:00:16:3e:12"
        wait = 3600
        linger = 0
        hold = 600
        [inject]
        allow = true
        [domains]
        files = []
        [policy.archive]
        base = "tape"
        allow = [ "vendor", "3b/05" ]
        refuse = [ "erase", "A4" ]
        audit = true
        [policy.plain]
    )",
                                         "x.toml");
    REQUIRE(settings);
    CHECK(settings->threads == 3u);
    CHECK(settings->wait == "poll");
    CHECK(settings->max_spin_us == 0u);
    CHECK(settings->max_segments == 26u);
    CHECK(settings->state_dir == "/run/x");
    CHECK(settings->record_dir == "/var/lib/x");
    CHECK(settings->trace_length == 0u);
    CHECK(settings->log_level == "debug");
    CHECK(settings->max_timeout == 172800u);
    CHECK(settings->devices == std::vector<std::string>{"/dev/disk/by-id/*"});
    CHECK(settings->folders->size() == 2);
    CHECK(settings->inject_allow == true);
    CHECK(settings->domain_files->empty());
    CHECK(allows_target(*settings, "iqn.2003-01.org.example:a"));
    CHECK(allows_target(*settings, "eui.02004567a425678d"));
    CHECK_FALSE(allows_target(*settings, "iqn.2003-01.org.example"));
    CHECK(allows_target({}, "iqn.2003-01.org.example"));
    CHECK(settings->npiv_pool == "2fff00163e12");
    CHECK(settings->npiv_wait == 3600u);
    CHECK(settings->npiv_linger == 0u);
    CHECK(settings->npiv_hold == 600u);
    CHECK(settings->iscsi_initiator == "iqn.2003-01.org.example:dom0");
    CHECK(settings->iscsi_secrets == "/etc/x");
    CHECK(settings->iscsi_header_digest == "crc32c");
    REQUIRE(settings->policies.size() == 2);
    const OwnPolicy& archive = settings->policies[0];
    CHECK(archive.name == "archive");
    CHECK(archive.base == "tape");
    CHECK(archive.allow == std::vector<PolicyItem>{CommandClass::vendor, CommandName{0x3b, 0x05}});
    CHECK(archive.refuse == std::vector<PolicyItem>{CommandClass::erase, CommandName{0xa4, {}}});
    CHECK(archive.audit);
    const OwnPolicy& plain = settings->policies[1];
    CHECK(plain.name == "plain");
    CHECK(plain.base == "default");
    CHECK(plain.allow.empty());
    CHECK(plain.refuse.empty());
    CHECK_FALSE(plain.audit);
}

TEST_CASE("the example and the manual have every key, and the example is right") {
    std::istringstream example(settings_example());
    std::string taken;
    long keys = 0;
    for (std::string line; std::getline(example, line);) {
        const bool key = line.starts_with('#') && !line.starts_with("# ");
        keys += key;
        taken += (key ? line.substr(1) : line) + "\n";
    }
    CHECK(parse_settings(taken, "x.toml"));
    CHECK(keys == static_cast<long>(settings_keys().size()));
    CHECK(parse_settings(settings_example(), "x.toml"));

    const std::string manual = settings_manual("1.2", "2026-11-22");
    for (const SettingsKey& key : settings_keys()) {
        CAPTURE(key.name);
        std::string name;
        for (const char c : key.name)
            name += c == '-' ? "\\-" : std::string(1, c);
        CHECK(manual.find("\n.BI \"" + name + " = \" value\n") != std::string::npos);
        CHECK(taken.find("\n" + std::string(key.name) + " = ") != std::string::npos);
    }
}

TEST_CASE("what is not said is left to the defaults") {
    const auto settings = parse_settings("# nothing\n", "x.toml");
    REQUIRE(settings);
    CHECK(!settings->threads);
    CHECK(!settings->devices);
    CHECK(!settings->domain_files);
    CHECK(!settings->inject_allow);
}

TEST_CASE("what is wrong is refused with its line and what would be right") {
    const auto [text, said] = GENERATE(table<std::string, std::string>({
        {"[daemon", "x.toml:1: "},
        {"\n[deamon]\nthreads = 1", "x.toml:2: \"deamon\" is not known; expected [daemon]"},
        {"daemon = 1", "x.toml:1: \"daemon\" is no table; expected [daemon]"},
        {"[daemon]\nthread = 1",
         "x.toml:2: [daemon] has no key \"thread\"; expected threads, wait, max-spin-us"},
        {"[daemon]\nthreads = 0",
         "x.toml:2: threads is not usable; expected a number from 1 to 256"},
        {"[daemon]\nthreads = 257", "from 1 to 256"},
        {"[daemon]\nthreads = 1.0", "from 1 to 256"},
        {"[daemon]\nthreads = \"1\"", "from 1 to 256"},
        {"[daemon]\nmax-spin-us = -1", "from 0 to 100000"},
        {"[daemon]\nmax-segments = 25", "from 26 to 13312"},
        {"[daemon]\nmax-segments = 13313", "from 26 to 13312"},
        {"[daemon]\nmax-timeout = 0",
         "max-timeout is not usable; expected a number from 1 to 172800"},
        {"[daemon]\nmax-timeout = 172801", "from 1 to 172800"},
        {"[daemon]\nwait = \"sleep\"", R"(expected one of "event", "adaptive", "poll")"},
        {"[daemon]\nlog-level = 3", "\"debug\""},
        {"[daemon]\nstate-dir = \"run\"", "an absolute path"},
        {"[allow]\ndevices = \"/dev/sg0\"", "a list of absolute paths"},
        {"[allow]\ndevices = [\"sg0\"]", "a list of absolute paths"},
        {"[allow]\nfolders = [1]", "a list of absolute paths"},
        {"[allow]\ntargets = [\"iqn.x\", \"\"]", "a list of iSCSI names"},
        {"[allow]\ntargets = \"iqn.x\"", "a list of iSCSI names"},
        {"[npiv]\npool = \"2fff00\"", "7 to 14 hexadecimal digits"},
        {"[npiv]\npool = \"2fff00163e12345\"", "7 to 14 hexadecimal digits"},
        {"[npiv]\npool = \"0fff00163e12\"", "7 to 14 hexadecimal digits"},
        {"[npiv]\npool = \"2fff00163e1g\"", "7 to 14 hexadecimal digits"},
        {"[npiv]\npool = 12345678", "7 to 14 hexadecimal digits"},
        {"[npiv]\nwait = 0", "a number from 1 to 3600"},
        {"[npiv]\nhold = 601", "a number from 0 to 600"},
        {"[npiv]\nlinger = 86401", "a number from 0 to 86400"},
        {"[iscsi]\ninitiator = \"dom0\"", "an iSCSI name"},
        {"[iscsi]\ninitiator = \"iqn.2003-01.a b\"", "an iSCSI name"},
        {"[iscsi]\nsecrets = \"x\"", "an absolute path"},
        {"[iscsi]\nheader-digest = \"md5\"", "one of \"none\", \"crc32c\""},
        {"[inject]\nallow = 1", "expected true or false"},
        {"[domains]\nfiles = [\"/etc/xen/*.cfg\", \"\"]", "a list of absolute paths"},
        {"[daemon]\nthreads = 1\nthreads = 2", "x.toml:3: "},
        {"policy = 1", "\"policy\" is no table; expected [policy]"},
        {"[policy]\nbase = \"tape\"", "\"base\" is no table; expected [policy.base]"},
        {"[policy.tape]", "\"tape\" is no name for a policy"},
        {"[policy.\"a b\"]", "\"a b\" is no name for a policy; expected 1 to 64 letters"},
        {"[policy.\"audit:x\"]", "is no name for a policy"},
        {"[policy.x]\nbases = 1",
         "x.toml:2: [policy] has no key \"bases\"; expected base, allow, refuse, audit"},
        {"[policy.x]\nbase = \"y\"", "base is not usable; expected one of \"default\", \"disk\""},
        {"[policy.x]\nbase = 1", "base is not usable"},
        {"[policy.x]\nallow = \"erase\"", "allow is not usable; expected a list of up to 64"},
        {"[policy.x]\nallow = [\"erases\"]", "the name of a class, or an operation code"},
        {"[policy.x]\nrefuse = [\"100\"]", "refuse is not usable"},
        {"[policy.x]\nrefuse = [\"a4/\"]", "refuse is not usable"},
        {"[policy.x]\nrefuse = [164]", "refuse is not usable"},
        {"[policy.x]\naudit = \"yes\"", "audit is not usable; expected true or false"},
        {"[policy.x]\n[policy.x]", "x.toml:2: "},
    }));
    INFO(text);
    const std::string line = refusal(text);
    INFO(line);
    CHECK(line.find(said) != std::string::npos);
}

TEST_CASE("a policy's lists are bounded") {
    const auto with = [](std::size_t items) {
        std::string list;
        for (std::size_t i = 0; i < items; ++i)
            list += "\"c1\",";
        return parse_settings("[policy.x]\nallow = [" + list + "]", "x.toml");
    };
    CHECK(with(max_policy_items));
    CHECK(!with(max_policy_items + 1));
}

TEST_CASE("all that is wrong is said at once") {
    const auto settings = parse_settings("[daemon]\nthreads = 0\nwait = 1\n[x]\n", "x.toml");
    REQUIRE(!settings);
    CHECK(settings.error().size() == 3);
}

TEST_CASE("a file that is not there counts only if it was asked for") {
    CHECK(read_settings("/nonexistent/pvscsid.toml", false));
    const auto asked = read_settings("/nonexistent/pvscsid.toml", true);
    REQUIRE(!asked);
    CHECK(asked.error().front() ==
          "/nonexistent/pvscsid.toml: cannot be read: No such file or directory; expected "
          "the file that was named, an empty one for all defaults");
    CHECK(!read_settings("/proc", false));
    const pvscsi::test::TempFile file(0);
    CHECK(read_settings(file.path(), true));
    std::ofstream(file.path()) << "[daemon]\nthreads = 2\n";
    CHECK(read_settings(file.path(), true)->threads == 2u);
}

TEST_CASE("only a regular file of bounded size is read") {
    const pvscsi::test::Folder folder;
    REQUIRE(::mkfifo(folder.path("fifo").c_str(), 0600) == 0);
    const auto said = [](const std::string& path) {
        const auto settings = read_settings(path, false);
        REQUIRE(!settings);
        return settings.error().front();
    };
    CHECK(said(folder.path("fifo")) ==
          folder.path("fifo") + ": cannot be read: not a regular file");
    CHECK(said("/dev/zero") == "/dev/zero: cannot be read: not a regular file");
    const auto large = folder.image("large", (1 << 20) + 1);
    CHECK(said(large) == large + ": cannot be read: larger than 1048576 bytes, more than a "
                                 "configuration file has");
}

TEST_CASE("the allow-list") {
    Settings settings;
    CHECK(allows_device(settings, "/dev/sda"));
    CHECK(allows_file(settings, "/etc/shadow"));
    settings.devices = {"/dev/sg*", "/dev/vg/guest-*"};
    settings.folders = {"/srv/images/", "/home/*/disks"};
    CHECK(allows_device(settings, "/dev/sg12"));
    CHECK(allows_device(settings, "/dev/vg/guest-a"));
    CHECK(!allows_device(settings, "/dev/sda"));
    CHECK(!allows_device(settings, "/dev/sg/1"));
    CHECK(allows_file(settings, "/srv/images/a.img"));
    CHECK(allows_file(settings, "/srv/images/sub/a.img"));
    CHECK(!allows_file(settings, "/srv/images-other/a.img"));
    CHECK(!allows_file(settings, "/srv/a.img"));
    CHECK(allows_file(settings, "/home/joe/disks/a.img"));
    CHECK(!allows_file(settings, "/home/joe/a.img"));
    settings.folders->clear();
    CHECK(!allows_file(settings, "/srv/images/a.img"));
    settings.folders = {"/"};
    CHECK(allows_file(settings, "/srv/images/a.img"));
}

TEST_CASE("what a daemon was started with is known to others, and what is damaged is not") {
    const pvscsi::test::Folder folder;
    const std::string host = folder.path("");
    const auto usual = started_with(host);
    CHECK(usual.settings_file == settings_file(host));
    CHECK(usual.record_dir.empty());
    tell_started_with(host, {"/x/own.toml", "/x/records"});
    CHECK(started_with(host).settings_file == "/x/own.toml");
    CHECK(started_with(host).record_dir == "/x/records");
    tell_started_with(host, {"/x/own.toml", ""});
    CHECK(started_with(host).record_dir.empty());
    const auto damaged = GENERATE("", "\n", "/x", "/x\n", "/x\n/y", "/x\n/y\n/z\n", "\n/y\n");
    CAPTURE(damaged);
    std::ofstream(folder.path("pvscsid/started-with")) << damaged;
    CHECK(started_with(host).settings_file == settings_file(host));
    CHECK(started_with(host).record_dir.empty());
}
