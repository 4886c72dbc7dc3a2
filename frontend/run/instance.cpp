#include "frontend/run/instance.hpp"

#include "frontend/run/socket.hpp"
#include "frontend/run/wire.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <fmt/core.h>
#include <optional>
#include <stdexcept>
#include <sys/file.h>
#include <sys/socket.h>
#include <system_error>
#include <thread>

namespace pvscsi::run {

namespace {

using namespace std::chrono_literals;

// An owner that starts holds the lock before its socket is there, while the backend connects; one
// that ends has closed the socket before it lets go of the lock.
constexpr auto patience = 60s;
constexpr auto pause = 20ms;

UniqueFd open_lock(const std::string& path) {
    UniqueFd lock(adopt_fd, open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock)
        throw std::system_error(errno, std::generic_category(), path);
    return lock;
}

bool is_locked_by_us(const UniqueFd& lock, const std::string& path) {
    if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno != EWOULDBLOCK && errno != EINTR)
        throw std::system_error(errno, std::generic_category(), path);
    return false;
}

std::vector<std::string> read_nodes(int connection) {
    std::vector<std::string> nodes;
    for (;;) {
        std::array<char, 128> name;
        const ssize_t size = recv(connection, name.data(), name.size(), 0);
        if (size <= 0)
            throw std::runtime_error("the running pvscsi-run ended while this one joined it");
        if (size == 1 && name[0] == '\n')
            return nodes;
        nodes.emplace_back(name.data(), static_cast<std::size_t>(size));
    }
}

/// Empty: nobody listens there.
std::optional<Membership> join(const std::string& path) {
    UniqueFd fd = connect_to(path);
    if (!fd)
        return {};
    const wire::Hello hello{wire::magic, wire::version, wire::Op::join, 0, 0, 0, 0, 0};
    wire::Answer answer{};
    if (send(fd.get(), &hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello) ||
        recv(fd.get(), &answer, sizeof(answer), 0) != sizeof(answer))
        return {};
    if (answer.error != 0)
        throw std::runtime_error(
            fmt::format("{} belongs to a pvscsi-run of another version: end that one first", path));
    Membership membership;
    membership.nodes = read_nodes(fd.get());
    membership.connection = std::move(fd);
    return membership;
}

} // namespace

Instance take_or_join(const std::string& base) {
    const std::string lock_path = base + ".lock";
    Instance instance;
    instance.socket_path = base + ".sock";
    UniqueFd lock = open_lock(lock_path);
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        if (is_locked_by_us(lock, lock_path)) {
            unlink(instance.socket_path.c_str()); // of an owner that was killed
            instance.lock = std::move(lock);
            return instance;
        }
        if (auto membership = join(instance.socket_path)) {
            instance.membership = std::move(*membership);
            return instance;
        }
        if (std::chrono::steady_clock::now() > deadline)
            throw std::runtime_error(fmt::format(
                "another pvscsi-run holds {} but does not answer on {}: is it still connecting, or "
                "stopped?",
                lock_path, instance.socket_path));
        std::this_thread::sleep_for(pause);
    }
}

} // namespace pvscsi::run
