#include "frontend/run/preload/node.hpp"

#include "frontend/run/preload/files.hpp"
#include "frontend/run/preload/real.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace pvscsi::preload {

namespace wire = run::wire;

namespace {

sockaddr_un server;
bool have_server = false;

// Taken at the start: a program may change its environment as it likes later.
[[gnu::constructor]] void read_environment() noexcept {
    const char* path = std::getenv(wire::socket_variable);
    server.sun_family = AF_UNIX;
    if (path == nullptr || std::strlen(path) >= sizeof(server.sun_path))
        return;
    std::strcpy(server.sun_path, path);
    have_server = true;
}

/// A decimal number up to `max` that ends in `end`; moves past that. False: it is none.
bool parse_number(const char*& text, char end, std::uint32_t max, std::uint32_t& value) noexcept {
    std::uint64_t number = 0;
    const char* start = text;
    while (*text >= '0' && *text <= '9' && number <= max)
        number = number * 10 + static_cast<std::uint64_t>(*text++ - '0');
    if (text == start || number > max || *text != end)
        return false;
    if (end != '\0')
        ++text;
    value = static_cast<std::uint32_t>(number);
    return true;
}

int connect_to_server() noexcept {
    if (!have_server)
        read_environment();
    if (!have_server) {
        errno = ENXIO;
        return -1;
    }
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof(server)) == 0)
        return fd;
    real().close(fd);
    errno = ENXIO; // the node is known, its device is not there
    return -1;
}

/// Sends a Hello and takes the Answer, with the memory file if there is one in it. 0 or an errno.
int greet(int fd, const wire::Hello& hello, wire::Answer& answer, int& memory) noexcept {
    memory = -1;
    if (send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello))
        return ENXIO;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    iovec data{&answer, sizeof(answer)};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    ssize_t size = 0;
    do
        size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size != sizeof(answer))
        return ENXIO;
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS)
        std::memcpy(&memory, CMSG_DATA(header), sizeof(memory));
    return answer.error;
}

wire::Hello hello_for(wire::Op op, const Address& address, bool exclusive) noexcept {
    return {wire::magic,     wire::version,  op,          address.host,
            address.channel, address.target, address.lun, exclusive};
}

/// Maps the server's memory file and enters the descriptor in the table. 0 or an errno.
int adopt(int fd, int memory, int flags) noexcept {
    struct stat status {};
    if (memory < 0 || fstat(memory, &status) != 0 ||
        static_cast<std::size_t>(status.st_size) < wire::page_bytes)
        return ENXIO;
    const auto size = static_cast<std::size_t>(status.st_size);
    void* mapped = real().mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (mapped == MAP_FAILED)
        return errno;
    auto* page = static_cast<wire::Page*>(mapped);
    if (wire::memory_size(page->region_size) != size) {
        munmap(mapped, size);
        return ENXIO;
    }
    return install(fd, page, size, flags & O_ACCMODE) ? 0 : EMFILE;
}

/// Sets what the program asked for on the descriptor itself. Not before: the handshake blocks.
void apply_flags(int fd, int flags) noexcept {
    if ((flags & O_NONBLOCK) != 0)
        real().fcntl(fd, F_SETFL, O_NONBLOCK);
    if ((flags & O_CLOEXEC) == 0)
        real().fcntl(fd, F_SETFD, 0);
}

} // namespace

Name classify(const char* path, Address& address) noexcept {
    // The C library declares its path arguments as never null; programs do not always agree.
    asm("" : "+r"(path));
    constexpr std::size_t length = sizeof(wire::node_directory) - 1;
    if (path == nullptr || std::strncmp(path, wire::node_directory, length) != 0)
        return Name::other;
    const char* rest = path + length;
    if (*rest == '\0' || std::strcmp(rest, "/") == 0)
        return Name::directory;
    if (*rest++ != '/')
        return Name::other;
    std::uint32_t channel = 0;
    std::uint32_t target = 0;
    std::uint32_t lun = 0;
    if (!parse_number(rest, ':', UINT32_MAX, address.host) ||
        !parse_number(rest, ':', UINT16_MAX, channel) ||
        !parse_number(rest, ':', UINT16_MAX, target) || !parse_number(rest, '\0', UINT16_MAX, lun))
        return Name::unknown_node;
    address.channel = static_cast<std::uint16_t>(channel);
    address.target = static_cast<std::uint16_t>(target);
    address.lun = static_cast<std::uint16_t>(lun);
    return Name::node;
}

int open_node(const Address& address, int flags) noexcept {
    const bool exclusive = (flags & O_EXCL) != 0;
    if (exclusive && (flags & O_ACCMODE) == O_RDONLY) {
        errno = EPERM;
        return -1;
    }
    const int fd = connect_to_server();
    if (fd < 0)
        return -1;
    wire::Answer answer{};
    int memory = -1;
    int error = greet(fd, hello_for(wire::Op::open, address, exclusive), answer, memory);
    if (error == 0)
        error = adopt(fd, memory, flags);
    if (memory >= 0)
        real().close(memory);
    if (error == 0) {
        apply_flags(fd, flags);
        return fd;
    }
    real().close(fd);
    errno = error;
    return -1;
}

int ask_minor(const Address& address, std::uint32_t& minor) noexcept {
    const int fd = connect_to_server();
    if (fd < 0)
        return errno;
    wire::Answer answer{};
    int memory = -1;
    const int error = greet(fd, hello_for(wire::Op::stat, address, false), answer, memory);
    if (memory >= 0)
        real().close(memory);
    real().close(fd);
    minor = answer.minor;
    return error;
}

} // namespace pvscsi::preload
