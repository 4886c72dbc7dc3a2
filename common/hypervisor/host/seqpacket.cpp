#include "common/hypervisor/host/seqpacket.hpp"

#include "common/hypervisor/host/proto.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>

namespace pvscsi::hv::host {

namespace {

[[noreturn]] void fail(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        fail(ENAMETOOLONG, "the path of the socket " + path + " is too long, use a shorter one");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

UniqueFd make_socket(int flags) {
    UniqueFd socket(adopt_fd, ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
    if (!socket)
        fail(errno, "cannot make a socket");
    return socket;
}

constexpr std::size_t control_size = CMSG_SPACE(sizeof(int) * max_fds);

std::vector<UniqueFd> take_fds(msghdr& header) {
    std::vector<UniqueFd> fds;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            fds.emplace_back(adopt_fd, fd);
        }
    }
    return fds;
}

} // namespace

UniqueFd listen_seqpacket(const std::string& path) {
    const sockaddr_un address = address_of(path);
    UniqueFd socket = make_socket(SOCK_NONBLOCK);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket.get(), SOMAXCONN) != 0)
        fail(errno, "cannot listen on " + path);
    return socket;
}

UniqueFd connect_seqpacket(const std::string& path) {
    const sockaddr_un address = address_of(path);
    UniqueFd socket = make_socket(0);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        const int error = errno;
        const bool nobody = error == ENOENT || error == ECONNREFUSED;
        fail(error, "cannot connect to " + path +
                        (nobody ? ", no pvscsi-hostd serves that directory" : ""));
    }
    return socket;
}

Result<void> send_message(int socket, std::span<const std::byte> head,
                          std::span<const std::byte> body, std::span<const UniqueFd> fds,
                          int flags) {
    std::array<iovec, 2> parts{{{const_cast<std::byte*>(head.data()), head.size()},
                                {const_cast<std::byte*>(body.data()), body.size()}}};
    alignas(cmsghdr) std::array<std::byte, control_size> control{};
    msghdr header{};
    header.msg_iov = parts.data();
    header.msg_iovlen = parts.size();
    if (!fds.empty()) {
        header.msg_control = control.data();
        header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
        cmsghdr* c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
        for (std::size_t i = 0; i < fds.size(); ++i) {
            const int fd = fds[i].get();
            std::memcpy(CMSG_DATA(c) + i * sizeof fd, &fd, sizeof fd);
        }
    }
    ssize_t sent = 0;
    do
        sent = ::sendmsg(socket, &header, flags | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return unexpected_errno(errno);
    return {};
}

Result<Message> receive_message(int socket, std::span<std::byte> buffer, int flags) {
    iovec part{buffer.data(), buffer.size()};
    alignas(cmsghdr) std::array<std::byte, control_size> control{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    ssize_t size = 0;
    do
        size = ::recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return unexpected_errno(errno);
    Message message{static_cast<std::size_t>(size), take_fds(header)};
    if ((header.msg_flags & MSG_TRUNC) != 0)
        return unexpected_errno(EMSGSIZE);
    return message;
}

} // namespace pvscsi::hv::host
