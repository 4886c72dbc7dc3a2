// A guest's program that speaks to the broker by itself, and asks it for what is another guest's:
// memory, ports, domains. The broker's answers are no, and the other guest notices nothing.
#include "common/hypervisor/host/connection.hpp"
#include "common/hypervisor/host/paths.hpp"
#include "tests/support/embedded_host.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>

using namespace pvscsi;
using namespace pvscsi::hv;
using namespace pvscsi::hv::host;
using test::EmbeddedHost;

namespace {

constexpr int secret = 0x5e;

/// A victim with pages that dom0 uses, and a thief.
struct Theft {
    EmbeddedHost host;
    DomId victim_id = host.domains()->create("victim", "", "").id;
    DomId thief_id = host.domains()->create("thief", "", "").id;
    std::unique_ptr<Hypervisor> victim = host.open(victim_id);
    std::unique_ptr<Hypervisor> backend = host.open();
    std::unique_ptr<GrantSharer> sharer = victim->open_grant_sharer();
    std::unique_ptr<SharedPages> pages = std::move(*sharer->share(DomId{0}, 4, Access::read_write));
    std::unique_ptr<GrantMapper> mapper = backend->open_grant_mapper(victim_id);
    std::unique_ptr<MappedPages> mapped = std::move(*mapper->map(pages->refs(), Access::read_only));
    std::unique_ptr<EventChannel> port = std::move(*victim->alloc_unbound(DomId{0}));
    BrokerConnection thief{broker_socket(host.dir(), thief_id)};

    Theft() { std::memset(pages->bytes().data(), secret, pages->bytes().size()); }

    BrokerConnection::Received ask(const Request& request, std::span<const std::byte> body = {}) {
        auto received = thief.call(request, body);
        REQUIRE(received);
        CHECK(received->fds.empty());
        return std::move(*received);
    }
    /// The reply's errno, or -1 if it only names a GrantStatus.
    int refusal(const Request& request) {
        const Reply reply = ask(request).reply;
        return reply.error == 0 && reply.status != GrantStatus::ok ? -1 : reply.error;
    }
    /// Both who granted and who was granted still have what they had.
    void check_untouched() {
        const auto is_secret = [](std::byte b) { return b == std::byte{secret}; };
        CHECK(std::ranges::all_of(pages->bytes(), is_secret));
        CHECK(std::ranges::all_of(mapped->bytes(), is_secret));
        CHECK(pages->end_access() == GrantStatus::busy);
        auto bound = backend->bind_interdomain(victim_id, port->port());
        REQUIRE(bound);
        (*bound)->notify();
        CHECK(port->take());
    }
};

} // namespace

TEST_CASE("no reference of another guest can be mapped or copied by a stranger") {
    Theft theft;
    for (std::uint32_t ref = 0; ref < 64; ++ref) {
        const auto body = std::as_bytes(std::span(&ref, 1));
        for (const std::uint32_t write : {0u, 1u}) {
            const auto domain = theft.victim_id.value();
            const Reply map =
                theft.ask({.op = Op::map, .domain = domain, .write = write}, body).reply;
            CHECK(map.status != GrantStatus::ok);
            const Request peer{
                .op = Op::open_peer, .domain = domain, .number = ref, .write = write};
            CHECK(theft.ask(peer).reply.status != GrantStatus::ok);
        }
    }
    theft.check_untouched();
}

TEST_CASE("what a stranger holds cannot be released for it") {
    Theft theft;
    const std::uint32_t page = theft.pages->refs().front().value();
    for (std::uint32_t number = 0; number < 64; ++number)
        for (const Op op : {Op::unmap, Op::close_peer, Op::free_pages, Op::close_port})
            CHECK(theft.refusal({.op = op, .number = number}) == EINVAL);
    CHECK(theft.refusal({.op = Op::free_pages, .number = page}) == EINVAL);
    CHECK(theft.refusal({.op = Op::close_port, .number = theft.port->port().value()}) == EINVAL);
    theft.check_untouched();
}

TEST_CASE("a port is for whom it was made") {
    Theft theft;
    for (const DomId domain : {theft.victim_id, DomId{0}, theft.thief_id})
        CHECK(theft.refusal({.op = Op::bind_interdomain,
                             .domain = domain.value(),
                             .number = theft.port->port().value()}) == EINVAL);
    theft.check_untouched();
}

TEST_CASE("domains are dom0's to make, find and end") {
    Theft theft;
    const std::string name = "victim";
    const auto body = std::as_bytes(std::span(name));
    const auto domain = theft.victim_id.value();
    for (const Op op : {Op::create_domain, Op::destroy_domain, Op::find_domain, Op::next_domain}) {
        const auto answer = theft.ask({.op = op, .domain = domain}, body);
        CHECK(answer.reply.error == EPERM);
        CHECK(answer.body.empty());
    }
    theft.check_untouched();
}

TEST_CASE("pages that another guest has had are zero") {
    Theft theft;
    const auto taken = theft.thief.call({.op = Op::alloc_pages, .count = 64});
    REQUIRE(taken);
    const Mapping memory(theft.thief.pool_fd(), taken->reply.number * page_size, 64 * page_size,
                         Access::read_only);
    CHECK(std::ranges::all_of(memory.bytes(), [](std::byte b) { return b == std::byte{0}; }));
    theft.check_untouched();
}
