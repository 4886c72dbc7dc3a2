#include "frontend/device_lock.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <fmt/core.h>
#include <stdexcept>
#include <sys/file.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace pvscsi::frontend {

namespace {

using namespace std::chrono_literals;
constexpr auto patience = 2s;
constexpr auto pause = 10ms;

/// What the holder has written of itself; it may be gone by now, or about to write.
std::string holder(int file) {
    std::array<char, 64> text{};
    const ssize_t size = ::pread(file, text.data(), text.size(), 0);
    return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : "another program";
}

} // namespace

DeviceLock::DeviceLock(const std::string& path)
    : file_(adopt_fd, ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (!file_)
        throw std::system_error(errno, std::generic_category(), path);
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            throw std::system_error(errno, std::generic_category(), path);
        if (std::chrono::steady_clock::now() > deadline)
            throw std::runtime_error(
                fmt::format("the device is in use by {}: end it, or run this under the same "
                            "pvscsi-run",
                            holder(file_.get())));
        std::this_thread::sleep_for(pause);
    }
    const std::string self =
        fmt::format("{} (process {})", program_invocation_short_name, ::getpid());
    if (::ftruncate(file_.get(), 0) == 0)
        (void)!::pwrite(file_.get(), self.data(), self.size(), 0);
}

} // namespace pvscsi::frontend
