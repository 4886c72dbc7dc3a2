#include "tests/support/target_host.hpp"

#include "tests/support/manual_worker.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace pvscsi::test {

using backend::Request;
using backend::Step;

namespace {

ring::Command command_of(const Bytes& cdb, bool out, std::uint32_t length) {
    ring::WireRequest wire{};
    wire.act = 1;
    wire.cmd_len = static_cast<std::uint8_t>(cdb.size());
    std::ranges::copy(cdb, wire.cmnd.begin());
    wire.sc_data_direction = length == 0 ? 3 : out ? 1 : 2;
    wire.nr_segments = length == 0 ? 0 : 1;
    wire.seg[0] = {1, 0, 1};
    ring::SegmentList segments(ring::max_direct_segments);
    const auto command = ring::parse(wire, {}, segments);
    if (!command)
        throw std::logic_error("a test's own command was rejected");
    return *command;
}

} // namespace

bool Answer::is(scsi::SenseKey key, unsigned asc, unsigned ascq) const {
    const bool same = host == scsi::HostCode::ok && status == scsi::Status::check_condition &&
                      sense.key() == key && sense.asc() == asc && sense.ascq() == ascq;
    if (!same)
        UNSCOPED_INFO("host code " << static_cast<int>(host) << ", status "
                                   << static_cast<int>(status) << ", sense "
                                   << static_cast<int>(sense.key()) << "/" << int{sense.asc()}
                                   << "/" << int{sense.ascq()});
    return same;
}

std::span<std::byte> TargetHost::Flight::memory(std::size_t size, std::size_t most) {
    if (!memory_)
        memory_.reset(static_cast<std::byte*>(std::aligned_alloc(4096, most)));
    if (size > touched_)
        std::memset(memory_.get() + touched_, 0xee, size - std::exchange(touched_, size));
    return {memory_.get(), size};
}

TargetHost::TargetHost(std::unique_ptr<backend::Target> target, std::size_t largest_transfer)
    : target_(std::move(target)), largest_transfer_(largest_transfer) {
    target_->attach(worker_);
}

TargetHost::~TargetHost() {
    target_->detach();
}

TargetHost::Flight& TargetHost::flight_of(Request& request) {
    return **std::ranges::find_if(
        flights_, [&](const auto& flight) { return &flight->request_ == &request; });
}

void TargetHost::end(Flight& flight) {
    const backend::Outcome& outcome = flight.request_.outcome;
    flight.ended_ = true;
    ++flight.endings_;
    flight.answer_ = {outcome.host, outcome.status, outcome.sense, {}, 0};
    const std::uint32_t length = flight.request_.length();
    std::size_t moved = outcome.consumed;
    if (flight.request_.direction() == ring::Direction::from_device) {
        moved = outcome.data_in.size() + outcome.unmoved;
        const auto* data = reinterpret_cast<const std::uint8_t*>(outcome.data_in.data());
        flight.answer_.data.assign(data,
                                   data + std::min<std::size_t>(outcome.data_in.size(), length));
    }
    flight.answer_.residual =
        length - static_cast<std::uint32_t>(std::min<std::size_t>(moved, length));
}

void TargetHost::finished(Request& request) noexcept {
    end(flight_of(request));
}

std::span<std::byte> TargetHost::buffer(Request& request, std::size_t size) noexcept {
    if (size > largest_transfer_)
        return {};
    return flight_of(request).memory(size, largest_transfer_);
}

TargetHost::Flight& TargetHost::prepare(const Bytes& cdb, bool out, std::uint32_t length) {
    flights_.push_back(std::unique_ptr<Flight>(new Flight(*this)));
    Flight& flight = *flights_.back();
    flight.request_.prepare(command_of(cdb, out, length), length);
    return flight;
}

TargetHost::Flight& TargetHost::send(const Bytes& cdb, const Bytes& out, std::uint32_t in_length) {
    const bool to_device = !out.empty();
    Flight& flight =
        prepare(cdb, to_device, to_device ? static_cast<std::uint32_t>(out.size()) : in_length);
    Step step = target_->start(flight.request_);
    if (step == Step::need_data) {
        const auto where = flight.request_.data();
        if (where.size() > out.size())
            throw std::logic_error("the target wants more data-out than there is");
        std::memcpy(where.data(), out.data(), where.size());
        step = target_->resume(flight.request_);
        if (step == Step::need_data)
            throw std::logic_error("the target wants data-out twice");
    }
    if (step == Step::done)
        end(flight);
    return flight;
}

TargetHost::Flight& TargetHost::send_without_data(const Bytes& cdb, std::uint32_t out_length) {
    Flight& flight = prepare(cdb, true, out_length);
    if (target_->start(flight.request_) != Step::need_data)
        throw std::logic_error("the target does not want data-out");
    return flight;
}

bool TargetHost::wait(Flight& flight) {
    return drive_until(worker_, [&] { return flight.ended_; });
}

Answer TargetHost::finish(Flight& flight) {
    if (!wait(flight))
        throw std::runtime_error("the command does not end");
    Answer answer = flight.answer_;
    std::erase_if(flights_, [&](const auto& one) { return one.get() == &flight; });
    return answer;
}

} // namespace pvscsi::test
