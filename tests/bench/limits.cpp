// bench-limits: what this machine charges for the things that a split driver is made of. Each
// figure bounds something: a copy the data, an eventfd's write a signal, its round trip the
// wake-up of a sleeping peer, the shared-memory round trip two peers that spin.
#include "common/base/unique_fd.hpp"
#include "tests/bench/measure.hpp"

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>

namespace {

using namespace pvscsi;
using namespace pvscsi::bench;

/// Nanoseconds for one `operation`, done `count` times.
double time_each(unsigned count, const std::function<void(unsigned)>& operation) {
    const auto start = Clock::now();
    for (unsigned i = 0; i < count; ++i)
        operation(i);
    return seconds_since(start) / count * 1e9;
}

/// `span` bytes of source and target are walked through, so that a small one stays in the cache
/// and a large one does not.
double copy_ns(std::size_t size, std::size_t span) {
    const auto from = std::make_unique<std::byte[]>(span), to = std::make_unique<std::byte[]>(span);
    std::memset(from.get(), 1, span);
    std::memset(to.get(), 2, span);
    const std::size_t places = span / size;
    const auto count = static_cast<unsigned>(std::max<std::size_t>((256u << 20) / size, places));
    return time_each(count, [&](unsigned i) {
        const std::size_t at = i % places * size;
        std::memcpy(to.get() + at, from.get() + at, size);
        asm volatile("" ::: "memory");
    });
}

UniqueFd event_file(int flags = 0) {
    UniqueFd file{adopt_fd, ::eventfd(0, EFD_CLOEXEC | flags)};
    if (!file)
        throw std::system_error(errno, std::generic_category(), "eventfd");
    return file;
}

double event_write_ns() {
    const UniqueFd file = event_file(EFD_NONBLOCK);
    return time_each(200'000, [&](unsigned) { ::eventfd_write(file.get(), 1); });
}

double system_call_ns() {
    return time_each(200'000, [](unsigned) { ::syscall(SYS_getppid); });
}

/// Two processes wake each other, each sleeping in read() until it is its turn.
double event_round_trip_ns(int here, int there) {
    const UniqueFd ping = event_file(), pong = event_file();
    constexpr unsigned rounds = 5'000;
    const pid_t child = ::fork();
    if (child < 0)
        throw std::system_error(errno, std::generic_category(), "fork");
    eventfd_t value = 0;
    if (child == 0) {
        pin_to(there);
        for (unsigned i = 0; i < rounds && ::eventfd_read(ping.get(), &value) == 0; ++i)
            ::eventfd_write(pong.get(), 1);
        ::_exit(0);
    }
    pin_to(here);
    const double each = time_each(rounds, [&](unsigned) {
        ::eventfd_write(ping.get(), 1);
        ::eventfd_read(pong.get(), &value);
    });
    ::waitpid(child, nullptr, 0);
    return each;
}

/// Two threads spin, each on the other's cache line.
double memory_round_trip_ns(CpuPair cpus) {
    struct alignas(64) Line {
        std::atomic<std::uint32_t> turn{0};
    };
    Line ping, pong;
    constexpr std::uint32_t rounds = 500'000;
    std::thread echo([&] {
        pin_to(cpus.second);
        for (std::uint32_t i = 1; i <= rounds; ++i) {
            while (ping.turn.load(std::memory_order_acquire) != i)
                ;
            pong.turn.store(i, std::memory_order_release);
        }
    });
    pin_to(cpus.first);
    const double each = time_each(rounds, [&](unsigned i) {
        ping.turn.store(i + 1, std::memory_order_release);
        while (pong.turn.load(std::memory_order_acquire) != i + 1)
            ;
    });
    echo.join();
    return each;
}

struct Figure {
    std::string key, text;
    double nanoseconds;
};

std::vector<Figure> measure_all(unsigned repeats) {
    std::vector<Figure> figures;
    const auto add = [&](const char* key, const char* text, const std::function<double()>& how) {
        figures.push_back({key, text, median_of(repeats, how)});
    };
    const CpuPair cpus = two_cpus();
    pin_to(cpus.first);
    for (const unsigned kib : {4u, 64u, 512u}) {
        const std::size_t size = kib * 1024u;
        add(fmt::format("memcpy_{}k_cached_ns", kib).c_str(),
            fmt::format("memcpy {} KiB, source and target in the cache", kib).c_str(),
            [&] { return copy_ns(size, size); });
        add(fmt::format("memcpy_{}k_ns", kib).c_str(),
            fmt::format("memcpy {} KiB, walking through 64 MiB", kib).c_str(),
            [&] { return copy_ns(size, 64u << 20); });
    }
    add("system_call_ns", "system call", system_call_ns);
    add("eventfd_write_ns", "eventfd write", event_write_ns);
    add("eventfd_round_trip_one_cpu_ns", "eventfd round trip, two processes on one CPU",
        [&] { return event_round_trip_ns(cpus.first, cpus.first); });
    add("eventfd_round_trip_ns", "eventfd round trip, two processes on two CPUs",
        [&] { return event_round_trip_ns(cpus.first, cpus.second); });
    add("memory_round_trip_ns", "shared-memory round trip, two spinning threads",
        [&] { return memory_round_trip_ns(cpus); });
    return figures;
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Measures the limits of this machine that bound a split driver."};
    bool json = false;
    unsigned repeats = 5;
    app.add_flag("--json", json, "Print one JSON object");
    app.add_option("--repeat", repeats, "Runs for a figure; the median counts")
        ->check(CLI::PositiveNumber);
    CLI11_PARSE(app, argc, argv);
    try {
        nlohmann::json result = nlohmann::json::object();
        for (const Figure& figure : measure_all(repeats)) {
            result[figure.key] = figure.nanoseconds;
            if (!json)
                fmt::print("{:48} {:10.1f} ns\n", figure.text, figure.nanoseconds);
        }
        if (json)
            fmt::print("{}\n", nlohmann::json{{"limits", result}}.dump());
    } catch (const std::exception& error) {
        fmt::print(stderr, "bench-limits: {}\n", error.what());
        return 1;
    }
}
