// A file that several units have at once: who may, and what they see of each other.
#include "backend/backing_lock.hpp"
#include "common/base/unique_fd.hpp"
#include "tests/support/file_disk.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <fcntl.h>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;
using scsi::SenseKey;

namespace {

LunConfig shared_disk(const std::string& path, const std::string& serial, bool read_only = false) {
    LunConfig config{"file:" + path, read_only, "", serial};
    config.exclusive = false;
    return config;
}

std::string refusal(const LunConfig& config) {
    try {
        (void)make_target(config);
    } catch (const std::system_error& error) {
        return error.code() == std::errc::device_or_resource_busy ? "busy" : error.what();
    }
    return "opened";
}

} // namespace

TEST_CASE("units that all say so share a file, and nobody else has it meanwhile") {
    TempFile file(mib);
    enum Entry { alone, reader, a, b, shared_reader };
    const std::array entries{LunConfig{"file:" + file.path(), false, "", "x"},
                             LunConfig{"file:" + file.path(), true, "", "y"},
                             shared_disk(file.path(), "a"), shared_disk(file.path(), "b"),
                             shared_disk(file.path(), "c", true)};
    struct Row {
        Entry first, second;
        const char* outcome;
    };
    const auto row = GENERATE(
        Row{alone, a, "busy"}, Row{reader, a, "busy"}, Row{a, b, "opened"}, Row{a, a, "busy"},
        Row{a, shared_reader, "opened"}, Row{shared_reader, shared_reader, "opened"},
        Row{reader, shared_reader, "opened"}, Row{alone, shared_reader, "busy"});
    CAPTURE(row.first, row.second);
    {
        const auto first = make_target(entries.at(row.first));
        CHECK(refusal(entries.at(row.second)) == row.outcome);
    }
    const auto second = make_target(entries.at(row.second));
    CHECK(refusal(entries.at(row.first)) == row.outcome);
}

TEST_CASE("units on parts of something keep out those that have the whole, and not each other") {
    const TempFile file(mib);
    const auto sharing = [](bool read_only, bool shared, std::uint64_t unit) {
        Sharing how{read_only, {}, unit};
        if (shared)
            how.shared_as = unit;
        return how;
    };
    using Lock = decltype(&lock_backing);
    const auto lock = [&](Lock how, const Sharing& unit) {
        UniqueFd fd(adopt_fd, ::open(file.path().c_str(), O_RDWR | O_CLOEXEC));
        try {
            how(fd.get(), file.path(), unit);
        } catch (const std::system_error& error) {
            CHECK(error.code() == std::errc::device_or_resource_busy);
            fd = UniqueFd();
        }
        return fd;
    };
    struct Row {
        bool read_only, shared;
        std::array<bool, 4>
            with; ///< a writer, a reader, one that shares, one that shares and reads
    };
    const std::array rows{Row{false, false, {false, false, false, false}},
                          Row{true, false, {false, true, false, true}},
                          Row{false, true, {false, false, true, true}},
                          Row{true, true, {false, true, true, true}}};
    for (std::size_t part = 0; part < rows.size(); ++part)
        for (std::size_t whole = 0; whole < rows.size(); ++whole) {
            CAPTURE(part, whole);
            const bool expected = rows.at(part).with.at(whole);
            const auto on_part = sharing(rows.at(part).read_only, rows.at(part).shared, 1);
            const auto on_whole = sharing(rows.at(whole).read_only, rows.at(whole).shared, 2);
            {
                const UniqueFd first = lock(lock_for_a_part, on_part);
                REQUIRE(first);
                CHECK(bool(lock(lock_backing, on_whole)) == expected);
                const auto& other = rows.at(whole); // of another part
                CHECK(bool(lock(lock_for_a_part, sharing(other.read_only, other.shared, 2))));
            }
            const UniqueFd first = lock(lock_backing, on_whole);
            REQUIRE(first);
            CHECK(bool(lock(lock_for_a_part, on_part)) == expected);
        }
}

