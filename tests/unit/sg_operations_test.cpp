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
    SgOperation* begin(std::uint32_t length = 512) {
        requests.push_back(std::make_unique<Request>(owner));
        requests.back()->prepare(command(read_block, ring::Direction::from_device), length);
        SgOperation* const operation = operations.take(*requests.back(), length);
        if (operation != nullptr) {
            operations.rename(*operation);
            operations.submitted(*operation, channel.get());
        }
        return operation;
    }
    /// One that is answered.
    SgOperation* run(std::uint32_t length = 512) {
        SgOperation* const operation = begin(length);
        if (operation != nullptr) {
            operations.ended(*operation);
            operations.release(*operation);
        }
        return operation;
    }
    std::size_t memory() {
        std::size_t sum = 0;
        for (const SgOperation& operation : operations)
            sum += operation.buffer.capacity();
        return sum;
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

TEST_CASE("memory is used again by what it fits") {
    Bed bed;
    SgOperation* const large = bed.begin(64 * 1024);
    SgOperation* const small = bed.begin(4096);
    for (SgOperation* const operation : {large, small}) {
        bed.operations.ended(*operation);
        bed.operations.release(*operation);
    }
    for (int i = 0; i < 100; ++i) {
        CHECK(bed.run(512) == small);
        CHECK(bed.run(60 * 1024) == large);
    }
    CHECK(bed.memory() == 68 * 1024);
}

TEST_CASE("memory is not used again before its data are copied") {
    Bed bed;
    std::vector<SgOperation*> ended;
    for (unsigned i = 0; i < SgOperations::count; ++i) {
        ended.push_back(bed.begin());
        REQUIRE(ended.back() != nullptr);
        bed.operations.ended(*ended.back());
        CHECK(ended.back()->data.size() == 512);
    }
    CHECK(bed.begin() == nullptr);
    bed.operations.trim();
    CHECK(ended[3]->data.size() == 512);
    bed.operations.release(*ended[3]);
    CHECK(bed.begin() == ended[3]);
}

TEST_CASE("what is kept aside is not used, nor given back") {
    Bed bed;
    for (unsigned i = 0; i < SgOperations::count; ++i)
        bed.operations.abandoned(*bed.begin());
    CHECK(bed.run() == nullptr);
    const auto memory = bed.memory();
    bed.operations.trim();
    bed.operations.trim();
    CHECK(bed.memory() == memory);
    bed.operations.returned(*bed.operations.begin());
    CHECK(bed.run() != nullptr);
}

TEST_CASE("idle memory is bounded, and given back when it is not used") {
    Bed bed;
    std::vector<SgOperation*> used;
    for (unsigned i = 0; i < SgOperations::requests; ++i)
        used.push_back(bed.begin(4 << 20));
    CHECK(bed.memory() == std::size_t{SgOperations::requests} * (4 << 20));
    for (SgOperation* const operation : used) {
        bed.operations.ended(*operation);
        bed.operations.release(*operation);
    }
    CHECK(bed.memory() == SgOperations::most_idle_memory);
    bed.operations.trim(); // used since the last time
    CHECK(bed.memory() == SgOperations::most_idle_memory);
    CHECK(bed.run(4 << 20) != nullptr);
    bed.operations.trim();
    CHECK(bed.memory() == 4 << 20);
    bed.operations.trim();
    CHECK(bed.memory() == 0);
    CHECK(bed.run(4 << 20) != nullptr);
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
