// Grants through libxengnttab, whose calls are answered by mock_xen.
#include "common/hypervisor/xen/xen_error.hpp"
#include "common/hypervisor/xen/xen_grant.hpp"
#include "tests/unit/xen/mock_xen.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <vector>

using namespace pvscsi;
using namespace pvscsi::hv;
using namespace pvscsi::hv::xen;

namespace {

constexpr DomId guest{7};

GrantCopy piece(std::uint32_t ref, std::byte* local, std::uint16_t offset, std::uint16_t length,
                GrantCopy::Direction direction = GrantCopy::Direction::from_peer) {
    GrantCopy copy;
    copy.ref = GrantRef{ref};
    copy.local = local;
    copy.offset = offset;
    copy.length = length;
    copy.direction = direction;
    // What copy() must overwrite.
    copy.status = GrantStatus::busy;
    return copy;
}

struct Fixture {
    Fixture() { mock::reset(); }
    ~Fixture() {
        CHECK(mock::xen.handles == 0);
        CHECK(mock::xen.mappings == 0);
        CHECK(mock::xen.shared_pages == 0);
    }
};

} // namespace

TEST_CASE("pages are mapped in the order of their references and unmapped as one") {
    Fixture fixture;
    mock::xen.grant(7, 20)->bytes[0] = 20;
    mock::xen.grant(7, 3)->bytes[0] = 3;
    XenGrantMapper mapper{guest};
    const std::array refs{GrantRef{20}, GrantRef{3}, GrantRef{20}};
    auto pages = mapper.map(refs, Access::read_write);
    REQUIRE(pages);
    const auto bytes = (*pages)->bytes();
    REQUIRE(bytes.size() == 3 * page_size);
    CHECK(bytes[0] == std::byte{20});
    CHECK(bytes[page_size] == std::byte{3});
    CHECK(bytes[2 * page_size] == std::byte{20});
    CHECK(mock::xen.mappings == 1);
    pages->reset();
    CHECK(mock::xen.mappings == 0);
}

TEST_CASE("a refused mapping says why") {
    Fixture fixture;
    mock::xen.grant(7, 1);
    mock::xen.grant(7, 2, false);
    XenGrantMapper mapper{guest};
    const auto status = [&](std::vector<GrantRef> refs, Access access) {
        const auto pages = mapper.map(refs, access);
        REQUIRE_FALSE(pages);
        return pages.error();
    };
    CHECK(status({GrantRef{1}, GrantRef{99}}, Access::read_only) == GrantStatus::bad_ref);
    CHECK(status({GrantRef{1}, GrantRef{2}}, Access::read_write) == GrantStatus::read_only);
    CHECK(status({}, Access::read_only) == GrantStatus::bad_range);
    mock::xen.forced_status[1] = -13; // no space
    CHECK(status({GrantRef{1}}, Access::read_only) == GrantStatus::no_space);
    mock::xen.forced_status.clear();
    mock::xen.domains.erase(7);
    CHECK(status({GrantRef{1}}, Access::read_only) == GrantStatus::bad_domain);
}

TEST_CASE("a mapping that the kernel refuses for a reason of its own is told apart") {
    Fixture fixture;
    mock::xen.grant(7, 1);
    XenGrantMapper mapper{guest};
    const std::array refs{GrantRef{1}};
    mock::xen.fail_at = mock::xen.calls + 1;
    mock::xen.fail_error = ENOMEM;
    CHECK(mapper.map(refs, Access::read_only).error() == GrantStatus::no_space);
    mock::xen.fail_at = mock::xen.calls + 1;
    mock::xen.fail_error = EINVAL; // though every page can be read: a limit has been reached
    CHECK(mapper.map(refs, Access::read_only).error() == GrantStatus::no_space);
    mock::xen.map_limit = 0;
    CHECK(mapper.map(refs, Access::read_write).error() == GrantStatus::no_space);
    mock::xen.map_limit = 1;
    CHECK(mapper.map(refs, Access::read_write));
    mock::xen.grants.clear();
    mock::xen.fail_at = mock::xen.calls + 2; // the look-up of the reason
    mock::xen.fail_error = ENOMEM;
    CHECK(mapper.map(refs, Access::read_only).error() == GrantStatus::no_space);
}

