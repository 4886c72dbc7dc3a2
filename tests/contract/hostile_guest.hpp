// A guest of the embedded host that speaks to the broker by itself and keeps to no rule.
#pragma once

#include "common/hypervisor/host/connection.hpp"
#include "common/hypervisor/host/paths.hpp"
#include "tests/support/embedded_host.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <span>

namespace pvscsi::test {

/// It has a connection and its memory, but no library that behaves.
struct Hostile {
    EmbeddedHost host;
    DomId guest_id = host.domains()->create("guest", "", "").id;
    hv::host::BrokerConnection raw{hv::host::broker_socket(host.dir(), guest_id)};
    std::unique_ptr<hv::Hypervisor> backend = host.open();
    std::unique_ptr<hv::GrantMapper> mapper = backend->open_grant_mapper(guest_id);

    std::uint32_t alloc(std::uint32_t count) {
        const auto received = raw.call({.op = hv::host::Op::alloc_pages, .count = count});
        REQUIRE(received);
        REQUIRE(received->reply.error == 0);
        return received->reply.number;
    }
    hv::host::EntryWord& entry(std::uint32_t ref) { return raw.grant_table().entries[ref]; }
    hv::host::Mapping page(std::uint32_t frame) {
        return {raw.pool_fd(), frame * hv::page_size, hv::page_size, hv::Access::read_write};
    }
    void fill(std::uint32_t frame, int value) {
        std::memset(page(frame).data(), value, hv::page_size);
    }
    hv::GrantStatus map_status(std::uint32_t ref, hv::Access access = hv::Access::read_write) {
        const GrantRef refs[]{GrantRef{ref}};
        const auto mapped = mapper->map(refs, access);
        return mapped ? hv::GrantStatus::ok : mapped.error();
    }
    bool broker_is_well() { return host.domains()->find("guest").has_value(); }
};

inline bool filled(std::span<const std::byte> bytes, int value) {
    return std::ranges::all_of(bytes, [value](std::byte b) { return b == std::byte(value); });
}

} // namespace pvscsi::test
