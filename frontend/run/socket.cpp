#include "frontend/run/socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>

namespace pvscsi::run {

namespace {

constexpr int backlog = 64;

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
        throw std::system_error(ENAMETOOLONG, std::generic_category(), path);
    std::copy(path.begin(), path.end(), address.sun_path);
    return address;
}

UniqueFd make_socket(int flags) {
    UniqueFd fd(adopt_fd, socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
    if (!fd)
        throw std::system_error(errno, std::generic_category(), "socket");
    return fd;
}

} // namespace

UniqueFd listen_on(const std::string& path) {
    UniqueFd fd = make_socket(SOCK_NONBLOCK);
    const sockaddr_un address = address_of(path);
    // Whoever can connect has the guest's disks: the owner alone, from the first moment on.
    const mode_t old_mask = umask(0177);
    const bool bound =
        bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    const int error = errno;
    umask(old_mask);
    if (!bound || listen(fd.get(), backlog) != 0)
        throw std::system_error(bound ? errno : error, std::generic_category(), path);
    return fd;
}

UniqueFd connect_to(const std::string& path) {
    const sockaddr_un address = address_of(path);
    UniqueFd fd = make_socket(0);
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        fd.reset();
    return fd;
}

bool send_answer(int socket, const wire::Answer& answer, int descriptor) noexcept {
    wire::Answer copy = answer;
    iovec data{&copy, sizeof(copy)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (descriptor >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        std::memcpy(CMSG_DATA(header), &descriptor, sizeof(descriptor));
    }
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(answer);
}

} // namespace pvscsi::run