TEST_CASE("a copy goes both ways, with offset and length") {
    Fixture fixture;
    const auto source = mock::xen.grant(7, 1);
    const auto target = mock::xen.grant(7, 2);
    std::memset(source->bytes.data(), 'x', 4096);
    XenGrantMapper mapper{guest};
    std::vector<std::byte> local(4096, std::byte{'l'});
    std::array pieces{piece(1, local.data() + 10, 4000, 96),
                      piece(2, local.data() + 10, 8, 96, GrantCopy::Direction::to_peer)};
    CHECK(mapper.copy(pieces) == 0);
    CHECK(pieces[0].status == GrantStatus::ok);
    CHECK(pieces[1].status == GrantStatus::ok);
    CHECK(local[9] == std::byte{'l'});
    CHECK(local[10] == std::byte{'x'});
    CHECK(local[105] == std::byte{'x'});
    CHECK(local[106] == std::byte{'l'});
    CHECK(target->bytes[7] == 0);
    CHECK(target->bytes[8] == 'x');
    CHECK(target->bytes[103] == 'x');
    CHECK(target->bytes[104] == 0);
}

TEST_CASE("each piece has a status, and a bad one does not stop the others") {
    Fixture fixture;
    mock::xen.grant(7, 1);
    mock::xen.grant(7, 2, false);
    for (int i = 0; i <= 14; ++i)
        mock::xen.forced_status[100u + static_cast<unsigned>(i)] = static_cast<std::int16_t>(-i);
    XenGrantMapper mapper{guest};
    std::vector<std::byte> local(page_size);
    const auto in = [&](std::uint32_t ref) { return piece(ref, local.data(), 0, 8); };
    const auto out = [&](std::uint32_t ref) {
        return piece(ref, local.data(), 0, 8, GrantCopy::Direction::to_peer);
    };
    std::vector<std::pair<GrantCopy, GrantStatus>> rows{
        {in(1), GrantStatus::ok},
        {in(99), GrantStatus::bad_ref},
        {out(99), GrantStatus::bad_ref},
        {out(2), GrantStatus::read_only},
        {in(2), GrantStatus::ok},
        {piece(1, local.data(), 4095, 2), GrantStatus::bad_range},
        {piece(1, local.data(), 65535, 65535), GrantStatus::bad_range},
        {in(100), GrantStatus::ok},
        {in(101), GrantStatus::bad_ref},
        {in(102), GrantStatus::bad_domain},
        {in(103), GrantStatus::bad_ref},
        {in(108), GrantStatus::read_only},
        {in(109), GrantStatus::unavailable}, // the page is not there
        {in(110), GrantStatus::bad_range},
        {in(112), GrantStatus::unavailable}, // paged out for too long
        {in(113), GrantStatus::no_space},
        {in(114), GrantStatus::unavailable}, // a code that is not known
        {out(1), GrantStatus::ok},
    };
    mock::xen.grants[{7, 100}] = mock::xen.grants[{7, 1}];
    std::vector<GrantCopy> pieces;
    std::size_t bad = 0;
    for (const auto& row : rows) {
        pieces.push_back(row.first);
        bad += row.second != GrantStatus::ok;
    }
    CHECK(mapper.copy(pieces) == bad);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        INFO("piece " << i);
        CHECK(pieces[i].status == rows[i].second);
    }
}

TEST_CASE("one call carries a chunk of pieces") {
    Fixture fixture;
    mock::xen.grant(7, 1);
    XenGrantMapper mapper{guest};
    mock::xen.copies.clear();
    std::vector<std::byte> local(page_size);
    std::vector<GrantCopy> pieces(2 * XenGrantMapper::chunk + 1, piece(1, local.data(), 0, 4));
    CHECK(mapper.copy(pieces) == 0);
    CHECK(mock::xen.copies == std::vector<std::uint32_t>{512, 512, 1});
    for (const GrantCopy& copied : pieces)
        REQUIRE(copied.status == GrantStatus::ok);
    mock::xen.copies.clear();
    CHECK(mapper.copy(std::span(pieces).first(XenGrantMapper::chunk)) == 0);
    CHECK(mapper.copy({}) == 0);
    CHECK(mock::xen.copies == std::vector<std::uint32_t>{512});
}

