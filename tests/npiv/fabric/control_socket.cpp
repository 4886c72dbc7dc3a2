#include "tests/npiv/fabric/control_socket.hpp"

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>

namespace pvscsi::fabric {

namespace {

constexpr std::size_t largest_message = 64 * 1024;

void check(bool good, const std::string& what) {
    if (!good)
        throw std::system_error(errno, std::generic_category(), what);
}

UniqueFd make_socket() {
    UniqueFd fd(adopt_fd, ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    check(static_cast<bool>(fd), "control socket");
    return fd;
}

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        throw std::invalid_argument("too long for a socket: " + path);
    path.copy(address.sun_path, path.size());
    return address;
}

void wait_at_most(int fd, std::chrono::seconds limit) {
    const timeval time{limit.count(), 0};
    check(::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) == 0, "time limit");
}

std::string receive(int fd) {
    std::string message(largest_message, '\0');
    const auto size = ::recv(fd, message.data(), message.size(), 0);
    check(size >= 0, "receive");
    message.resize(static_cast<std::size_t>(size));
    return message;
}

} // namespace

ControlSocket::ControlSocket(const std::string& path) : fd_(make_socket()) {
    const auto address = address_of(path);
    ::unlink(path.c_str());
    check(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
          path);
    check(::listen(fd_.get(), 16) == 0, path);
}

void ControlSocket::serve(const std::function<std::string(const std::string&)>& answer) {
    const UniqueFd peer(adopt_fd, ::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer)
        return;
    try {
        wait_at_most(peer.get(), std::chrono::seconds{1});
        const auto text = answer(receive(peer.get()));
        // Who has gone meanwhile needs none.
        (void)::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL);
    } catch (const std::system_error&) {
        return;
    }
}

std::string ask(const std::string& path, const std::string& command) {
    const auto fd = make_socket();
    const auto address = address_of(path);
    check(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
          path);
    wait_at_most(fd.get(), std::chrono::seconds{10});
    check(::send(fd.get(), command.data(), command.size(), MSG_NOSIGNAL) >= 0, path);
    return receive(fd.get());
}

} // namespace pvscsi::fabric
