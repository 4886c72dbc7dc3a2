#include "tests/support/fake_transport.hpp"

#include <algorithm>
#include <cstring>
#include <sys/eventfd.h>

namespace pvscsi::test {

namespace {

constexpr std::size_t block = 512;
constexpr std::size_t memory_size = 1 << 20;
constexpr std::array<std::uint8_t, 18> sense = {0x70, 0, 0x5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24};

} // namespace

FakeTransport::FakeTransport(std::vector<Hctl> luns)
    : wake_(adopt_fd, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), luns_(std::move(luns)) {
    for (const Hctl& address : luns_)
        memory_[address].resize(memory_size);
}

FakeTransport::~FakeTransport() {
    if (destroyed_)
        destroyed_();
}

void FakeTransport::close() {
    {
        const std::lock_guard lock(mutex_);
        connected_ = false;
        events_.push_back({Event::Kind::closed, {}, "closed by the test"});
    }
    wake();
}

void FakeTransport::wake() const {
    eventfd_write(wake_.get(), 1);
}

void FakeTransport::release(unsigned count) {
    {
        const std::lock_guard lock(mutex_);
        to_release_ += count;
    }
    wake();
}

void FakeTransport::set_connected(bool connected) {
    {
        const std::lock_guard lock(mutex_);
        connected_ = connected;
        events_.push_back(
            {connected ? Event::Kind::reconnected : Event::Kind::disconnected, {}, {}});
    }
    wake();
}

void FakeTransport::remove_lun(const Hctl& address) {
    {
        const std::lock_guard lock(mutex_);
        std::erase(luns_, address);
        events_.push_back({Event::Kind::lun_removed, address, {}});
    }
    wake();
}

void FakeTransport::add_lun(const Hctl& address) {
    {
        const std::lock_guard lock(mutex_);
        luns_.push_back(address);
        memory_[address].resize(memory_size);
        events_.push_back({Event::Kind::lun_added, address, {}});
    }
    wake();
}

void FakeTransport::wait_until_held(unsigned count) {
    std::unique_lock lock(mutex_);
    held_changed_.wait(lock, [&] { return held_.size() >= count; });
}

unsigned FakeTransport::resets() const {
    const std::lock_guard lock(mutex_);
    return resets_;
}

std::vector<Hctl> FakeTransport::luns() const {
    const std::lock_guard lock(mutex_);
    return luns_;
}

bool FakeTransport::connected() const noexcept {
    const std::lock_guard lock(mutex_);
    return connected_;
}

unsigned FakeTransport::free_slots() const noexcept {
    const std::lock_guard lock(mutex_);
    return static_cast<unsigned>(16 - std::min<std::size_t>(16, ready_.size() + held_.size()));
}

SubmitResult FakeTransport::submit(const ScsiCommand& command, CompletionHandler done) {
    if (command.cdb[0] == op_bad)
        return {0, SubmitError::bad_command};
    const std::lock_guard lock(mutex_);
    if (!connected_)
        return {0, SubmitError::not_connected};
    Pending pending{command, {}, std::move(done)};
    std::ranges::copy(command.cdb, pending.cdb.begin());
    if (command.cdb[0] == op_hold) {
        held_.push_back(std::move(pending));
        held_changed_.notify_all();
    } else {
        ready_.push_back(std::move(pending));
    }
    return {1, SubmitError::none};
}

void FakeTransport::reset(const Hctl&, std::function<void(bool)> done) {
    {
        const std::lock_guard lock(mutex_);
        ++resets_;
        to_release_ += static_cast<unsigned>(held_.size());
    }
    done(true);
}

void FakeTransport::run(Pending& pending) {
    Completion completion;
    const auto& cdb = pending.cdb;
    const std::span<std::byte> data = pending.command.data;
    auto& memory = memory_[pending.command.address];
    switch (cdb[0]) {
    case op_host_code:
        completion.host = static_cast<Host>(cdb[1]);
        completion.status = cdb[2];
        if (cdb[2] != 0)
            completion.sense = sense;
        break;
    case op_status:
        completion.status = cdb[1];
        completion.sense = sense;
        completion.residual = static_cast<std::uint32_t>(data.size());
        break;
    case op_short:
        completion.residual = cdb[1];
        [[fallthrough]];
    case 0x28: // READ (10)
        std::copy_n(memory.begin() + cdb[5] * static_cast<std::ptrdiff_t>(block),
                    data.size() - completion.residual, data.begin());
        break;
    case 0x2a: // WRITE (10)
        std::ranges::copy(data, memory.begin() + cdb[5] * static_cast<std::ptrdiff_t>(block));
        break;
    case 0x12: // INQUIRY: a tape, so that it is no default
        std::ranges::fill(data, std::byte{0});
        data[0] = std::byte{1};
        break;
    default:
        break;
    }
    pending.done(completion);
}

std::size_t FakeTransport::poll() {
    std::deque<Pending> finished;
    std::deque<Event> events;
    {
        const std::lock_guard lock(mutex_);
        finished.swap(ready_);
        events.swap(events_);
        for (; to_release_ != 0 && !held_.empty(); --to_release_) {
            finished.push_back(std::move(held_.front()));
            held_.pop_front();
        }
        to_release_ = 0;
    }
    for (Pending& pending : finished)
        run(pending);
    for (const Event& event : events)
        event_(event);
    return finished.size();
}

bool FakeTransport::prepare_to_sleep() {
    eventfd_t count = 0;
    eventfd_read(wake_.get(), &count);
    const std::lock_guard lock(mutex_);
    return ready_.empty() && to_release_ == 0 && events_.empty();
}

} // namespace pvscsi::test
