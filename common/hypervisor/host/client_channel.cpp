#include "common/hypervisor/host/client_channel.hpp"

#include <cerrno>
#include <unistd.h>

namespace pvscsi::hv::host {

namespace {

constexpr std::uint32_t pending = ChannelPage::pending;
constexpr std::uint32_t masked = ChannelPage::masked;
constexpr std::uint32_t signalled = ChannelPage::signalled;

// An honest peer changes our word once at most while we do. One that keeps changing it must not
// keep us here.
constexpr int max_attempts = 8;
// Bytes that no honest peer writes leave the pipe readable; every so many vain calls look.
constexpr unsigned vain_takes_a_look = 64;

void put_token(int pipe) noexcept {
    const char token = 1;
    // EAGAIN: it is full, hence readable already.
    [[maybe_unused]] const ssize_t written = ::write(pipe, &token, 1);
}

} // namespace

Result<std::unique_ptr<EventChannel>>
HostEventChannel::open(std::shared_ptr<BrokerConnection> broker, const Request& request) {
    auto received = broker->call(request);
    if (!received)
        return unexpected(received.error());
    if (received->reply.error != 0)
        return unexpected_errno(received->reply.error);
    const Request give_up{.op = Op::close_port, .number = received->reply.number};
    if (const auto good = check(*received, 3); !good) {
        broker->tell(give_up);
        return unexpected(good.error());
    }
    try {
        Mapping page(received->fds[0].get(), 0, page_size, Access::read_write);
        return std::make_unique<HostEventChannel>(
            broker, EvtchnPort{received->reply.number}, received->reply.count & 1, std::move(page),
            std::move(received->fds[1]), std::move(received->fds[2]));
    } catch (const std::system_error& e) {
        broker->tell(give_up);
        return unexpected(e.code());
    }
}

HostEventChannel::HostEventChannel(std::shared_ptr<BrokerConnection> broker, EvtchnPort port,
                                   std::uint32_t end, Mapping page, UniqueFd own, UniqueFd peer)
    : broker_(std::move(broker)), port_(port), end_(end), page_(std::move(page)),
      own_(std::move(own)), peer_(std::move(peer)) {}

HostEventChannel::~HostEventChannel() {
    broker_->tell({.op = Op::close_port, .number = port_.value()});
}

bool HostEventChannel::drain() const noexcept {
    std::array<char, page_size> tokens;
    return ::read(own_.get(), tokens.data(), tokens.size()) > 0;
}

bool HostEventChannel::take() noexcept {
    std::uint32_t state = own_state().load(std::memory_order_acquire);
    const bool vain = (state & (pending | masked)) != pending;
    const bool look = (state & signalled) != 0 || (vain && ++vain_takes_ % vain_takes_a_look == 0);
    if (look && drain())
        // A notifier that came between saw the flag and wrote nothing, or we have just drained what
        // it wrote: either way its event is in `state`.
        state = own_state().fetch_and(~signalled) & ~signalled;
    for (int i = 0; i < max_attempts && (state & (pending | masked)) == pending; ++i) {
        if (own_state().compare_exchange_strong(state, (state & ~pending) | masked))
            return true;
    }
    return false;
}

void HostEventChannel::unmask() noexcept {
    const std::uint32_t before = own_state().fetch_and(~masked);
    if ((before & pending) == 0)
        return;
    // An event came while we were masked, and its notifier left the pipe alone.
    if ((own_state().fetch_or(signalled) & signalled) == 0)
        put_token(own_.get());
}

void HostEventChannel::notify() noexcept {
    // A full fence in any case: what we wrote before is visible when the peer takes the event.
    const std::uint32_t before = peer_state().fetch_or(pending);
    if ((before & (pending | masked)) != 0)
        return;
    if ((peer_state().fetch_or(signalled) & signalled) == 0)
        put_token(peer_.get());
}

} // namespace pvscsi::hv::host