TEST_CASE("a call that fails as a whole fails its chunk and no other") {
    Fixture fixture;
    mock::xen.grant(7, 1);
    XenGrantMapper mapper{guest};
    std::vector<std::byte> local(page_size);
    std::vector<GrantCopy> pieces(XenGrantMapper::chunk + 3, piece(1, local.data(), 0, 4));
    mock::xen.fail_at = mock::xen.calls + 1;
    mock::xen.fail_error = ENOMEM;
    CHECK(mapper.copy(pieces) == XenGrantMapper::chunk);
    CHECK(pieces.front().status == GrantStatus::no_space);
    CHECK(pieces[XenGrantMapper::chunk].status == GrantStatus::ok);
}

TEST_CASE("devices that cannot be opened or lack grant copy are reported") {
    Fixture fixture;
    mock::xen.fail_at = 1;
    mock::xen.fail_error = ENOENT;
    CHECK_THROWS_AS(XenGrantMapper{guest}, std::system_error);
    mock::reset();
    mock::xen.has_grant_copy = false;
    CHECK_THROWS_WITH(XenGrantMapper{guest}, Catch::Contains("grant copy"));
    CHECK(mock::xen.handles == 0);
    mock::reset();
    mock::xen.fail_at = 1;
    CHECK_THROWS_WITH(XenGrantSharer{}, Catch::Contains("gntalloc"));
}

TEST_CASE("shared pages have references and live until access ends") {
    Fixture fixture;
    XenGrantSharer sharer;
    auto pages = sharer.share(guest, 3, Access::read_only);
    REQUIRE(pages);
    CHECK((*pages)->bytes().size() == 3 * page_size);
    REQUIRE((*pages)->refs().size() == 3);
    CHECK((*pages)->refs()[2] == GrantRef{7002});
    CHECK((*pages)->end_access() == GrantStatus::ok);
    CHECK(mock::xen.shared_pages == 0);
    CHECK((*pages)->bytes().empty());
    CHECK((*pages)->end_access() == GrantStatus::ok);

    auto writable = sharer.share(guest, 1, Access::read_write);
    REQUIRE(writable);
    CHECK((*writable)->refs()[0] == GrantRef{7500});
}

TEST_CASE("shared pages outlive their sharer") {
    Fixture fixture;
    std::unique_ptr<SharedPages> pages;
    {
        XenGrantSharer sharer;
        pages = std::move(*sharer.share(guest, 1, Access::read_write));
    }
    CHECK(mock::xen.handles == 1);
    pages->bytes()[0] = std::byte{1};
}

TEST_CASE("gntalloc's limit and other refusals of sharing") {
    Fixture fixture;
    XenGrantSharer sharer;
    CHECK(sharer.share(guest, 1025, Access::read_write).error() == GrantStatus::no_space);
    CHECK(sharer.share(guest, std::size_t{1} << 40, Access::read_write).error() ==
          GrantStatus::no_space);
    CHECK(sharer.share(guest, 0, Access::read_write).error() == GrantStatus::bad_range);
    auto pages = sharer.share(guest, 1, Access::read_write);
    REQUIRE(pages);
    mock::xen.fail_at = mock::xen.calls + 1;
    mock::xen.fail_error = EINVAL;
    CHECK((*pages)->end_access() == GrantStatus::unavailable);
    CHECK((*pages)->bytes().size() == page_size);
}

TEST_CASE("whichever call fails, nothing stays open") {
    for (unsigned nth = 1;; ++nth) {
        Fixture fixture;
        mock::xen.grant(7, 1);
        mock::xen.fail_at = nth;
        bool failed = false;
        try {
            XenGrantMapper mapper{guest};
            XenGrantSharer sharer;
            const auto shared = sharer.share(guest, 2, Access::read_write);
            const std::array refs{GrantRef{1}};
            const auto mapped = mapper.map(refs, Access::read_write);
            std::byte local[8];
            std::array pieces{piece(1, local, 0, 8)};
            const bool copied = mapper.copy(pieces) == 0;
            failed = !shared || !mapped || !copied;
            if (shared)
                failed |= (*shared)->end_access() != GrantStatus::ok;
        } catch (const std::system_error& error) {
            CHECK(error.code().value() == EIO);
            failed = true;
        }
        INFO("call " << nth);
        if (mock::xen.calls < nth) {
            CHECK_FALSE(failed);
            CHECK(nth == 8);
            break;
        }
        CHECK(failed);
    }
}
