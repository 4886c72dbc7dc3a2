// What an emulated unit was told outlives the process that serves it: mode pages, a stopped disk,
// an open or locked tray, unit attentions that were not fetched.
#include "backend/unit_memory.hpp"
#include "tests/support/disk_bed.hpp"

#include <catch2/catch.hpp>

#include <fstream>

using namespace pvscsi;
using namespace pvscsi::test;
using backend::UnitMemory;
using scsi::SenseKey;

namespace {

/// A unit on one backing, served by one process after the other.
struct Unit {
    explicit Unit(const std::string& kind) : kind_(kind) {}

    /// By a process that goes on from where the last one was.
    TargetHost& inherited() { return serve(true); }
    TargetHost& anew() { return serve(false); }
    void resize(std::uint64_t size) { backing_.resize(size); }
    [[nodiscard]] std::string path() const { return directory_ + "/1-0.dev-0.unit"; }
    ~Unit() {
        host_.reset();
        std::filesystem::remove_all(directory_);
    }

  private:
    TargetHost& serve(bool inherit) {
        host_.reset();
        auto target = backend::make_target({kind_ + backing_.path(), false, "", "serial"});
        target->remember_in(path(), inherit);
        host_.emplace(std::move(target));
        return *host_;
    }
    static std::string make_directory() {
        std::string name = std::filesystem::temp_directory_path() / "pvscsi-unit-XXXXXX";
        if (!::mkdtemp(name.data()))
            throw std::runtime_error("no temporary directory");
        return name;
    }

    std::string kind_;
    TempFile backing_{disk_blocks * 512};
    std::string directory_ = make_directory();
    std::optional<TargetHost> host_;
};

const Bytes turs(6);
const Bytes sense_caching{0x1a, 0x08, 0x08, 0, 64, 0};
const Bytes select_20{0x15, 0x10, 0, 0, 24, 0};

Bytes caching(bool wce) {
    Bytes list(24);
    list[4] = 0x08, list[5] = 0x12, list[6] = wce ? 0x04 : 0;
    return list;
}
bool write_cache(TargetHost& host) {
    return (host.in(sense_caching, 64).data.at(6) & 0x04) != 0;
}
void reset(TargetHost& host) {
    bool well = false;
    host.target().reset([&well](bool success) { well = success; });
    REQUIRE(well);
}

Bytes stored(const std::string& path) {
    const auto memory = UnitMemory::reopen(path);
    REQUIRE(memory);
    return {memory->contents().begin(), memory->contents().end()};
}

} // namespace

TEST_CASE("mode pages outlive the process") {
    Unit disk("file:");
    REQUIRE(write_cache(disk.anew()));
    REQUIRE(disk.inherited().out(select_20, caching(false)).good());
    CHECK_FALSE(write_cache(disk.inherited()));
    CHECK(disk.inherited().none(turs).good()); // and nobody is told of a change
    REQUIRE(disk.inherited().out(select_20, caching(true)).good());
    CHECK(write_cache(disk.inherited()));
}

TEST_CASE("a stopped disk stays stopped") {
    Unit disk("file:");
    REQUIRE(disk.anew().none({0x1b, 0, 0, 0, 0, 0}).good());
    CHECK(disk.inherited().none(turs).is(SenseKey::not_ready, 0x04, 0x02));
    REQUIRE(disk.inherited().none({0x1b, 0, 0, 0, 1, 0}).good());
    CHECK(disk.inherited().none(turs).good());
}

TEST_CASE("a unit attention is told by the next process, and only once") {
    Unit disk("file:");
    reset(disk.anew());
    CHECK(disk.inherited().none(turs).is(SenseKey::unit_attention, 0x29, 0x03));
    CHECK(disk.inherited().none(turs).good());
}

TEST_CASE("a unit attention that REQUEST SENSE has told is over for the next process, too") {
    Unit disk("file:");
    reset(disk.anew());
    const Bytes request_sense{0x03, 0, 0, 0, 18, 0};
    CHECK(disk.inherited().in(request_sense, 18).data.at(12) == 0x29);
    CHECK(disk.inherited().in(request_sense, 18).data.at(12) == 0);
    CHECK(disk.inherited().none(turs).good());
}

