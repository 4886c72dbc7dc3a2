// The operations of an sg unit: whose memory is used again, and whose is not.
#include "backend/targets/sg/channel.hpp"
#include "backend/targets/sg/operation.hpp"
#include "tests/support/sg_bench.hpp"
#include "tests/support/sg_double.hpp"

#include <catch2/catch.hpp>

using namespace pvscsi;
using namespace pvscsi::backend;
using namespace pvscsi::test;

namespace {

class Nobody final : public SgChannelOwner {
    bool fetched(const ::sg_io_hdr&) noexcept override { return true; }
    void lost(int) noexcept override {}
    void emptied(SgChannel&) noexcept override {}
};

struct Bed {
    /// A command of a request that is new each time, as after a new connection; null: no room.
    SgOperation* begin() {
        requests.push_back(std::make_unique<Request>(owner));
        requests.back()->prepare(command(read_block, ring::Direction::from_device), 512);
        SgOperation* const operation = operations.take(*requests.back(), 512);
        if (operation != nullptr) {
            operations.rename(*operation);
            operations.submitted(*operation, *channel);
        }
        return operation;
    }
    SgOperation* run() {
        SgOperation* const operation = begin();
        if (operation != nullptr)
            operations.ended(*operation);
        return operation;
    }

    Owner owner;
    std::vector<std::unique_ptr<Request>> requests;
    boost::asio::io_context context{1};
    SgDeviceDouble device;
    Nobody nobody;
    std::shared_ptr<SgChannel> channel =
        std::make_shared<SgChannel>(context, device.open(), nobody);
    SgOperations operations;
};

} // namespace

TEST_CASE("memory is used again in the order in which it was left") {
    Bed bed;
    std::vector<SgOperation*> used;
    for (unsigned i = 0; i < SgOperations::count; ++i)
        used.push_back(bed.run());
    for (SgOperation* const operation : used)
        CHECK(bed.run() == operation);
}

TEST_CASE("memory whose data may be waiting to be copied is not used again for want of other") {
    Bed bed;
    std::vector<SgOperation*> kept;
    for (unsigned i = 0; i < SgOperations::count - SgOperations::requests + 1; ++i)
        kept.push_back(bed.begin());
    for (SgOperation* const operation : kept)
        bed.operations.abandoned(*operation);
    // 15 are left: each may be a request's that has not been copied yet.
    for (unsigned i = 0; i < SgOperations::requests - 1; ++i)
        REQUIRE(bed.run() != nullptr);
    CHECK(bed.run() == nullptr);
    bed.operations.returned(*kept[0]);
    CHECK(bed.run() == kept[0]);
    CHECK(bed.run() != nullptr);
}

TEST_CASE("what comes back is there for good") {
    Bed bed;
    for (unsigned round = 0; round < 3; ++round) {
        std::vector<SgOperation*> kept;
        for (unsigned i = 0; i < SgOperations::requests; ++i)
            kept.push_back(bed.begin());
        for (SgOperation* const operation : kept)
            bed.operations.abandoned(*operation);
        for (SgOperation* const operation : kept)
            bed.operations.returned(*operation);
    }
    for (unsigned i = 0; i < 2 * SgOperations::count; ++i)
        REQUIRE(bed.run() != nullptr);
}