TEST_CASE("a unit waits for its own predecessor's I/O and for no other guest's") {
    TempFile file(mib);
    // As the kernel holds it for I/O of a daemon that is dead.
    const UniqueFd dead(adopt_fd, ::open(file.path().c_str(), O_RDWR | O_CLOEXEC));
    lock_backing(dead.get(), file.path(), sharing_of(shared_disk(file.path(), "a")));
    CHECK(refusal(shared_disk(file.path(), "a")) == "busy");
    CHECK(refusal(shared_disk(file.path(), "b")) == "opened");
}

TEST_CASE("another program's lock keeps units out that share, and theirs keep it out") {
    TempFile file(mib);
    const UniqueFd other(adopt_fd, ::open(file.path().c_str(), O_RDWR | O_CLOEXEC));
    struct ::flock all {};
    all.l_type = F_WRLCK;
    {
        const auto shared = make_target(shared_disk(file.path(), "a"));
        CHECK(::fcntl(other.get(), F_OFD_SETLK, &all) != 0);
    }
    REQUIRE(::fcntl(other.get(), F_OFD_SETLK, &all) == 0);
    CHECK(refusal(shared_disk(file.path(), "a")) == "busy");
    CHECK(refusal(shared_disk(file.path(), "a", true)) == "busy");
}

TEST_CASE("a node that is no file is shared in the same way") {
    const UniqueFd a(adopt_fd, ::open("/dev/null", O_RDWR | O_CLOEXEC));
    const UniqueFd b(adopt_fd, ::open("/dev/null", O_RDWR | O_CLOEXEC));
    const UniqueFd c(adopt_fd, ::open("/dev/null", O_RDWR | O_CLOEXEC));
    lock_backing(a.get(), "a", {false, 1});
    lock_backing(b.get(), "b", {false, 2});
    CHECK_THROWS_AS(lock_backing(c.get(), "c", {false, {}}), std::system_error);
    CHECK_THROWS_AS(lock_backing(c.get(), "c", {true, {}}), std::system_error);
}

TEST_CASE("what one unit has written the others read when the command has ended") {
    TempFile file(4 * mib);
    TargetHost one(make_target(shared_disk(file.path(), "a")));
    TargetHost other(make_target(shared_disk(file.path(), "b")));
    LunConfig disc{"iso:" + file.path(), true, "", "c"};
    disc.exclusive = false;
    TargetHost cached(make_target(disc)); // through the page cache
    for (std::uint8_t round = 1; round < 20; ++round) {
        const Bytes data(64 * 512, round);
        REQUIRE(one.out(write_10(8, 64), data).good());
        CHECK(other.in(read_10(8, 64), 64 * 512).data == data);
        const Answer answer = cached.in(read_10(2, 16), 16 * 2048);
        if (answer.good()) // else a unit attention, once
            CHECK(answer.data == data);
        const Bytes back(512, static_cast<std::uint8_t>(0x80 | round));
        REQUIRE(other.out(write_10(8, 1), back).good());
        CHECK(one.in(read_10(8, 1), 512).data == back);
    }
}

TEST_CASE("a disk that is shared does not promise what only one who has it alone can keep") {
    TempFile file(mib);
    TargetHost alone(open_file(file.path()));
    const auto unsupported = [](TargetHost& host, const Bytes& cdb) {
        return host.none(cdb).is(SenseKey::illegal_request, 0x20, 0x00);
    };
    const Bytes reserve{0x16, 0, 0, 0, 0, 0}, release{0x17, 0, 0, 0, 0, 0};
    Bytes compare_and_write(16), or_write(16);
    compare_and_write[0] = 0x89, or_write[0] = 0x8b;
    const auto compare_limit = [](TargetHost& host) {
        return host.in({0x12, 1, 0xb0, 0, 64, 0}, 64).data.at(5);
    };
    for (const Bytes& cdb : {reserve, release, compare_and_write, or_write})
        CHECK_FALSE(unsupported(alone, cdb));
    CHECK(compare_limit(alone) != 0);
    TempFile another(mib);
    TargetHost shared(make_target(shared_disk(another.path(), "a")));
    for (const Bytes& cdb : {reserve, release, compare_and_write, or_write})
        CHECK(unsupported(shared, cdb));
    CHECK(compare_limit(shared) == 0);
}
