// bench-bare-ring: how fast the PVSCSI ring protocol itself can go on this machine. Two threads on
// CPUs of their own spin on one page: 252-byte slots are copied once each way, indices published
// with the fence and the look at the event index that the protocol asks for. Nothing is checked,
// parsed or looked up; with data, the backend copies 4 KiB for every request. The figure is the
// ceiling for what the daemon and the frontend library may reach together.
#include "ring/abi.hpp"
#include "tests/bench/measure.hpp"

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <cstring>
#include <memory>
#include <thread>

namespace {

using namespace pvscsi;
using namespace pvscsi::bench;
using ring::PageLayout;
using ring::ring_size;

constexpr std::size_t block = 4096;

struct Shared {
    alignas(4096) std::byte ring[ring::ring_page_size]{};
    alignas(4096) std::byte data[ring_size][block]{};

    [[nodiscard]] std::atomic_ref<std::uint32_t> word(std::size_t offset) {
        return std::atomic_ref<std::uint32_t>(*reinterpret_cast<std::uint32_t*>(ring + offset));
    }
    [[nodiscard]] std::byte* slot(std::uint32_t index) {
        return ring + PageLayout::entries + index % ring_size * PageLayout::entry_size;
    }
    /// Publishes one producer index; true if the peer asked for a signal (these never do).
    bool publish(std::size_t producer, std::size_t event, std::uint32_t value, std::uint32_t old) {
        word(producer).store(value, std::memory_order_release);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        return value - word(event).load(std::memory_order_relaxed) < value - old;
    }
};

struct Point {
    unsigned depth;
    bool data;
};

void back_main(Shared& shared, Point point, int cpu, const std::atomic<bool>& stop) {
    pin_to(cpu);
    const auto backing = std::make_unique<std::byte[]>(ring_size * block);
    std::uint32_t consumed = 0;
    ring::WireRequest request;
    ring::WireResponse response{};
    while (!stop.load(std::memory_order_relaxed)) {
        const std::uint32_t old = consumed;
        const std::uint32_t end = shared.word(PageLayout::req_prod).load(std::memory_order_acquire);
        for (; consumed != end; ++consumed) {
            std::memcpy(&request, shared.slot(consumed), sizeof request);
            asm volatile("" ::: "memory");
            const std::size_t place = request.rqid % ring_size;
            if (point.data)
                std::memcpy(shared.data[place], backing.get() + place * block, block);
            response.rqid = request.rqid;
            std::memcpy(shared.slot(consumed), &response, sizeof response);
        }
        if (consumed != old)
            shared.publish(PageLayout::rsp_prod, PageLayout::rsp_event, consumed, old);
    }
}

/// Requests completed in a second.
double measure(Point point, double seconds, CpuPair cpus) {
    const auto shared = std::make_unique<Shared>();
    // Event indices that are never reached: nobody sleeps.
    shared->word(PageLayout::req_event).store(0u - 1);
    shared->word(PageLayout::rsp_event).store(0u - 1);
    std::atomic<bool> stop{false};
    std::thread back(back_main, std::ref(*shared), point, cpus.second, std::cref(stop));
    pin_to(cpus.first);
    std::uint32_t produced = 0, consumed = 0;
    ring::WireRequest request{};
    ring::WireResponse response;
    std::uint64_t completed = 0;
    const auto start = Clock::now();
    double elapsed = 0;
    for (unsigned turns = 0; elapsed < seconds; ++turns) {
        const std::uint32_t old = produced;
        for (; produced - consumed < point.depth; ++produced) {
            request.rqid = static_cast<std::uint16_t>(produced);
            std::memcpy(shared->slot(produced), &request, sizeof request);
        }
        if (produced != old)
            shared->publish(PageLayout::req_prod, PageLayout::req_event, produced, old);
        const std::uint32_t end =
            shared->word(PageLayout::rsp_prod).load(std::memory_order_acquire);
        for (; consumed != end; ++consumed, ++completed) {
            std::memcpy(&response, shared->slot(consumed), sizeof response);
            asm volatile("" ::: "memory");
        }
        if (turns % 1024 == 0)
            elapsed = seconds_since(start);
    }
    stop = true;
    back.join();
    return static_cast<double>(completed) / elapsed;
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Measures the bare PVSCSI ring protocol between two spinning threads."};
    bool json = false;
    double seconds = 0.3;
    unsigned repeats = 5;
    app.add_flag("--json", json, "Print one JSON object");
    app.add_option("--runtime", seconds, "Seconds for one run")->check(CLI::PositiveNumber);
    app.add_option("--repeat", repeats, "Runs for a point; the median counts")
        ->check(CLI::PositiveNumber);
    CLI11_PARSE(app, argc, argv);
    try {
        const CpuPair cpus = two_cpus();
        nlohmann::json result = nlohmann::json::array();
        for (const bool data : {false, true})
            for (const unsigned depth : {1u, 8u, 16u}) {
                const double rate = median_of(repeats, [&] {
                    return measure({depth, data}, seconds, cpus);
                });
                result.push_back({{"depth", depth},
                                  {"data_bytes", data ? block : 0},
                                  {"requests_per_second", rate}});
                if (!json)
                    fmt::print("depth {:2}  {:>6}  {:6.2f} M/s\n", depth, data ? "4 KiB" : "none",
                               rate / 1e6);
            }
        if (json)
            fmt::print("{}\n", nlohmann::json{{"bare_ring", result}}.dump());
    } catch (const std::exception& error) {
        fmt::print(stderr, "bench-bare-ring: {}\n", error.what());
        return 1;
    }
}
