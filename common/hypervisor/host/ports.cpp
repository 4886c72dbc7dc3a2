#include "common/hypervisor/host/ports.hpp"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace pvscsi::hv::host {

namespace {

UniqueFd make_pipe() {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK) != 0)
        throw std::system_error(errno, std::generic_category(), "cannot make a pipe");
    const UniqueFd read_end(adopt_fd, fds[0]);
    const UniqueFd write_end(adopt_fd, fds[1]);
    auto both = reopen(read_end.get(), O_RDWR | O_NONBLOCK);
    if (!both)
        throw std::system_error(both.error(), "cannot open a pipe");
    // One byte at a time is all it ever holds; a kernel that refuses only wastes memory.
    ::fcntl(both->get(), F_SETPIPE_SZ, static_cast<int>(page_size));
    return std::move(*both);
}

} // namespace

PortTable::Channel::Channel()
    : page_fd(make_sealed_memfd("pvscsi-channel", page_size)),
      page(page_fd.get(), 0, page_size, Access::read_write), pipes{make_pipe(), make_pipe()} {}

Result<std::uint32_t> PortTable::free_port(DomId domain) {
    // Not the lowest free one at once: a stale number should not mean somebody else's port.
    constexpr std::uint32_t highest = 4 * limit;
    const auto begin = ports_.lower_bound({domain, 0});
    const auto end = ports_.upper_bound({domain, highest});
    if (std::distance(begin, end) >= static_cast<std::ptrdiff_t>(limit))
        return unexpected_errno(ENOSPC);
    std::uint32_t& next = next_[domain];
    do
        next = next % highest + 1;
    while (ports_.contains({domain, next}));
    return next;
}

Result<OpenedPort> PortTable::hand_out(const Channel& channel, std::uint32_t end,
                                       std::uint32_t port) {
    auto page = reopen(channel.page_fd.get(), O_RDWR);
    auto own = reopen(channel.pipes[end].get(), O_RDWR | O_NONBLOCK);
    auto peer = reopen(channel.pipes[1 - end].get(), O_RDWR | O_NONBLOCK);
    for (const auto* fd : {&page, &own, &peer})
        if (!*fd)
            return unexpected(fd->error());
    return OpenedPort{port, end, std::move(*page), std::move(*own), std::move(*peer)};
}

Result<OpenedPort> PortTable::alloc_unbound(DomId own, DomId remote) try {
    const auto port = free_port(own);
    if (!port)
        return unexpected(port.error());
    auto channel = std::make_shared<Channel>();
    auto opened = hand_out(*channel, 0, *port);
    if (!opened)
        return opened;
    channel->ends[0] = {own, *port};
    channel->ends[1] = {remote, 0};
    // Masked: nobody is there to be woken by a notification.
    channel->page.as<ChannelPage>().ends[1].state = ChannelPage::masked;
    ports_.emplace(Key{own, *port}, Entry{std::move(channel), 0});
    return opened;
} catch (const std::system_error& e) {
    return unexpected(e.code());
}

Result<OpenedPort> PortTable::bind(DomId own, DomId remote, std::uint32_t remote_port) {
    const auto found = ports_.find({remote, remote_port});
    if (found == ports_.end())
        return unexpected_errno(EINVAL);
    const std::shared_ptr<Channel> channel = found->second.channel;
    const std::uint32_t end = 1 - found->second.end;
    if (channel->ends[end].port != 0 || channel->ends[end].domain != own)
        return unexpected_errno(EINVAL);
    const auto port = free_port(own);
    if (!port)
        return unexpected(port.error());
    auto opened = hand_out(*channel, end, *port);
    if (!opened)
        return opened;
    channel->ends[end].port = *port;
    ports_.emplace(Key{own, *port}, Entry{channel, end});
    // As Xen does: what the peer signalled before is not lost, so one event is pending.
    channel->page.as<ChannelPage>().ends[end].state = ChannelPage::pending | ChannelPage::signalled;
    const char token = 1;
    // A full pipe is as readable as one with a single byte.
    [[maybe_unused]] const ssize_t written = ::write(channel->pipes[end].get(), &token, 1);
    return opened;
}

void PortTable::part(const Entry& entry) {
    entry.channel->ends[entry.end].port = 0;
    entry.channel->page.as<ChannelPage>().ends[entry.end].state = ChannelPage::masked;
}

void PortTable::close(DomId domain, std::uint32_t port) {
    const auto found = ports_.find({domain, port});
    if (found == ports_.end())
        return;
    part(found->second);
    ports_.erase(found);
}

void PortTable::close_all(DomId domain) {
    auto it = ports_.lower_bound({domain, 0});
    while (it != ports_.end() && it->first.first == domain) {
        part(it->second);
        it = ports_.erase(it);
    }
    next_.erase(domain);
}

} // namespace pvscsi::hv::host
