#include "tests/support/child.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace pvscsi::test {

void Talk::say(std::uint64_t number) {
    (void)::send(socket_.get(), &number, sizeof number, MSG_NOSIGNAL);
}

std::optional<std::uint64_t> Talk::hear() {
    std::uint64_t number = 0;
    ssize_t size = 0;
    do
        size = ::recv(socket_.get(), &number, sizeof number, 0);
    while (size < 0 && errno == EINTR);
    if (size != sizeof number)
        return std::nullopt;
    return number;
}

Child::Child(const std::function<void(Talk&)>& body) : talk_(UniqueFd()) {
    std::array<int, 2> fds{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) != 0)
        throw std::system_error(errno, std::generic_category(), "cannot make a socket pair");
    UniqueFd ours(adopt_fd, fds[0]);
    UniqueFd theirs(adopt_fd, fds[1]);
    std::fflush(nullptr);
    pid_ = ::fork();
    if (pid_ < 0)
        throw std::system_error(errno, std::generic_category(), "cannot fork");
    if (pid_ > 0) {
        talk_ = Talk(std::move(ours));
        return;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ours.reset();
    try {
        Talk talk(std::move(theirs));
        body(talk);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "child: %s\n", e.what());
        _exit(1);
    }
    _exit(0);
}

std::uint64_t Child::hear() {
    const auto number = talk_.hear();
    if (!number)
        throw std::runtime_error("the child is gone");
    return *number;
}

void Child::kill() {
    if (pid_ < 0)
        return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

} // namespace pvscsi::test
