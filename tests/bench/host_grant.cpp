// What grants and event channels cost on the embedded host, beside the memcpy that a copy cannot
// be faster than. Starts a pvscsi-hostd of its own.
#include "tests/support/embedded_host.hpp"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstring>
#include <vector>

using namespace pvscsi;
using namespace pvscsi::hv;

namespace {

// As many as a backend's request has at most, several times over.
constexpr std::size_t shared_pages = 512;

struct Ends {
    test::EmbeddedHost host;
    DomId guest_id = host.domains()->create("guest", "", "").id;
    std::unique_ptr<Hypervisor> guest = host.open(guest_id);
    std::unique_ptr<Hypervisor> backend = host.open();
    std::unique_ptr<GrantSharer> sharer = guest->open_grant_sharer();
    std::unique_ptr<GrantMapper> mapper = backend->open_grant_mapper(guest_id);
    std::unique_ptr<SharedPages> shared =
        std::move(sharer->share(DomId{0}, shared_pages, Access::read_write).value());
    std::unique_ptr<EventChannel> front = std::move(guest->alloc_unbound(DomId{0}).value());
    std::unique_ptr<EventChannel> back =
        std::move(backend->bind_interdomain(guest_id, front->port()).value());
};

Ends& ends() {
    static Ends instance;
    return instance;
}

struct Buffer {
    explicit Buffer(std::size_t size) : bytes(size + page_size, std::byte{1}) {
        void* start = bytes.data();
        std::size_t space = bytes.size();
        aligned = static_cast<std::byte*>(std::align(page_size, size, start, space));
    }
    std::vector<std::byte> bytes;
    std::byte* aligned;
};

/// The limit: the same bytes by memcpy, between the same kinds of memory.
void plain_memcpy(benchmark::State& state) {
    const auto pieces = static_cast<std::size_t>(state.range(0));
    const auto length = static_cast<std::size_t>(state.range(1));
    Buffer local(pieces * page_size);
    const auto pages = ends().shared->bytes();
    std::memset(pages.data(), 1, pages.size());
    for (auto _ : state) {
        for (std::size_t i = 0; i < pieces; ++i)
            std::memcpy(local.aligned + i * page_size, pages.data() + i * page_size, length);
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * pieces * length));
}

void copy(benchmark::State& state, GrantCopy::Direction direction) {
    const auto pieces = static_cast<std::size_t>(state.range(0));
    const auto length = static_cast<std::uint16_t>(state.range(1));
    Buffer local(pieces * page_size);
    const auto pages = ends().shared->bytes();
    std::memset(pages.data(), 1, pages.size());
    std::vector<GrantCopy> batch(pieces);
    for (std::size_t i = 0; i < pieces; ++i)
        batch[i] = {.ref = ends().shared->refs()[i],
                    .length = length,
                    .direction = direction,
                    .local = local.aligned + i * page_size};
    for (auto _ : state) {
        if (ends().mapper->copy(batch) != 0)
            state.SkipWithError("the copy failed");
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * pieces * length));
}
void copy_from_peer(benchmark::State& state) {
    copy(state, GrantCopy::Direction::from_peer);
}
void copy_to_peer(benchmark::State& state) {
    copy(state, GrantCopy::Direction::to_peer);
}

void map_and_unmap(benchmark::State& state) {
    const auto refs = ends().shared->refs().first(static_cast<std::size_t>(state.range(0)));
    for (auto _ : state)
        benchmark::DoNotOptimize(ends().mapper->map(refs, Access::read_write));
}

void share_and_end(benchmark::State& state) {
    const auto pages = static_cast<std::size_t>(state.range(0));
    for (auto _ : state)
        benchmark::DoNotOptimize(ends().sharer->share(DomId{0}, pages, Access::read_write));
}

/// A peer that polls has its port masked and is not woken.
void notify_a_polling_peer(benchmark::State& state) {
    (void)ends().back->take();
    ends().front->notify();
    (void)ends().back->take();
    for (auto _ : state)
        ends().front->notify();
}

void notify_take_unmask(benchmark::State& state) {
    (void)ends().back->take();
    ends().back->unmask();
    (void)ends().back->take();
    ends().back->unmask();
    for (auto _ : state) {
        ends().front->notify();
        if (!ends().back->take())
            state.SkipWithError("an event was lost");
        ends().back->unmask();
    }
}

const std::vector<std::vector<std::int64_t>> pieces_and_lengths{{1, 16, 128}, {512, 4096}};

} // namespace

BENCHMARK(plain_memcpy)->ArgsProduct(pieces_and_lengths);
BENCHMARK(copy_from_peer)->ArgsProduct(pieces_and_lengths);
BENCHMARK(copy_to_peer)->ArgsProduct(pieces_and_lengths);
BENCHMARK(notify_a_polling_peer);
BENCHMARK(notify_take_unmask);
BENCHMARK(map_and_unmap)->Arg(1)->Arg(16);
BENCHMARK(share_and_end)->Arg(1)->Arg(16);
BENCHMARK_MAIN();
