// Both ends of grants, for the rules about them.
#pragma once

#include "tests/contract/bed.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

namespace pvscsi::contract {

using namespace hv;
using Direction = GrantCopy::Direction;

/// Both ends in this process, as different domains where the implementation has them.
struct Ends {
    Bed bed;
    std::unique_ptr<Hypervisor> guest = bed.open_guest();
    std::unique_ptr<Hypervisor> backend = bed.open_backend();
    std::unique_ptr<GrantSharer> sharer = guest->open_grant_sharer();
    std::unique_ptr<GrantMapper> mapper = backend->open_grant_mapper(bed.guest_id());

    std::unique_ptr<SharedPages> share(std::size_t pages, Access access = Access::read_write) {
        return share_with(bed.backend_id(), pages, access);
    }
    std::unique_ptr<SharedPages> share_with(DomId peer, std::size_t pages,
                                            Access access = Access::read_write) {
        auto shared = sharer->share(peer, pages, access);
        REQUIRE(shared);
        return std::move(*shared);
    }
    GrantStatus map_status(std::span<const GrantRef> refs, Access access = Access::read_only) {
        const auto mapped = mapper->map(refs, access);
        return mapped ? GrantStatus::ok : mapped.error();
    }
    GrantStatus copy_status(GrantRef ref, Direction direction = Direction::from_peer,
                            std::uint16_t offset = 0, std::uint16_t length = 16) {
        std::vector<std::byte> local(2 * page_size, std::byte{0xee});
        GrantCopy piece{.ref = ref,
                        .offset = offset,
                        .length = length,
                        .direction = direction,
                        .local = local.data()};
        const std::size_t failed = mapper->copy({&piece, 1});
        CHECK(failed == (piece.status == GrantStatus::ok ? 0 : 1));
        const bool untouched =
            std::ranges::count(local, std::byte{0xee}) == static_cast<std::ptrdiff_t>(local.size());
        if (piece.status != GrantStatus::ok)
            CHECK(untouched);
        return piece.status;
    }
};

inline bool zeroed(std::span<const std::byte> bytes) {
    return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

inline void fill(std::span<std::byte> bytes, int value) {
    std::memset(bytes.data(), value, bytes.size());
}

inline bool filled(std::span<const std::byte> bytes, int value) {
    return std::ranges::all_of(bytes, [value](std::byte b) { return b == std::byte(value); });
}

} // namespace pvscsi::contract