TEST_CASE("a drive keeps its tray, its lock and the event nobody has asked for") {
    Unit drive("iso:");
    const Bytes media_event{0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0};
    SECTION("open") {
        REQUIRE(drive.anew().none({0x1b, 0, 0, 0, 2, 0}).good());
        CHECK(drive.inherited().none(turs).is(SenseKey::not_ready, 0x3a, 0x02));
        CHECK(drive.inherited().in(media_event, 8).data == Bytes{0, 6, 4, 0x10, 3, 1, 0, 0});
        CHECK(drive.inherited().in(media_event, 8).data == Bytes{0, 6, 4, 0x10, 0, 1, 0, 0});
    }
    SECTION("locked") {
        REQUIRE(drive.anew().none({0x1e, 0, 0, 0, 1, 0}).good());
        CHECK(drive.inherited().none({0x1b, 0, 0, 0, 2, 0}).is(SenseKey::illegal_request, 0x53, 2));
    }
}

TEST_CASE("a lock ends with the connection that asked for it, the tray's state does not") {
    Unit drive("iso:");
    REQUIRE(drive.anew().none({0x1e, 0, 0, 0, 1, 0}).good());
    TargetHost& host = drive.inherited();
    host.target().nexus_lost();
    CHECK(host.none({0x1b, 0, 0, 0, 2, 0}).good());
    host.target().nexus_lost();
    CHECK(host.none(turs).is(SenseKey::not_ready, 0x3a, 0x02));
}

TEST_CASE("what has another size than before is announced, or not served any more") {
    Unit disk("file:");
    REQUIRE(disk.anew().none(turs).good());
    SECTION("grown") {
        disk.resize(2 * disk_blocks * 512);
        CHECK(disk.inherited().none(turs).is(SenseKey::unit_attention, 0x2a, 0x09));
        CHECK(disk.inherited().none(turs).good());
    }
    SECTION("grown before, and known to the guest") {
        TargetHost& host = disk.inherited();
        disk.resize(2 * disk_blocks * 512);
        CHECK(host.none(turs).is(SenseKey::unit_attention, 0x2a, 0x09));
        CHECK(disk.inherited().none(turs).good());
    }
    SECTION("cut") {
        disk.resize(disk_blocks * 512 / 2);
        CHECK_THROWS_WITH(disk.inherited(),
                          Catch::Contains("1048576") && Catch::Contains("2097152"));
    }
}

TEST_CASE("a new unit knows nothing of the last one's state") {
    Unit disk("file:");
    REQUIRE(disk.anew().out(select_20, caching(false)).good());
    reset(disk.inherited());
    TargetHost& host = disk.anew();
    CHECK(host.none(turs).good());
    CHECK(write_cache(host));
}

TEST_CASE("where the state is lost the guest is told to look") {
    Unit disk("file:");
    REQUIRE(disk.anew().none(turs).good());
    SECTION("gone") {
        std::filesystem::remove(disk.path());
    }
    SECTION("cut") {
        std::filesystem::resize_file(disk.path(), 100);
    }
    SECTION("another version's") {
        std::fstream(disk.path(), std::ios::in | std::ios::out | std::ios::binary) << "PVSUNT99";
    }
    SECTION("of another type of unit") {
        UnitMemory::create(disk.path()).store(Bytes(40, 5));
    }
    SECTION("nothing was stored") {
        (void)UnitMemory::create(disk.path());
    }
    CHECK(disk.inherited().none(turs).is(SenseKey::unit_attention, 0x29, 0x04));
    CHECK(disk.inherited().none(turs).good());
}

TEST_CASE("a change that a process died in the middle of has not been made") {
    TempFile file(0);
    UnitMemory::create(file.path()).store(Bytes{1, 2, 3});
    // store() writes over the copy that does not hold, and takes it last: here it does not.
    auto raw = backend::MappedFile::open(file.path(), std::filesystem::file_size(file.path()));
    REQUIRE(raw);
    const Bytes before(reinterpret_cast<std::uint8_t*>(raw->bytes().data()),
                       reinterpret_cast<std::uint8_t*>(raw->bytes().data()) + 16);
    UnitMemory::reopen(file.path())->store(Bytes{4, 5, 6});
    CHECK(stored(file.path()) == Bytes{4, 5, 6});
    std::copy(before.begin(), before.end(), reinterpret_cast<std::uint8_t*>(raw->bytes().data()));
    CHECK(stored(file.path()) == Bytes{1, 2, 3});
}

TEST_CASE("a state file that can't be made is an error that names it") {
    auto target = backend::make_target({"null:1M", false, "", "serial"});
    try {
        target->remember_in("/nowhere/1-0.dev-0.unit", false);
        FAIL("made");
    } catch (const std::system_error& error) {
        CHECK(std::string(error.what()).find("/nowhere/1-0.dev-0.unit") != std::string::npos);
        CHECK(error.code() == std::errc::no_such_file_or_directory);
    }
}
