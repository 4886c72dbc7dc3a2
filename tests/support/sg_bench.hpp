// A target on a loop of its own, driven as the queue drives it.
#pragma once

#include "backend/targets/sg/target.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

namespace pvscsi::test {

using Bytes = std::vector<unsigned char>;

inline ring::Command command(const Bytes& cdb, ring::Direction direction,
                             std::uint16_t timeout = 0) {
    ring::WireRequest wire{};
    wire.act = 1;
    wire.cmd_len = static_cast<std::uint8_t>(cdb.size());
    std::copy(cdb.begin(), cdb.end(), wire.cmnd.begin());
    wire.timeout_per_command = timeout;
    wire.sc_data_direction = direction == ring::Direction::to_device     ? 1
                             : direction == ring::Direction::from_device ? 2
                                                                         : 3;
    wire.nr_segments = direction == ring::Direction::none ? 0 : 1;
    wire.seg[0] = {1, 0, 512};
    ring::SegmentList segments(ring::max_direct_segments);
    return ring::parse(wire, {}, segments).value();
}

inline const Bytes read_block{0x28, 0, 0, 0, 0, 7, 0, 0, 1, 0};
inline const Bytes write_block{0x2a, 0xe8, 0, 0, 0, 7, 0, 0, 1, 0};
inline const Bytes test_unit_ready{0, 0, 0, 0, 0, 0};

/// In the queue's place: counts how often a request is finished.
class Owner final : public backend::RequestOwner {
  public:
    void finished(backend::Request& request) noexcept override { ended.push_back(&request); }
    std::span<std::byte> buffer(backend::Request&, std::size_t) noexcept override { return {}; }
    [[nodiscard]] auto times(const backend::Request& request) const {
        return std::count(ended.begin(), ended.end(), &request);
    }
    std::vector<backend::Request*> ended;
};

struct TargetBench {
    TargetBench() {
        for (unsigned i = 0; i < 17; ++i)
            requests.push_back(std::make_unique<backend::Request>(owner));
    }
    ~TargetBench() {
        if (target)
            target->detach();
        target.reset();
        settle();
    }
    TargetBench(const TargetBench&) = delete;
    TargetBench& operator=(const TargetBench&) = delete;

    /// Lets the loop do what is ready.
    void settle() {
        context.restart();
        context.poll();
    }
    template <class Condition>
    void settle_until(Condition condition, std::chrono::seconds limit = std::chrono::seconds(10)) {
        const auto end = std::chrono::steady_clock::now() + limit;
        while (!condition()) {
            REQUIRE(std::chrono::steady_clock::now() < end);
            context.restart();
            context.run_one_for(std::chrono::milliseconds(10));
        }
    }

    backend::Step start(unsigned i, const ring::Command& what, std::uint32_t length) {
        if (!at_device.contains(i) || ended(i)) // it is answered before the slot is used again
            target->answered(*requests[i]);
        owner.ended.erase(std::remove(owner.ended.begin(), owner.ended.end(), requests[i].get()),
                          owner.ended.end());
        requests[i]->prepare(what, length);
        return noted(i, target->start(*requests[i]));
    }
    backend::Step noted(unsigned i, backend::Step step) {
        if (step == backend::Step::pending)
            at_device.insert(i);
        else
            at_device.erase(i);
        return step;
    }
    backend::Step start(unsigned i, const Bytes& cdb, std::uint32_t length,
                        std::uint16_t timeout = 0) {
        const auto direction = length == 0 ? ring::Direction::none : ring::Direction::from_device;
        return start(i, command(cdb, direction, timeout), length);
    }
    backend::Step start_out(unsigned i, const Bytes& cdb, const Bytes& data) {
        const auto size = static_cast<std::uint32_t>(data.size());
        const auto step = start(i, command(cdb, ring::Direction::to_device), size);
        if (step != backend::Step::need_data)
            return step;
        REQUIRE(requests[i]->data().size() == size);
        std::memcpy(requests[i]->data().data(), data.data(), size);
        return noted(i, target->resume(*requests[i]));
    }
    backend::Step read(unsigned i, std::uint32_t length = 512, std::uint16_t timeout = 0) {
        return start(i, read_block, length, timeout);
    }
    backend::Step write(unsigned i, const Bytes& data) { return start_out(i, write_block, data); }

    const backend::Outcome& outcome(unsigned i) { return requests[i]->outcome; }
    bool ended(unsigned i) { return owner.times(*requests[i]) != 0; }
    Bytes data_in(unsigned i) {
        const auto* data = reinterpret_cast<const unsigned char*>(outcome(i).data_in.data());
        return {data, data + outcome(i).data_in.size()};
    }
    /// Asks for a reset; what it came to, once it has.
    std::shared_ptr<std::optional<bool>> reset() {
        auto result = std::make_shared<std::optional<bool>>();
        target->reset([result](bool success) { *result = success; });
        return result;
    }

    boost::asio::io_context context{1};
    Owner owner;
    std::vector<std::unique_ptr<backend::Request>> requests;
    std::set<unsigned> at_device;
    std::unique_ptr<backend::Target> target;
    std::vector<std::string> failures;
};

struct SgBench : TargetBench {
    void attach(std::shared_ptr<backend::SgDevice> device, bool read_only,
                backend::SgPatience patience, std::chrono::seconds longest = {},
                std::shared_ptr<backend::SgLeftovers> leftovers =
                    std::make_shared<backend::SgLeftovers>()) {
        auto sg = std::make_unique<backend::SgTarget>(std::move(device), read_only, patience,
                                                      longest, std::move(leftovers));
        sg->on_failure = [this](const std::string& reason) { failures.push_back(reason); };
        sg->attach(context);
        target = std::move(sg);
    }
    backend::SgTarget& sg() { return static_cast<backend::SgTarget&>(*target); }
};

} // namespace pvscsi::test
