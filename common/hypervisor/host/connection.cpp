#include "common/hypervisor/host/connection.hpp"

#include "common/hypervisor/host/seqpacket.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/time.h>

namespace pvscsi::hv::host {

namespace {

// Only a broker that hangs takes this long.
constexpr timeval answer_timeout{30, 0};

} // namespace

Result<void> check(const BrokerConnection::Received& received, std::size_t expected_fds) {
    if (received.reply.error != 0)
        return unexpected_errno(received.reply.error);
    if (received.reply.status == GrantStatus::ok && received.fds.size() != expected_fds)
        return unexpected_errno(EMFILE);
    return {};
}

BrokerConnection::BrokerConnection(const std::string& path) : socket_(connect_seqpacket(path)) {
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &answer_timeout, sizeof answer_timeout);
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &answer_timeout, sizeof answer_timeout);
    Request request;
    request.op = Op::attach;
    request.number = protocol_version;
    auto attached = call(request);
    const Result<void> good =
        attached ? check(*attached, 3) : Result<void>(unexpected(attached.error()));
    if (!good)
        throw std::system_error(good.error(), "cannot attach to the domain behind " + path);
    self_ = DomId{attached->reply.domain};
    pool_fd_ = std::move(attached->fds[0]);
    table_ = Mapping(attached->fds[1].get(), 0, sizeof(GrantTablePages), Access::read_write);
    copiers_ = Mapping(attached->fds[2].get(), 0, sizeof(CopierPages), Access::read_only);
}

Result<BrokerConnection::Received> BrokerConnection::call(const Request& request,
                                                          std::span<const std::byte> body) {
    const std::scoped_lock lock(mutex_);
    if (!socket_)
        return unexpected_errno(ENOTCONN);
    auto received = exchange(request, body);
    // A late answer would be taken for that of the next request.
    if (!received)
        socket_.reset();
    return received;
}

Result<BrokerConnection::Received> BrokerConnection::exchange(const Request& request,
                                                              std::span<const std::byte> body) {
    const auto head = std::as_bytes(std::span(&request, 1));
    if (auto sent = send_message(socket_.get(), head, body, {}, 0); !sent)
        return unexpected(sent.error());
    std::array<std::byte, max_message> buffer;
    auto message = receive_message(socket_.get(), buffer, 0);
    if (!message)
        return unexpected(message.error());
    if (message->size < sizeof(Reply))
        return unexpected_errno(ECONNRESET);
    Received received;
    std::memcpy(&received.reply, buffer.data(), sizeof(Reply));
    const auto rest = std::span(buffer).first(message->size).subspan(sizeof(Reply));
    received.body.assign(rest.begin(), rest.end());
    received.fds = std::move(message->fds);
    return received;
}

void BrokerConnection::tell(const Request& request) noexcept {
    try {
        (void)call(request);
    } catch (const std::exception&) {
        // Out of memory; the broker releases everything when we hang up.
    }
}

} // namespace pvscsi::hv::host
