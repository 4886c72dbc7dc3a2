// The worker's io_uring on real files, driven by hand: spinning and asleep.
#include "backend/uring.hpp"
#include "common/base/unique_fd.hpp"
#include "tests/support/manual_worker.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <vector>

using namespace pvscsi;
using namespace pvscsi::backend;
using test::drive_until;
using test::Sleep;

namespace {

struct Recorder final : UringCompletion {
    std::optional<int> result;
    unsigned calls = 0;
    void completed(int value) noexcept override {
        result = value;
        ++calls;
    }
};

UniqueFd memory_file(std::size_t size) {
    UniqueFd fd(adopt_fd, ::memfd_create("uring-test", MFD_CLOEXEC));
    REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(size)) == 0);
    return fd;
}

} // namespace

TEST_CASE("what was written is read back, spinning or asleep") {
    const Sleep sleep = GENERATE(Sleep::no, Sleep::yes);
    Worker worker("test", Wait::event);
    const UniqueFd file = memory_file(8192);
    const std::vector<std::byte> out(4096, std::byte{0x5a});
    std::vector<std::byte> in(4096);
    Recorder wrote, synced, read;

    REQUIRE(worker.uring().write(file.get(), out, 4096, true, wrote));
    REQUIRE(drive_until(
        worker, [&] { return wrote.result.has_value(); }, sleep));
    CHECK(*wrote.result == 4096);
    REQUIRE(worker.uring().sync_data(file.get(), synced));
    REQUIRE(worker.uring().read(file.get(), in, 4096, read));
    REQUIRE(drive_until(
        worker, [&] { return synced.result && read.result; }, sleep));
    CHECK(*synced.result == 0);
    CHECK(*read.result == 4096);
    CHECK(in == out);
    CHECK_FALSE(worker.uring().expects_work());
}

TEST_CASE("an operation's error and a short transfer reach its completion") {
    Worker worker("test", Wait::event);
    const UniqueFd file = memory_file(1000);
    std::vector<std::byte> in(4096);
    Recorder bad, at_end, past_end;
    REQUIRE(worker.uring().read(-1, in, 0, bad));
    REQUIRE(worker.uring().read(file.get(), in, 0, at_end));
    REQUIRE(worker.uring().read(file.get(), in, 4096, past_end));
    REQUIRE(drive_until(worker, [&] { return bad.result && at_end.result && past_end.result; }));
    CHECK(*bad.result == -EBADF);
    CHECK(*at_end.result == 1000);
    CHECK(*past_end.result == 0);
}

TEST_CASE("a punched hole reads as zeros") {
    Worker worker("test", Wait::event);
    const UniqueFd file = memory_file(8192);
    REQUIRE(::pwrite(file.get(), "data", 4, 4096) == 4);
    Recorder punched;
    REQUIRE(worker.uring().fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096,
                                     4096, punched));
    REQUIRE(drive_until(worker, [&] { return punched.result.has_value(); }));
    CHECK(*punched.result == 0);
    char after[4];
    REQUIRE(::pread(file.get(), after, 4, 4096) == 4);
    CHECK(std::memcmp(after, "\0\0\0\0", 4) == 0);
}

TEST_CASE("a cancelled operation completes, once, with ECANCELED") {
    Worker worker("test", Wait::event);
    const UniqueFd never(adopt_fd, ::eventfd(0, EFD_CLOEXEC));
    std::vector<std::byte> in(8);
    Recorder read;
    REQUIRE(worker.uring().read(never.get(), in, 0, read));
    worker.uring().poll(); // it is with the kernel now
    CHECK_FALSE(read.result);
    CHECK(worker.uring().expects_work());
    worker.uring().cancel(read);
    REQUIRE(drive_until(worker, [&] { return !worker.uring().expects_work(); }));
    REQUIRE(read.result);
    CHECK((*read.result == -ECANCELED || *read.result == -EINTR));
    CHECK(read.calls == 1);
}

TEST_CASE("an armed ring wakes the sleeper when an operation ends later") {
    Worker worker("test", Wait::event);
    const UniqueFd event(adopt_fd, ::eventfd(0, EFD_CLOEXEC));
    std::vector<std::byte> in(8);
    Recorder read;
    REQUIRE(worker.uring().read(event.get(), in, 0, read));
    worker.uring().poll();
    REQUIRE(worker.uring().arm());
    CHECK(worker.context().poll() == 0);

    const std::uint64_t one = 1;
    REQUIRE(::write(event.get(), &one, sizeof one) == sizeof one);
    CHECK(worker.context().run_one_for(std::chrono::seconds(10)) == 1);
    CHECK(worker.uring().poll());
    REQUIRE(read.result);
    CHECK(*read.result == 8);
}

TEST_CASE("it does not go to sleep over what has ended or was not submitted") {
    Worker worker("test", Wait::event);
    const UniqueFd file = memory_file(4096);
    std::vector<std::byte> in(4096);
    Recorder read;
    REQUIRE(worker.uring().read(file.get(), in, 0, read));
    CHECK_FALSE(worker.uring().arm());
    REQUIRE(drive_until(
        worker, [&] { return read.result.has_value(); }, Sleep::no));
    CHECK(worker.uring().arm());
}

TEST_CASE("more operations than the queue has entries all complete") {
    Worker worker("test", Wait::event);
    const UniqueFd file = memory_file(4096);
    std::vector<std::byte> in(4096);
    std::vector<Recorder> reads(3000);
    for (Recorder& read : reads)
        REQUIRE(worker.uring().read(file.get(), std::span(in).first(1), 0, read));
    REQUIRE(drive_until(worker, [&] { return !worker.uring().expects_work(); }));
    for (const Recorder& read : reads)
        REQUIRE((read.result == 1 && read.calls == 1));
}
